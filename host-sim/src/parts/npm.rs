//! Packages of npm's registry, installed in a folder of their own below `target/parts`.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    command::{CommandError, output},
    place::{Parts, PlaceError},
};

/// Why the packages are not there.
#[derive(Debug, thiserror::Error)]
pub enum NpmError {
    /// No place, or no lock.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// They cannot be installed.
    #[error("{packages} cannot be installed from npm's registry")]
    Install {
        /// Names and versions.
        packages: String,
        /// What failed.
        #[source]
        source: CommandError,
    },
    /// Files cannot be handled.
    #[error("{}: cannot be written", .0.display())]
    Files(PathBuf, #[source] io::Error),
}

const CURE: &str = "install Node.js 20 or later with npm";

impl Parts {
    /// The folder that holds `node_modules` with exactly these packages (`name@version`), installed if it is
    /// not there. None of their scripts runs.
    ///
    /// # Errors
    /// When it is not there and npm cannot make it.
    pub fn npm(&self, name: &str, packages: &[&str]) -> Result<PathBuf, NpmError> {
        let part = format!("npm-{name}");
        let folder = self.path(&part);
        if holds(&folder, packages) {
            return Ok(folder);
        }
        let _lock = self.lock(&part)?;
        if holds(&folder, packages) {
            return Ok(folder);
        }
        let wanted = packages.join(" ");
        self.say(&format!("installing {wanted} into {} (once)", folder.display()));
        let files = |error| NpmError::Files(folder.clone(), error);
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(files)?;
        }
        fs::create_dir_all(&folder).map_err(files)?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--save-exact"]);
        npm.arg("--prefix").arg(&folder).args(packages).current_dir(&folder);
        output(&mut npm, CURE)
            .map_err(|source| NpmError::Install { packages: wanted.clone(), source })?;
        // Written last: a folder without it is the rest of an interrupted installation.
        fs::write(folder.join(COMPLETE), wanted).map_err(files)?;
        Ok(folder)
    }
}

const COMPLETE: &str = "complete";

fn holds(folder: &Path, packages: &[&str]) -> bool {
    fs::read_to_string(folder.join(COMPLETE)).is_ok_and(|found| found == packages.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_other_versions_or_without_its_marker_is_not_used() {
        let folder = tempfile::tempdir().expect("a directory");
        assert!(!holds(folder.path(), &["a@1"]));
        fs::write(folder.path().join(COMPLETE), "a@1 b@2").expect("a file");
        assert!(holds(folder.path(), &["a@1", "b@2"]));
        assert!(!holds(folder.path(), &["a@1", "b@3"]));
    }
}
