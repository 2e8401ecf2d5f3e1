//! How near a calibrated count comes to vocabularies that the estimate was not made for.
//!
//! The "server" counts each prompt with the vocabulary of Llama 3, Qwen 2 or DeepSeek V3, reports it
//! with a chat template on top, and after fifty reports the counts of prompts that were not among
//! them are compared with it. The texts are those that dependencies ship.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; its helpers are no test functions, which are exempt"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use llm_wire::{Api, RequestScanner, ScanLimits, TextSink};
use traffic_policy::calibration::{Calibration, Estimate};

const VOCABULARIES: [&str; 3] = ["llama3", "qwen2", "deepseek_v3"];

/// What a chat template adds, besides four tokens a message.
const TEMPLATE: u64 = 21;

/// How many reports teach, and how many requests are judged.
const TAUGHT: usize = 50;
const JUDGED: usize = 100;

/// A prompt, as the filter sees it and as a server counts it.
struct Prompt {
    estimate: Estimate,
    messages: Vec<String>,
}

impl Prompt {
    fn new(messages: Vec<String>) -> Self {
        let list: Vec<_> = messages
            .iter()
            .map(|text| serde_json::json!({"role": "user", "content": text}))
            .collect();
        let body = serde_json::json!({"model": "m", "messages": list}).to_string();
        let mut scanner = RequestScanner::new(Api::OpenAiChat, ScanLimits::default());
        scanner.feed(body.as_bytes());
        let (facts, estimator) = scanner.into_parts();
        assert_eq!(facts.prompt, estimator.count());
        let parts = estimator.parts();
        let estimate = Estimate {
            tokens: facts.prompt.tokens,
            marks: parts.marks,
            foreign: parts.foreign,
            frame: parts.frame,
            definitions: parts.definitions,
        };
        Self { estimate, messages }
    }

    fn reported(&self, vocabulary: &tiktoken::CoreBpe) -> u64 {
        let text: usize = self.messages.iter().map(|text| vocabulary.encode(text).len()).sum();
        text as u64 + 4 * self.messages.len() as u64 + TEMPLATE
    }
}

/// Numbers that look random and are the same in every run.
struct Draws(u64);

impl Draws {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end.max(1)
    }
}

/// A piece of a text, cut at characters.
fn slice(text: &[char], at: usize, length: usize) -> String {
    text.iter().skip(at).take(length).collect()
}

/// Where a dependency's sources are.
fn folder(package: &str) -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let found =
        metadata["packages"].as_array().expect("packages").iter().find(|p| p["name"] == package);
    let manifest = found.expect("a dependency")["manifest_path"].as_str().expect("a path");
    Path::new(manifest).parent().expect("a folder").to_owned()
}

fn read(paths: &[PathBuf]) -> Vec<char> {
    paths
        .iter()
        .flat_map(|path| std::fs::read_to_string(path).expect("a text").chars().collect::<Vec<_>>())
        .collect()
}

/// Texts by kind: what dependencies ship, which stays as it is until one of them is updated.
fn texts() -> Vec<(&'static str, Vec<char>)> {
    let of = |files: &[(&str, &[&str])]| -> Vec<char> {
        let in_package = |(package, files): &(&str, &[&str])| -> Vec<PathBuf> {
            let folder = folder(package);
            files.iter().map(|file| folder.join(file)).collect()
        };
        read(&files.iter().flat_map(in_package).collect::<Vec<_>>())
    };
    vec![
        (
            "English",
            of(&[
                ("regex", &["README.md", "UNICODE.md"]),
                ("tiktoken", &["README.md"]),
                ("criterion", &["README.md"]),
                ("proptest", &["README.md", "CHANGELOG.md"]),
                ("serde_json", &["README.md"]),
            ]),
        ),
        ("Rust", of(&[("serde_json", &["src/de.rs"]), ("httparse", &["src/lib.rs"])])),
        (
            "YAML",
            of(&[
                ("serde_json", &[".github/workflows/ci.yml"]),
                ("log", &[".github/workflows/main.yml"]),
                ("httparse", &[".github/workflows/ci.yml"]),
                ("aho-corasick", &[".github/workflows/ci.yml"]),
            ]),
        ),
        ("Chinese", of(&[("tiktoken", &["README.zh-CN.md"])])),
        ("Japanese", of(&[("tiktoken", &["README.ja.md"])])),
    ]
}

