//! Translated messages of programs, from catalogs as GNU gettext compiles them.

use std::error::Error;
use std::fs;
use std::path::Path;

use super::Languages;
use crate::debian::{self, files};

/// Those that models are asked in most.
const LANGUAGES: [&str; 30] = [
    "ar", "bg", "bn", "cs", "da", "de", "el", "es", "fa", "fi", "fr", "he", "hi", "hu", "id", "it",
    "ja", "ko", "nl", "pl", "pt_BR", "ro", "ru", "sv", "ta", "th", "tr", "uk", "vi", "zh_CN",
];

/// Shorter ones are labels.
const SHORTEST: usize = 24;

/// The messages of each language in a package, one text for each, with the language's name.
pub(super) fn all(package: &str) -> Result<Languages, Box<dyn Error>> {
    let folder = debian::package(package)?.join("usr/share/locale");
    let catalogs = files(&folder, &|path| path.extension().is_some_and(|e| e == "mo"));
    let mut languages = Languages::new();
    for catalog in catalogs {
        let language = catalog.strip_prefix(&folder)?.iter().next().unwrap_or_default();
        let language = language.to_string_lossy().into_owned();
        let text = messages(&catalog).unwrap_or_default().join("\n");
        match languages.last_mut().filter(|(last, _)| *last == language) {
            Some((_, texts)) => texts.push(text),
            None => languages.push((language, vec![text])),
        }
    }
    languages.retain(|(language, texts)| {
        let bytes: usize = texts.iter().map(String::len).sum();
        LANGUAGES.contains(&language.as_str()) && bytes > 4_000
    });
    Ok(languages)
}

/// The messages of one catalog: a header with a table of lengths and places.
fn messages(file: &Path) -> Option<Vec<String>> {
    let bytes = fs::read(file).ok()?;
    let number = |at: usize| -> Option<usize> {
        let bytes = bytes.get(at..)?.first_chunk::<4>()?;
        usize::try_from(u32::from_le_bytes(*bytes)).ok()
    };
    let (count, table) = (number(8)?, number(16)?);
    let message = |index: usize| -> Option<String> {
        let (length, at) = (number(table + 8 * index)?, number(table + 8 * index + 4)?);
        let text = String::from_utf8(bytes.get(at..at + length)?.to_vec()).ok()?;
        // Plural forms are parted by zeros.
        Some(text.replace('\0', "\n"))
    };
    // The first is the catalog's own header.
    Some((1..count).filter_map(message).filter(|text| text.len() >= SHORTEST).collect())
}
