//! Where parts live, who tells the user, and who may fetch.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// The place of parts, and a voice to say what is being done.
#[derive(Clone)]
pub struct Parts {
    workspace: PathBuf,
    target: PathBuf,
    announce: fn(&str),
}

/// Why there is no place for parts.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// Neither the current directory nor a parent holds the workspace.
    #[error(
        "no workspace in `{0}` or above it (a Cargo.toml with a [workspace] table and a `filters` folder \
         beside it); run the command inside a clone of llm-mesh"
    )]
    NoWorkspace(PathBuf),
    /// There is no folder of the user's either.
    #[error("no workspace here, and neither XDG_CACHE_HOME nor HOME names a folder; set one")]
    NoCache,
    /// A directory or lock file cannot be made.
    #[error("{}: cannot create it", .0.display())]
    Create(PathBuf, #[source] io::Error),
}

impl Parts {
    /// The parts of the workspace around the current directory. Lines go to standard error.
    ///
    /// # Errors
    /// When there is no workspace around.
    pub fn here() -> Result<Self, PlaceError> {
        let current = std::env::current_dir().unwrap_or_default();
        // Cargo names the package it runs; a test's current directory is its package's.
        let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let starts = [Some(current.clone()), package];
        let workspace = starts.iter().flatten().find_map(|start| workspace_around(start));
        let workspace = workspace.ok_or(PlaceError::NoWorkspace(current))?;
        let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        let target = target.map_or_else(|| workspace.join("target"), |dir| workspace.join(dir));
        Ok(Self { workspace, target, announce: |line| eprintln!("host-sim: {line}") })
    }

    /// Parts of no workspace, in the user's cache folder. There are no filters to be built.
    ///
    /// # Errors
    /// When the environment names neither a cache nor a home folder.
    pub fn in_cache() -> Result<Self, PlaceError> {
        let folder = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let cache = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")));
        let cache = cache.ok_or(PlaceError::NoCache)?.join("host-sim");
        let announce = |line: &str| eprintln!("host-sim: {line}");
        Ok(Self { workspace: cache.clone(), target: cache, announce })
    }

    /// Parts of a test.
    #[cfg(test)]
    pub(super) fn below(target: &Path) -> Self {
        Self { workspace: target.to_owned(), target: target.to_owned(), announce: |_| {} }
    }

    /// Other ears for the lines that say what is being done.
    #[must_use]
    pub fn announcing(self, announce: fn(&str)) -> Self {
        Self { announce, ..self }
    }

    /// The workspace's root.
    #[must_use]
    pub fn workspace(&self) -> &Path {
        &self.workspace
    }

    /// Cargo's target directory.
    #[must_use]
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// A file below `target/parts`.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.target.join("parts").join(name)
    }

    pub(super) fn say(&self, line: &str) {
        (self.announce)(line);
    }

    /// Waits until no other process works on this part. The lock goes with the returned file.
    pub(super) fn lock(&self, name: &str) -> Result<File, PlaceError> {
        let path = self.path(&format!("{name}.lock"));
        let open = || {
            fs::create_dir_all(self.target.join("parts"))?;
            let file = File::create(&path)?;
            if file.try_lock().is_err() {
                self.say(&format!("waiting for another process that works on {name}"));
                file.lock()?;
            }
            Ok(file)
        };
        open().map_err(|error| PlaceError::Create(path.clone(), error))
    }
}

fn workspace_around(start: &Path) -> Option<PathBuf> {
    let is_root = |dir: &&Path| {
        dir.join("filters").is_dir()
            && fs::read_to_string(dir.join("Cargo.toml"))
                .is_ok_and(|manifest| manifest.lines().any(|line| line.trim() == "[workspace]"))
    };
    start.ancestors().find(is_root).map(Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_found_from_a_package_and_from_deep_inside() {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = package.parent().expect("a parent");
        assert_eq!(workspace_around(package).as_deref(), Some(root));
        assert_eq!(workspace_around(&package.join("src/parts")).as_deref(), Some(root));
        assert_eq!(workspace_around(Path::new("/")), None);
    }
}
