//! Debian packages, unpacked below `target/parts` without installing anything: programs, and texts to
//! measure on.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    command::{CommandError, output},
    place::{Parts, PlaceError},
};

/// Why there is no such package or program.
#[derive(Debug, thiserror::Error)]
pub enum DebianError {
    /// No place, or no lock.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// It can be neither downloaded nor unpacked.
    #[error(
        "the Debian package {package} cannot be fetched; on another system, unpack it into {}",
        .folder.display()
    )]
    Fetch {
        /// The package.
        package: String,
        /// Where it belongs.
        folder: PathBuf,
        /// What failed.
        #[source]
        source: CommandError,
    },
    /// Neither the machine has the program nor its package can be had.
    #[error("`{program}` is not on PATH; install it")]
    NotOnPath {
        /// The program.
        program: String,
        /// What is wrong with the package.
        #[source]
        source: Box<Self>,
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
        let unpacked = self.debian_package(package).map_err(|source| DebianError::NotOnPath {
            program: program.to_owned(),
            source: Box::new(source),
        })?;
        let binary = unpacked.join("usr/bin").join(program);
        binary.is_file().then_some(binary).ok_or_else(|| DebianError::NotInPackage {
            program: program.to_owned(),
            package: package.to_owned(),
        })
    }

    /// The folder of an unpacked Debian package, fetched if it is not there.
    ///
    /// # Errors
    /// When it is not there and cannot be fetched.
    pub fn debian_package(&self, package: &str) -> Result<PathBuf, DebianError> {
        let part = format!("debian-{package}");
        let folder = self.path(&part);
        if folder.is_dir() {
            return Ok(folder);
        }
        let _lock = self.lock(&part)?;
        if folder.is_dir() {
            return Ok(folder);
        }
        self.say(&format!(
            "fetching the Debian package {package} into {} (once)",
            folder.display()
        ));
        let files = |error| DebianError::Files(folder.clone(), error);
        // Unpacked beside its place and moved there whole: an interrupted run leaves no half copy.
        let half = self.path(&format!("{part}.half"));
        if half.exists() {
            fs::remove_dir_all(&half).map_err(files)?;
        }
        fs::create_dir_all(&half).map_err(files)?;
        let failed = |source| {
            let (package, folder) = (package.to_owned(), folder.clone());
            DebianError::Fetch { package, folder, source }
        };
        download(package, &half).map_err(failed)?;
        let archive = archive_in(&half).map_err(files)?;
        let mut unpack = Command::new("dpkg-deb");
        output(unpack.arg("-x").arg(archive).arg(&half), CURE).map_err(failed)?;
        fs::rename(&half, &folder).map_err(files)?;
        Ok(folder)
    }
}

fn download(package: &str, folder: &Path) -> Result<String, CommandError> {
    let download =
        || output(Command::new("apt-get").args(["download", package]).current_dir(folder), CURE);
    download().or_else(|_| {
        // Fresh containers have no lists. The update needs root; where it fails, the download says why.
        let _ = output(Command::new("apt-get").arg("update"), CURE);
        download()
    })
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

    #[test]
    fn a_package_that_is_there_is_not_fetched_again() {
        let target = tempfile::tempdir().expect("a directory");
        let parts = Parts::below(target.path());
        let bin = parts.path("debian-no-such-package/usr/bin");
        fs::create_dir_all(&bin).expect("directories");
        fs::write(bin.join("no-such-program"), "").expect("a file");
        let found = parts.debian_program("no-such-package", "no-such-program").expect("found");
        assert_eq!(found, bin.join("no-such-program"));
        let error = parts.debian_program("no-such-package", "no-other").expect_err("not in it");
        assert_eq!(error.to_string(), "the package no-such-package holds no `no-other`");
    }
}
