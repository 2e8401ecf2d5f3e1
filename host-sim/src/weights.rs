//! New weights for a split, in the file that has them.
//!
//! Traffic between versions is moved by a number in a file that people keep: with comments, in an order of its
//! own, under version control. So the number is changed and nothing else, to the byte. The files are those that
//! weights stand in: a `WasmPlugin`, a `VirtualService`, a file that Envoy watches for a filter's configuration
//! (ECDS), and a static bootstrap. What kind a file is need not be said; weights are found by their shape:
//! `canary_split` as YAML or inside a text of JSON, and the routes of a `VirtualService`.
//!
//! Three steps, each a file: [`sites`] finds where weights stand, [`plan()`] decides what they become and says
//! what that does to users ([`mod@moves`]), and `splice` changes the numbers one after the other. Each change
//! is read back: it counts only if the whole file then says the same as before but for that number. That is why
//! nothing here has to know how YAML quotes, folds and indents.
//!
//! # Weights that are not named
//! They stay. That is refused where it may not be what is meant: weights that come to 100 are read as percent,
//! and with one of them changed alone they would come to something else.
//!
//! # Limits
//! - Text of JSON inside a text of JSON is not looked into.
//! - A number that an anchor gives to several places is refused, because it cannot change in one of them.
//! - A file behind a symbolic link is replaced where it lies. Envoy, which watches the folder that it was told,
//!   does not see that.

mod moves;
mod replace;
mod select;
mod sites;
mod splice;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::yaml::{self, Place, parse, read_text};

pub use moves::{Moves, moves};
pub use sites::Kind;

/// The largest weight.
pub const MOST_WEIGHT: u32 = (1 << 31) - 1;

/// A version and the weight that it is to have: `v2=30`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub version: String,
    /// Its weight.
    pub weight: u32,
}

/// Why a text is no [`Wanted`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WantedError {
    /// There is no `=`, or nothing before it.
    #[error("found no version with a weight; write both, as in `v2=30`")]
    Form,
    /// The weight is none.
    #[error("found `{0}`; allowed a whole number from 0 to {MOST_WEIGHT}; {1}")]
    Weight(String, &'static str),
}

impl FromStr for Wanted {
    type Err = WantedError;

    fn from_str(text: &str) -> Result<Self, WantedError> {
        let (version, weight) = text.rsplit_once('=').ok_or(WantedError::Form)?;
        if version.is_empty() {
            return Err(WantedError::Form);
        }
        let wrong = |cure| WantedError::Weight(weight.to_owned(), cure);
        let is_number = !weight.is_empty() && weight.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number {
            let is_negative =
                weight.strip_prefix('-').is_some_and(|rest| rest.parse::<u64>().is_ok());
            return Err(wrong(if is_negative { "raise it" } else { "write digits only" }));
        }
        let number = weight.parse().ok().filter(|number| *number <= MOST_WEIGHT);
        let weight = number.ok_or_else(|| wrong("lower all in proportion"))?;
        Ok(Self { version: version.to_owned(), weight })
    }
}

/// Why there are no new weights.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file cannot be read, or what stands in it cannot be changed so.
    #[error(transparent)]
    File(#[from] yaml::Error),
    /// A version is named twice.
    #[error("found `{0}` twice; allowed once; remove one")]
    Twice(String),
    /// There is nothing to change.
    #[error(
        "{}: found neither `canary_split` nor a VirtualService with several destinations; allowed a file that \
         has weights; name the one that the proxy reads", .0.display()
    )]
    Nothing(PathBuf),
    /// Which one is not said, or there is none of this name.
    #[error("{}: found {found}; allowed one of {allowed}; add `--pool` with its name", .file.display())]
    Pool {
        /// The file.
        file: PathBuf,
        /// What was asked for.
        found: String,
        /// Those that there are.
        allowed: String,
    },
    /// The file is another one by now.
    #[error("{}: found a file that somebody else has changed meanwhile; try again", .0.display())]
    Changed(PathBuf),
    /// The new file cannot be put in the place of the old one.
    #[error("{}: cannot be replaced ({reason}); its folder has to be writable", .file.display())]
    Unwritable {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: std::io::Error,
    },
}

