//! Real texts to fit the estimator's weights to, and others to measure it on.
//!
//! All of them come with the dependencies or in packages of Debian, and the same versions of these
//! give the same texts. What is fitted to and what is measured on never comes from the same
//! document: crates, Python's modules, GNOME's help and manual pages are dealt out by their names;
//! of what programs say, GTK's messages are fitted to and GLib's are measured on. Nobody ships texts
//! with emoji, so these are put into some of the English ones.
//!
//! A third of the texts is English, a third code, a third in other languages. A ninth has what is no
//! ASCII as `\uXXXX`; of those to fit to, a third.

mod catalog;
mod pages;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use fastrand::Rng;

use crate::debian::{self, files};
use crate::prose;

/// What a text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Weights are fitted to it.
    Fit,
    /// They are measured on it.
    Measure,
}

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// English documents.
    English,
    /// Rust, Python, C, and files of settings.
    Code,
    /// Help in another language.
    Help,
    /// Manual pages in another language.
    Manuals,
    /// What programs say in another language.
    Messages,
}

/// A text.
#[derive(Clone, Debug)]
pub struct Sample {
    /// What it is.
    pub kind: Kind,
    /// A language, of people or of machines.
    pub language: String,
    /// The text.
    pub text: String,
    /// The same as JSON has it between quotes.
    pub json: String,
}

/// Where many samples come from, and how many.
struct Source {
    kind: Kind,
    language: String,
    documents: Vec<String>,
    samples: usize,
}

/// Texts by their language's name.
type Languages = Vec<(String, Vec<String>)>;

const CHARS: (usize, usize) = (200, 8000);
/// So many files of a crate are read, so that no crate is most of the text.
const FILES: usize = 8;
const ENGLISH: usize = 870;
const EMOJI: usize = 30;
const CODE: [(&str, usize); 6] =
    [("rs", 450), ("c", 130), ("toml", 40), ("yml", 40), ("json", 80), ("sh", 10)];
const PYTHON: usize = 150;
const OTHERS: usize = 900;
/// Texts to fit to are drawn so many times as often.
const MORE_TO_FIT: usize = 3;

/// All samples for one use.
///
/// # Errors
/// When a package can neither be found nor fetched.
pub fn all(purpose: Use) -> Result<Vec<Sample>, Box<dyn Error>> {
    let mut sources = vec![];
    let ours: Vec<PathBuf> =
        prose::crate_folders()?.into_iter().filter(|f| is_for(purpose, f)).collect();
    let documents = |extension: &str| -> Vec<String> {
        let is_wanted = |path: &Path| path.extension().is_some_and(|e| e == extension);
        read(ours.iter().flat_map(|folder| some(files(folder, &is_wanted))))
    };
    let is_english = |text: &String| {
        text.chars().filter(char::is_ascii).count() * 100 > text.chars().count() * 97
    };
    let english = documents("md").into_iter().filter(is_english).collect();
    let english: Vec<String> = english;
    let with_emoji = english.iter().map(|text| with_emoji(text)).collect();
    sources.push(source(Kind::English, "english", english, ENGLISH));
    sources.push(source(Kind::English, "with emoji", with_emoji, EMOJI));
    for (language, samples) in CODE {
        let mut documents = documents(language);
        // Longer ones are tables.
        documents.retain(|text| text.len() < 40_000);
        sources.push(source(Kind::Code, language, documents, samples));
    }
    let python = files(&debian::package("libpython3.11-stdlib")?, &|path| {
        path.extension().is_some_and(|e| e == "py") && is_for(purpose, path)
    });
    sources.push(source(Kind::Code, "python", read(python), PYTHON));
    let messages = match purpose {
        Use::Fit => catalog::all("libgtk-4-common")?,
        Use::Measure => catalog::all("libglib2.0-data")?,
    };
    let others = [
        (Kind::Help, pages::help(purpose)?),
        (Kind::Manuals, pages::manuals(purpose)?),
        (Kind::Messages, messages),
    ];
    for (kind, languages) in others {
        let samples = OTHERS / 3 / languages.len().max(1);
        let each = languages.into_iter();
        sources.extend(each.map(|(language, texts)| source(kind, &language, texts, samples)));
    }
    let mut rng = Rng::with_seed(1);
    Ok(sources.iter().flat_map(|source| source.draw(purpose, &mut rng)).collect())
}

fn source(kind: Kind, language: &str, documents: Vec<String>, samples: usize) -> Source {
    Source { kind, language: language.to_owned(), documents, samples }
}

/// Names are dealt out by a hash of them.
fn is_for(purpose: Use, path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash >> 32 & 1 == 0) == (purpose == Use::Fit)
}

/// An emoji after one word in ten or so.
fn with_emoji(text: &str) -> String {
    let mut rng = Rng::with_seed(text.len() as u64);
    let mut out = String::new();
    for word in text.split_inclusive(' ') {
        out.push_str(word);
        if rng.u8(..10) == 0 {
            out.extend(char::from_u32(rng.u32(0x1f300..0x1f650)));
        }
    }
    out
}

/// Files from all over a crate.
fn some(files: Vec<PathBuf>) -> impl Iterator<Item = PathBuf> {
    let step = files.len().div_ceil(FILES).max(1);
    files.into_iter().step_by(step)
}

fn read(files: impl IntoIterator<Item = PathBuf>) -> Vec<String> {
    files.into_iter().filter_map(|file| fs::read_to_string(file).ok()).collect()
}

impl Source {
    fn draw(&self, purpose: Use, rng: &mut Rng) -> Vec<Sample> {
        let long = self.documents.iter().filter(|text| text.len() > 2 * CHARS.0);
        let documents: Vec<Vec<char>> = long.map(|text| text.chars().collect()).collect();
        // What is rare is fitted to more often, so that it tells enough of its features.
        let (times, escaped) = match purpose {
            Use::Fit => (MORE_TO_FIT, 3),
            Use::Measure => (1, 9),
        };
        let mut samples = Vec::new();
        while samples.len() < self.samples * times {
            let Some(document) = rng.choice(&documents) else { break };
            let length = rng.usize(CHARS.0..=CHARS.1).min(document.len());
            let start = rng.usize(..=document.len() - length);
            let text: String =
                document.get(start..start + length).unwrap_or_default().iter().collect();
            let json = json(&text, rng.u8(..escaped) == 0);
            let language = self.language.clone();
            samples.push(Sample { kind: self.kind, language, text, json });
        }
        samples
    }
}

/// What stands between the quotes.
fn json(text: &str, is_ascii: bool) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    let inside = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let mut out = String::new();
    for char in inside.unwrap_or_default().chars() {
        if !is_ascii || char.is_ascii() {
            out.push(char);
        } else {
            out.extend(char.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    out
}
