//! Real texts, which do not repeat: what the dependencies and Debian's manual pages ship.
//!
//! Generated words are no measure of a tokenizer: they come again and again, and every memory of
//! words looks good. The same versions of the dependencies give the same texts.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::debian::{self, files};

/// A text has about so many bytes.
const BYTES: usize = 800 * 1024;

/// English: the documents of the crates this workspace depends on.
///
/// # Errors
/// When cargo does not name them.
pub fn english() -> Result<String, Box<dyn Error>> {
    let is_document =
        |path: &Path| path.extension().is_some_and(|e| e == "md") && !is_named(path, "CHANGELOG");
    crates(&is_document, |text| text.chars().filter(char::is_ascii).count() * 100 > text.len() * 98)
}

/// Code: the Rust sources of the crates this workspace depends on.
///
/// # Errors
/// When cargo does not name them.
pub fn code() -> Result<String, Box<dyn Error>> {
    // Longer ones are tables.
    let is_code = |path: &Path| path.extension().is_some_and(|e| e == "rs");
    crates(&is_code, |text| (2_000..40_000).contains(&text.len()))
}

/// Chinese: the manual pages of Debian's package `manpages-zh`, without their formatting.
///
/// # Errors
/// When the package can neither be found nor fetched.
pub fn chinese() -> Result<String, Box<dyn Error>> {
    let folder = debian::package("manpages-zh")?.join("usr/share/man/zh_CN");
    let pages =
        files(&folder, &|path| path.extension().is_some_and(|e| e == "gz") && !path.is_symlink());
    let text = debian::unzipped(&pages)?;
    let is_han = |char: &char| ('\u{4e00}'..='\u{9fff}').contains(char);
    let lines = text.lines().filter(|line| !line.starts_with(['.', '\'', '\\']));
    let lines = lines.filter(|line| line.chars().filter(is_han).count() * 2 > line.chars().count());
    Ok(cut(lines.fold(String::new(), |text, line| text + line + "\n")))
}

/// Files of the crates in the lock file, from the registry.
fn crates(
    is_wanted: &dyn Fn(&Path) -> bool,
    is_good: impl Fn(&str) -> bool,
) -> Result<String, Box<dyn Error>> {
    let mut text = String::new();
    for folder in crate_folders()? {
        for file in files(&folder, is_wanted) {
            let file = fs::read_to_string(file).unwrap_or_default();
            // A little of each, so that no crate's words are most of the text.
            if is_good(&file) {
                text.push_str(file.get(..file.floor_char_boundary(6_000)).unwrap_or_default());
            }
        }
        if text.len() > BYTES {
            break;
        }
    }
    Ok(cut(text))
}

/// The folders of the crates in the lock file, in order.
///
/// # Errors
/// When cargo does not name them.
pub fn crate_folders() -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()?;
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata.get("packages").and_then(Value::as_array).ok_or("no packages")?;
    let foreign = packages.iter().filter(|p| p.get("source").is_some_and(Value::is_string));
    let manifests = foreign.filter_map(|p| p.get("manifest_path").and_then(Value::as_str));
    Ok(manifests.filter_map(|path| Path::new(path).parent().map(Path::to_owned)).collect())
}

fn is_named(path: &Path, name: &str) -> bool {
    path.file_stem().is_some_and(|stem| stem.eq_ignore_ascii_case(name))
}

fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(BYTES));
    text
}