/// What becomes of a file.
#[derive(Debug)]
pub struct Plan {
    file: PathBuf,
    before: String,
    after: String,
    /// The splits that have other weights then.
    pub splits: Vec<Split>,
}

/// A split and its weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// What it is.
    pub kind: Kind,
    /// The pool, or the route of a `VirtualService`.
    pub name: String,
    /// Where it stands in the file.
    pub place: Place,
    /// Its path from the root of its document; what lies in a text of JSON comes behind a colon.
    pub path: String,
    /// Its versions, in the order of the file.
    pub versions: Vec<Version>,
}

/// A version of a split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its name.
    pub name: String,
    /// Its weight in the file.
    pub before: u32,
    /// The one that it gets.
    pub after: u32,
}

impl Split {
    /// The share of each version, before and after.
    #[must_use]
    pub fn shares(&self) -> Vec<(f64, f64)> {
        let all = |weight: fn(&Version) -> u32| {
            let all: f64 = self.versions.iter().map(|version| f64::from(weight(version))).sum();
            if all > 0.0 { all } else { 1.0 }
        };
        let (before, after) = (all(|version| version.before), all(|version| version.after));
        let share = |version: &Version| {
            (f64::from(version.before) / before, f64::from(version.after) / after)
        };
        self.versions.iter().map(share).collect()
    }

    /// What the change does to users; nothing where no user is kept at a version.
    #[must_use]
    pub fn moves(&self) -> Option<Moves> {
        let weights =
            |weight: fn(&Version) -> u32| self.versions.iter().map(weight).collect::<Vec<_>>();
        match self.kind {
            Kind::CanarySplit => {
                moves(&weights(|version| version.before), &weights(|version| version.after))
            }
            Kind::VirtualService => None,
        }
    }
}

/// What the file would be with these weights. `pool` says which split, where there are several: its pool, or the
/// name of its route.
///
/// # Errors
/// Where the weights are not allowed, or it is not clear which ones are meant.
pub fn plan(file: &Path, wanted: &[Wanted], pool: Option<&str>) -> Result<Plan, WeightsError> {
    let before = read_text(file)?;
    let (after, splits) = changed(file, &before, wanted, pool)?;
    Ok(Plan { file: file.to_owned(), before, after, splits })
}

fn changed(
    file: &Path,
    before: &str,
    wanted: &[Wanted],
    pool: Option<&str>,
) -> Result<(String, Vec<Split>), WeightsError> {
    for (index, one) in wanted.iter().enumerate() {
        if wanted.iter().skip(index + 1).any(|other| other.version == one.version) {
            return Err(WeightsError::Twice(one.version.clone()));
        }
    }
    let name = file.display().to_string();
    let found = || -> Result<_, yaml::Error> { sites::find(&parse(&name, before)?) };
    let selected = select::select(file, &found()?, pool)?;
    let mut splits = Vec::new();
    let mut after = before.to_owned();
    for (at, site) in selected {
        let split = select::decide(&site, wanted)?;
        for (arm, version) in split.versions.iter().enumerate() {
            if version.before != version.after {
                after = splice::change(&name, &after, at, arm, version.after)?;
            }
        }
        splits.push(split);
    }
    Ok((after, splits))
}

impl Plan {
    /// Whether there is anything to write.
    #[must_use]
    pub fn is_change(&self) -> bool {
        self.before != self.after
    }

    /// The file as it would be.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.after
    }

    /// Moves the new file into the place of the old one, as Envoy wants it: at no moment is there half a file.
    ///
    /// # Errors
    /// When the file has changed since it was read, or cannot be replaced.
    pub fn write(&self) -> Result<(), WeightsError> {
        if self.is_change() {
            replace::replace(&self.file, &self.before, &self.after)
        } else {
            Ok(())
        }
    }
}
