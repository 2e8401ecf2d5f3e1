//! `host-sim count` gives the numbers that OpenAI publishes, whatever the pieces.

#![expect(clippy::expect_used, reason = "a test's own preparation may fail loudly")]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The conversation of OpenAI's cookbook, "How to count tokens with tiktoken".
const CONVERSATION: &str = include_str!("../../tests/wire/chat_openai_cookbook.json");

/// Texts of the same page, with their tokens in `cl100k_base` and in `o200k_base`.
const TEXTS: [(&str, u64, u64); 3] =
    [("antidisestablishmentarianism", 6, 6), ("2 + 2 = 4", 7, 7), ("お誕生日おめでとう", 9, 8)];

/// Exit code, and the JSON that was printed.
fn count(folder: &Path, arguments: &[&str]) -> (Option<i32>, Value, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_host-sim"));
    command.arg("count").args(["--format", "json"]).args(arguments);
    let input = fs::File::open(folder.join("chat.json")).expect("a file");
    let output = command.stdin(input).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let json = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code(), json, said)
}

#[test]
fn published_counts_come_out_of_the_module_whatever_the_pieces() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let chat = file("chat.json", CONVERSATION);
    let texts: Vec<String> =
        (0..).zip(TEXTS).map(|(n, t)| file(&format!("{n}.txt"), t.0)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for (encoding, published) in [("cl100k_base", 129), ("o200k_base", 124)] {
        for split in ["1", "7", "16384"] {
            let how = ["--encoding", encoding, "--split", split];
            let (code, json, said) = count(folder.path(), &[&how[..], &texts].concat());
            assert_eq!(code, Some(0), "{said}");
            let files = json["files"].as_array().expect("files");
            let wanted = TEXTS.map(|(_, cl, o)| if encoding == "o200k_base" { o } else { cl });
            let counts = files.iter().map(|file| file["count"].as_u64().unwrap_or(0));
            assert_eq!(counts.collect::<Vec<_>>(), wanted, "{how:?}");
            assert!(files.iter().all(|file| file["source"] == "exact" && file["bound"] == 0));
            assert_eq!(files[0]["file"], texts[0]);

            let (_, json, _) =
                count(folder.path(), &[&how[..], &["--shape", "chat", &chat]].concat());
            assert_eq!(json["files"][0]["count"], published, "{how:?}");
        }
    }
    let how = ["--encoding", "estimate", "--shape", "chat", "-", "nowhere.json"];
    let (code, json, said) = count(folder.path(), &how);
    assert_eq!(code, Some(1));
    assert!(said.contains("nowhere.json: cannot be read") && said.contains("`-` for"), "{said}");
    let [only] = json["files"].as_array().expect("files").as_slice() else { panic!("{json}") };
    assert_eq!((&only["file"], &only["source"]), (&"-".into(), &"estimated".into()));
    let (tokens, bound) = (only["count"].as_u64(), only["bound"].as_u64());
    assert!(
        tokens.is_some_and(|n| (80..180).contains(&n)) && bound.is_some_and(|n| n > 0),
        "{json}"
    );
}

#[test]
fn a_chat_whose_model_no_configuration_can_name_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("chat.json"), r#"{"model":"","messages":[]}"#).expect("a file");
    let (code, _, said) = count(folder.path(), &["--encoding", "estimate", "--shape", "chat", "-"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("models[0].name"), "{said}");
}
