//! Packages of npm's registry, installed in a folder of their own below `target/parts`.

use std::{io, path::PathBuf, process::Command};

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
        let wanted = packages.join(" ");
        self.marked(&format!("npm-{name}"), &wanted, NpmError::Files, |folder| {
            let mut npm = Command::new("npm");
            npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--save-exact"]);
            npm.arg("--prefix").arg(folder).args(packages).current_dir(folder);
            let failed = |source| NpmError::Install { packages: wanted.clone(), source };
            output(&mut npm, CURE).map(drop).map_err(failed)
        })
    }
}
