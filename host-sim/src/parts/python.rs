//! Packages of Python's registry, installed in a virtual environment of their own below `target/parts`.

use std::{io, path::PathBuf, process::Command};

use super::{
    command::{CommandError, output},
    place::{Parts, PlaceError},
};

/// Why the packages are not there.
#[derive(Debug, thiserror::Error)]
pub enum PythonError {
    /// No place, or no lock.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// They cannot be installed.
    #[error("the Python packages of {name} cannot be installed below target/parts")]
    Install {
        /// What they are for.
        name: String,
        /// What failed.
        #[source]
        source: CommandError,
    },
    /// Files cannot be handled.
    #[error("{}: cannot be read or written", .0.display())]
    Files(PathBuf, #[source] io::Error),
}

const CURE: &str =
    "install python3, 3.11 or later, with its venv module (Debian: `apt install python3-venv`)";

impl Parts {
    /// A Python that has exactly these packages, one `name==version` a line, installed if it is not there.
    ///
    /// The list has to be whole: nothing is installed that it does not name, and nothing is compiled.
    ///
    /// # Errors
    /// When it is not there and pip cannot make it.
    pub fn python(&self, name: &str, packages: &str) -> Result<PathBuf, PythonError> {
        let folder =
            self.marked(&format!("python-{name}"), packages, PythonError::Files, |folder| {
                let failed = |source| PythonError::Install { name: name.to_owned(), source };
                let mut venv = Command::new("python3");
                output(venv.args(["-m", "venv"]).arg(folder), CURE).map_err(failed)?;
                let mut pip = Command::new(folder.join(PROGRAM));
                pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
                pip.args(["--no-deps", "--only-binary", ":all:"]).args(packages.split_whitespace());
                output(&mut pip, CURE).map(drop).map_err(failed)
            })?;
        Ok(folder.join(PROGRAM))
    }
}

const PROGRAM: &str = "bin/python3";
