//! A folder that says what was installed in it.
//!
//! Installers fill a folder bit by bit. A marker with what was wanted is written last: a folder without it
//! is the rest of an interrupted installation, and one with another has other versions; both are made anew.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::place::{Parts, PlaceError};

const MARKER: &str = "complete";

impl Parts {
    /// The folder of a part with exactly what is wanted, installed if it is not there.
    pub(super) fn marked<E: From<PlaceError>>(
        &self,
        part: &str,
        wanted: &str,
        files: impl Fn(PathBuf, io::Error) -> E,
        install: impl FnOnce(&Path) -> Result<(), E>,
    ) -> Result<PathBuf, E> {
        let folder = self.path(part);
        if holds(&folder, wanted) {
            return Ok(folder);
        }
        let _lock = self.lock(part)?;
        if holds(&folder, wanted) {
            return Ok(folder);
        }
        self.say(&format!("installing {part} into {} (once)", folder.display()));
        let failed = |error| files(folder.clone(), error);
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(failed)?;
        }
        fs::create_dir_all(&folder).map_err(failed)?;
        install(&folder)?;
        fs::write(folder.join(MARKER), wanted).map_err(failed)?;
        Ok(folder)
    }
}

fn holds(folder: &Path, wanted: &str) -> bool {
    fs::read_to_string(folder.join(MARKER)).is_ok_and(|found| found == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    enum Failed {
        Place,
        Files,
        Install,
    }

    impl From<PlaceError> for Failed {
        fn from(_: PlaceError) -> Self {
            Self::Place
        }
    }

    /// Whether it was installed; `None`: the installer failed.
    fn installs(parts: &Parts, wanted: &str, works: bool) -> Option<bool> {
        let mut installed = false;
        let folder = parts.marked(
            "some-part",
            wanted,
            |_, _| Failed::Files,
            |folder| {
                installed = true;
                assert!(!folder.join("content").exists(), "the rest of another installation");
                fs::write(folder.join("content"), wanted).expect("a file");
                if works { Ok(()) } else { Err(Failed::Install) }
            },
        );
        match folder {
            Ok(folder) => {
                let content = fs::read_to_string(folder.join("content")).expect("the content");
                assert_eq!(content, wanted);
                Some(installed)
            }
            Err(failed) => {
                assert!(matches!(failed, Failed::Install), "{failed:?}");
                None
            }
        }
    }

    #[test]
    fn what_is_wanted_is_installed_once_and_anything_else_is_made_anew() {
        let target = tempfile::tempdir().expect("a directory");
        let parts = Parts::below(target.path());
        assert_eq!(installs(&parts, "a 1", false), None);
        assert_eq!(installs(&parts, "a 1", true), Some(true), "after an interrupted one");
        assert_eq!(installs(&parts, "a 1", true), Some(false));
        assert_eq!(installs(&parts, "a 2", true), Some(true), "another version");
    }
}
