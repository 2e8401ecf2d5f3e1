//! Help and manual pages in many languages, without their markup.

use std::error::Error;
use std::fs;

use super::{Languages, Use, is_for, read};
use crate::debian::{self, files};

/// Of a language's manual pages so many are read.
const PAGES: usize = 60;

/// GNOME's help: a text for each page.
pub(super) fn help(purpose: Use) -> Result<Languages, Box<dyn Error>> {
    let folder = debian::package("gnome-user-docs")?.join("usr/share/help");
    let mut languages = Vec::new();
    for language in fs::read_dir(&folder)?.flatten() {
        let name = language.file_name().to_string_lossy().into_owned();
        let pages = files(&language.path(), &|path| {
            path.extension().is_some_and(|e| e == "page") && is_for(purpose, path)
        });
        if name != "C" {
            languages.push((name, read(pages).iter().map(|page| without_tags(page)).collect()));
        }
    }
    languages.sort();
    Ok(languages)
}

fn without_tags(page: &str) -> String {
    let mut text = String::new();
    for piece in page.split('<') {
        let (_, after) = piece.split_once('>').unwrap_or_default();
        text.push_str(after);
    }
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    let text = text.replace("&amp;", "&");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

/// Manual pages: one text for each language.
pub(super) fn manuals(purpose: Use) -> Result<Languages, Box<dyn Error>> {
    let names = [
        "cs", "da", "de", "el", "es", "fi", "fr", "hu", "id", "it", "ja", "mk", "nb", "nl", "pl",
        "pt-br", "ro", "ru", "sr", "sv", "tr", "uk", "vi", "zh",
    ];
    let mut languages = Vec::new();
    for name in names {
        let folder = debian::package(&format!("manpages-{name}"))?.join("usr/share/man");
        let pages = files(&folder, &|path| {
            path.extension().is_some_and(|e| e == "gz")
                && !path.is_symlink()
                && is_for(purpose, path)
        });
        let some = pages.get(..pages.len().min(PAGES)).unwrap_or_default();
        languages.push((name.to_owned(), vec![without_requests(&debian::unzipped(some)?)]));
    }
    Ok(languages)
}

/// Lines of text, without what sets them in bold and italics.
fn without_requests(page: &str) -> String {
    let mut text = String::new();
    for line in page.lines().filter(|line| !line.is_empty() && !line.starts_with(['.', '\''])) {
        let line = line.replace("\\-", "-").replace("\\(aq", "'").replace("\\&", "");
        let mut pieces = line.split("\\f");
        text.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            text.push_str(piece.get(1..).unwrap_or_default());
        }
        text.push('\n');
    }
    text
}
