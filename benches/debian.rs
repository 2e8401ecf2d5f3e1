//! Texts that come in packages of Debian, and the files of a folder.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use host_sim::parts::Parts;

/// The folder of an unpacked package.
///
/// # Errors
/// When the package can neither be found nor fetched.
pub fn package(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    Ok(Parts::here()?.debian_package(name)?)
}

/// The text of compressed files, in their order.
///
/// # Errors
/// When `gzip` cannot read them.
pub fn unzipped(files: &[PathBuf]) -> Result<String, Box<dyn Error>> {
    let gzip = Command::new("gzip").arg("-dc").args(files).output();
    let output = gzip.map_err(|why| format!("`gzip` cannot be started ({why}); install it"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// In order, so that every run has the same text.
#[must_use]
pub fn files(folder: &Path, is_wanted: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut entries: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    let inside = |path: PathBuf| match path.is_dir() && !path.is_symlink() {
        true => files(&path, is_wanted),
        false => Vec::from_iter((path.is_file() && is_wanted(&path)).then_some(path)),
    };
    entries.into_iter().flat_map(inside).collect()
}