/// A kind of traffic, and the percent below which its mean absolute error stays: a little more than
/// what is reached, because texts change when a dependency is updated.
struct Traffic {
    name: &'static str,
    /// Of which texts its prompts are made.
    kinds: &'static [usize],
    characters: std::ops::Range<usize>,
    /// Whether the same instructions of 6,000 characters stand before each prompt.
    has_system: bool,
    stays_below: f64,
}

const ALL: &[usize] = &[0, 1, 2, 3, 4];

const TRAFFIC: [Traffic; 6] = [
    Traffic {
        name: "instructions and short texts of all kinds",
        kinds: ALL,
        characters: 200..2_000,
        has_system: true,
        stays_below: 2.0,
    },
    Traffic {
        name: "instructions and long texts of all kinds",
        kinds: ALL,
        characters: 1_000..12_000,
        has_system: true,
        stays_below: 2.0,
    },
    Traffic {
        name: "long texts of code",
        kinds: &[1],
        characters: 1_000..12_000,
        has_system: false,
        stays_below: 4.2,
    },
    Traffic {
        name: "long texts in Chinese",
        kinds: &[3],
        characters: 1_000..12_000,
        has_system: false,
        stays_below: 2.0,
    },
    Traffic {
        name: "long texts of all kinds",
        kinds: ALL,
        characters: 1_000..12_000,
        has_system: false,
        stays_below: 3.5,
    },
    Traffic {
        name: "short texts of all kinds",
        kinds: ALL,
        characters: 200..2_000,
        has_system: false,
        stays_below: 5.5,
    },
];

/// Mean absolute errors in percent, before and after, and how often the bound held.
fn measure(
    traffic: &Traffic,
    texts: &[(&str, Vec<char>)],
    vocabulary: &tiktoken::CoreBpe,
) -> (f64, f64, usize) {
    let mut draws = Draws(5);
    let system = slice(&texts[0].1, 3_000, 6_000);
    let mut calibration = Calibration::default();
    let (mut before, mut after, mut within) = (0.0, 0.0, 0);
    for n in 0..TAUGHT + JUDGED {
        let text = &texts[traffic.kinds[draws.below(traffic.kinds.len())]].1;
        let length = traffic.characters.start + draws.below(traffic.characters.len());
        let at = draws.below(text.len().saturating_sub(length));
        let instructions = traffic.has_system.then(|| system.clone());
        let prompt =
            Prompt::new(instructions.into_iter().chain([slice(text, at, length)]).collect());
        let truth = prompt.reported(vocabulary);
        if n < TAUGHT {
            calibration.learn(&prompt.estimate, truth);
            continue;
        }
        let corrected = calibration.apply(&prompt.estimate).expect("enough reports");
        let error = |tokens: u64| 100.0 * tokens.abs_diff(truth) as f64 / truth as f64;
        before += error(prompt.estimate.tokens) / JUDGED as f64;
        after += error(corrected.tokens) / JUDGED as f64;
        within += usize::from(error(corrected.tokens) <= f64::from(corrected.error_percent));
    }
    (before, after, within)
}

#[test]
fn fifty_reports_bring_counts_near_those_of_an_unknown_vocabulary() {
    let texts = texts();
    let mut failures = Vec::new();
    for name in VOCABULARIES {
        let vocabulary = tiktoken::get_encoding(name).expect("built");
        for traffic in &TRAFFIC {
            let (before, after, within) = measure(traffic, &texts, vocabulary);
            let line = format!(
                "{name}, {}: {before:.1} % -> {after:.1} %, the bound held for {within} of {JUDGED}",
                traffic.name
            );
            println!("{line}");
            if after > traffic.stays_below || within < 93 {
                failures.push(line);
            }
        }
    }
    assert!(failures.is_empty(), "missed:\n{}", failures.join("\n"));
}
