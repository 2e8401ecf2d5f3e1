//! Packages of Python's registry, installed in a virtual environment of their own below `target/parts`.

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
        let part = format!("python-{name}");
        let folder = self.path(&part);
        let program = folder.join("bin/python3");
        if holds(&folder, packages) {
            return Ok(program);
        }
        let _lock = self.lock(&part)?;
        if holds(&folder, packages) {
            return Ok(program);
        }
        self.say(&format!(
            "installing the Python packages of {name} into {} (once)",
            folder.display()
        ));
        let files = |error| PythonError::Files(folder.clone(), error);
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(files)?;
        }
        let failed = |source| PythonError::Install { name: name.to_owned(), source };
        output(Command::new("python3").args(["-m", "venv"]).arg(&folder), CURE).map_err(failed)?;
        let mut pip = Command::new(&program);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        pip.args(["--no-deps", "--only-binary", ":all:"]).args(packages.split_whitespace());
        output(&mut pip, CURE).map_err(failed)?;
        // Written last: a folder without it is the rest of an interrupted installation.
        fs::write(folder.join(COMPLETE), packages).map_err(files)?;
        Ok(program)
    }
}

const COMPLETE: &str = "complete";

fn holds(folder: &Path, packages: &str) -> bool {
    fs::read_to_string(folder.join(COMPLETE)).is_ok_and(|found| found == packages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_with_other_versions_or_without_its_marker_is_made_anew() {
        let target = tempfile::tempdir().expect("a directory");
        let folder = Parts::below(target.path()).path("python-x");
        fs::create_dir_all(&folder).expect("a directory");
        assert!(!holds(&folder, "a==1\n"));
        fs::write(folder.join(COMPLETE), "a==1\n").expect("a file");
        assert!(holds(&folder, "a==1\n"));
        assert!(!holds(&folder, "a==2\n"));
    }
}
