//! Whatever is done to a file, reading it ends, without a panic, and what is wrong has a place.
//!
//! The files are those of the project, changed at random places in the ways in which files are broken by
//! people, editors and copying. The seed is fixed, so a failure comes again.

use super::*;
use crate::bootstrap::Bootstrap;

/// What is put in the place of a word, or between two.
const PIECES: [&str; 40] = [
    "-1",
    "0",
    "99999999999999999999",
    "18446744073709551615",
    "1e999",
    "0x10",
    ".inf",
    ".nan",
    "null",
    "true",
    "~",
    "''",
    "\"",
    "[",
    "]",
    "{",
    "}",
    "{}",
    "[]",
    "- ",
    ": ",
    "\n",
    "\r\n",
    "\t",
    "\u{feff}",
    "\0",
    "\u{85}",
    "# ",
    "&a ",
    "*a",
    "<<: *a",
    "---\n",
    "...\n",
    "!!binary ",
    "|\n",
    "%",
    "1000000h",
    "999999GiB",
    "-0.0s",
    "\u{1f980}",
];
const MUTANTS_OF_EACH: usize = 12;

fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    let mut found = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(found.len() > 2, "{folder}");
    found
}

/// The text with one to four changes.
fn mutant(text: &str, random: &mut fastrand::Rng) -> String {
    let mut text: Vec<char> = text.chars().collect();
    for _ in 0..random.usize(1..=4) {
        let from = random.usize(0..=text.len());
        let len = random.usize(0..=12).min(text.len() - from);
        let piece = PIECES[random.usize(0..PIECES.len())];
        match random.u8(0..8) {
            // A word becomes another.
            0..=2 => {
                let word = |c: &char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
                let len = text[from..].iter().take_while(|c| word(c)).count();
                drop(text.splice(from..from + len, piece.chars()));
            }
            3 => drop(text.splice(from..from, piece.chars())),
            4 => drop(text.splice(from..from + len, [])),
            5 => text.truncate(from),
            // A line comes twice.
            6 => {
                let line: Vec<char> =
                    text[from..].iter().copied().take_while(|c| *c != '\n').collect();
                drop(text.splice(from..from, line.into_iter().chain(['\n'])));
            }
            _ => {
                let deep = piece.repeat(random.usize(1..=200));
                drop(text.splice(from..from, deep.chars()));
            }
        }
    }
    text.into_iter().collect()
}

fn each_mutant(files: &[PathBuf], read: impl Fn(&Path, &str) -> Option<Error>) {
    let mut random = fastrand::Rng::with_seed(1);
    let mut refused = 0;
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        for _ in 0..MUTANTS_OF_EACH {
            let mutant = mutant(&text, &mut random);
            let Some(error) = read(file, &mutant) else { continue };
            refused += 1;
            assert!(error.place().line > 0, "no place: {error}\n{mutant}");
            let said = error.to_string();
            assert!(!said.contains("found found") && !said.contains("; ;"), "{said}");
        }
    }
    assert!(refused > files.len(), "{refused} refused");
}

#[test]
fn a_broken_scenario_is_read_or_refused_with_its_place() {
    each_mutant(&files("tests/scenarios", "yaml"), |file, text| {
        super::super::read_text(file, text, None).err()
    });
}

#[test]
fn a_broken_envoy_file_is_read_or_refused_with_its_place() {
    each_mutant(&files("manifests/envoy", "yaml"), |file, text| {
        let documents = match yaml::parse(&file.display().to_string(), text) {
            Ok(documents) => documents,
            Err(error) => return Some(error),
        };
        documents.first().and_then(|document| Bootstrap::from_node(document).err())
    });
}
