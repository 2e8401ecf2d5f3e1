//! Texts that come in packages of Debian: fetched once, unpacked under `target/parts`, never
//! installed.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of an unpacked package.
///
/// # Errors
/// When the package can neither be found nor fetched.
pub fn package(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let parts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/parts");
    let (half, whole) = (parts.join(format!("{name}.half")), parts.join(name));
    if !whole.exists() {
        let cure = format!("on another system, unpack Debian's package {name} into {whole:?}");
        fs::create_dir_all(&half)?;
        run(Command::new("apt-get").args(["download", name]).current_dir(&half), &cure)?;
        let file = files(&half, &|path| path.extension().is_some_and(|e| e == "deb"));
        run(Command::new("dpkg-deb").arg("-x").args(file).arg(&half), &cure)?;
        fs::rename(&half, &whole)?;
    }
    Ok(whole)
}

/// The text of compressed files, in their order.
///
/// # Errors
/// When `gzip` cannot read them.
pub fn unzipped(files: &[PathBuf]) -> Result<String, Box<dyn Error>> {
    run(Command::new("gzip").arg("-dc").args(files), "install gzip")
}

fn run(command: &mut Command, cure: &str) -> Result<String, Box<dyn Error>> {
    let output = command.output().map_err(|why| format!("{command:?}: {why}; {cure}"))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("{command:?}: {why}; {cure}").into());
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
