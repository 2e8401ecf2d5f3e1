//! `weights` as it is written, and the way to a [`Split`].

use serde::Deserialize;

use super::{Arm, MOST_ARMS, MOST_WEIGHT, Split};
use crate::catalog::{Catalog, Pool};
use crate::invalid::Invalid;
use crate::record::fingerprint;

/// One version, as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object {version, weight, model}")]
pub struct RawArm {
    /// One of the pool's versions.
    pub version: String,
    /// Its part of the traffic, relative to the others'.
    pub weight: i64,
    /// The model that its servers run, if it is not the pool's.
    #[serde(default)]
    pub model: Option<String>,
}

impl TryFrom<(Vec<RawArm>, &Pool, &Catalog)> for Split {
    type Error = Invalid;

    fn try_from((raw, pool, catalog): (Vec<RawArm>, &Pool, &Catalog)) -> Result<Self, Invalid> {
        let mut arms: Vec<Arm> = Vec::with_capacity(raw.len());
        if !(1..=MOST_ARMS).contains(&raw.len()) {
            let cure = if raw.is_empty() { "add one" } else { "remove some" };
            let problem =
                format!("found `{}` versions; allowed 1 to {MOST_ARMS}; {cure}", raw.len());
            return Err(Invalid::new("weights", problem));
        }
        for (index, raw) in raw.into_iter().enumerate() {
            let at = format!("weights[{index}]");
            let arm = arm(raw, pool, catalog).map_err(|e| e.under(&at))?;
            if arms.iter().any(|other| other.version == arm.version) {
                let problem = format!("found `{}` again; allowed once; remove one", arm.version);
                return Err(Invalid::new("version", problem).under(&at));
            }
            arms.push(arm);
        }
        if arms.iter().all(|arm| arm.weight == 0) {
            let problem =
                "found no weight above 0; allowed one or more; raise that of the version to use";
            return Err(Invalid::new("weights", problem));
        }
        Ok(Self { arms })
    }
}

fn arm(raw: RawArm, pool: &Pool, catalog: &Catalog) -> Result<Arm, Invalid> {
    let RawArm { version, weight, model } = raw;
    if !pool.versions.contains(&version) {
        let versions = pool.versions.iter().map(String::as_str);
        let cure = format!("add it to versions of pool `{}`", pool.name);
        return Err(Invalid::not_one_of("version", &version, versions, &cure));
    }
    let Some(weight) = u32::try_from(weight).ok().filter(|weight| *weight <= MOST_WEIGHT) else {
        let cure = if weight < 0 { "raise it" } else { "lower all in proportion" };
        let problem = format!("found `{weight}`; allowed 0 to {MOST_WEIGHT}; {cure}");
        return Err(Invalid::new("weight", problem));
    };
    let known = |model: &String| catalog.models().iter().any(|known| known.name == *model);
    if let Some(unknown) = model.as_ref().filter(|model| !known(model)) {
        let names = catalog.models().iter().map(|known| known.name.as_str());
        return Err(Invalid::not_one_of("model", unknown, names, "add it to models"));
    }
    // A name has no `;`, so no two pairs of names are one.
    let seed = fingerprint(&format!("{};{version}", pool.name));
    Ok(Arm { version, weight, model, seed })
}
