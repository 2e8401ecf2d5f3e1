//! Support for the tests: where the project is, its files, and lists that several files repeat.

pub mod canary_fleet;
pub mod canary_rules;
pub mod dashboard;
pub mod envoy;
pub mod exchanges;
pub mod figures;
pub mod histograms;
pub mod otlp;
pub mod python;
pub mod rules;
pub mod scraping;
pub mod tracing_manifest;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or_else(|| here.to_owned(), Path::to_owned)
}

/// All Rust sources of the project, relative to the workspace: those that git tracks, and new ones
/// that it does not ignore.
pub fn rust_files() -> Vec<PathBuf> {
    files("*.rs")
}

/// All files of the project whose path fits a git pathspec.
pub fn files(pathspec: &str) -> Vec<PathBuf> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "--", pathspec])
        .current_dir(workspace())
        .output()
        .expect("git is installed, and this is a clone");
    let names = String::from_utf8(output.stdout).expect("paths are text");
    let all = names.lines().map(PathBuf::from);
    all.filter(|path| workspace().join(path).is_file()).collect()
}

/// A file of the project.
pub fn read(path: &Path) -> String {
    let path = workspace().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
