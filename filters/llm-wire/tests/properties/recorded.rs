//! Streams that real servers sent, byte for byte (`tests/wire/stream_*.sse`): however they are cut, the same is read
//! from them, and the same is left of them.

use std::path::{Path, PathBuf};

use llm_wire::{AnswerFacts, AnswerScanner, FinishReason, Framing};

/// Longer ones are cut at one place only.
const SHORT: usize = 1500;

/// So many bytes are at most between two cuts; events of these servers are longer, so two cuts fall into the
/// same event, into two events, and around an end of line.
const BETWEEN: usize = 24;

fn recordings() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/wire");
    let files = std::fs::read_dir(&folder).expect("the folder").flatten().map(|entry| entry.path());
    let is_stream = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "sse");
    let mut files: Vec<PathBuf> = files.filter(is_stream).collect();
    files.sort();
    let name = |path: &Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
    files.iter().map(|path| (name(path), std::fs::read(path).expect("a recording"))).collect()
}

/// The facts, what is passed on, and how often something was generated.
fn scan(parts: &[&[u8]], removing: bool) -> (AnswerFacts, Vec<u8>, u32) {
    let scanner = AnswerScanner::new(Framing::Events);
    let mut scanner = if removing { scanner.removing_usage() } else { scanner };
    let (mut left, mut generated) = (Vec::new(), 0);
    for part in parts {
        let changed = scanner.feed(part, &mut || generated += 1);
        left.extend_from_slice(changed.as_deref().unwrap_or(part));
    }
    left.extend(scanner.finish().unwrap_or_default());
    (scanner.facts(), left, generated)
}

/// The recording as other servers would end its lines.
fn with_line_ends(recording: &[u8], end: &str) -> Vec<u8> {
    String::from_utf8_lossy(recording).replace('\n', end).into_bytes()
}

#[test]
fn what_real_streams_say_is_read() {
    // Input, cached input, output, events; the model ends where it has to. Where a token is half a character,
    // llama.cpp sends no event; where the first one is, it sends no `message_start` either.
    let told = [
        ("stream_llama_cpp_chat", Some(40), 0, 12, 12),
        ("stream_llama_cpp_chat_short", Some(31), 0, 1, 1),
        ("stream_llama_cpp_completions", Some(2), 0, 6, 6),
        ("stream_llama_cpp_messages", Some(40), 39, 12, 12),
        ("stream_llama_cpp_messages_without_start", None, 0, 4, 1),
        ("stream_llama_cpp_responses", Some(40), 39, 12, 12),
    ];
    let recordings = recordings();
    let names: Vec<&str> = recordings.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, told.map(|(name, ..)| name));
    for ((name, bytes), (_, input, cached, output, events)) in recordings.iter().zip(told) {
        let (facts, left, generated) = scan(&[bytes], false);
        let usage = facts.usage.expect(name);
        assert_eq!((usage.input, usage.output), (input, Some(output)), "{name}");
        assert_eq!(usage.cached_input, cached, "{name}");
        assert_eq!((facts.generated_events, generated), (events, events as u32), "{name}");
        assert!(facts.is_complete && !facts.has_error && facts.resyncs == 0, "{name}");
        // llama.cpp says of responses that they are completed, even where they were cut short.
        let finish =
            if name.ends_with("responses") { FinishReason::Stop } else { FinishReason::Length };
        assert_eq!(facts.finish, Some(finish), "{name}");
        assert_eq!(&left, bytes, "{name}");
    }
}

#[test]
fn only_the_event_with_usage_alone_is_taken_out_of_real_streams() {
    for (name, bytes) in recordings() {
        let (facts, left, _) = scan(&[&bytes], true);
        let text = String::from_utf8(bytes).expect("text");
        let is_usage = |event: &&str| event.contains(r#""choices":[],"#);
        let events: Vec<&str> = text.split_inclusive("\n\n").collect();
        let usage = events.iter().filter(|event| is_usage(event)).count();
        assert_eq!(usage, usize::from(name.contains("_chat")), "{name}");
        assert_eq!(facts.removed, usage as u32, "{name}");
        let expected: String = events.into_iter().filter(|event| !is_usage(event)).collect();
        assert_eq!(String::from_utf8_lossy(&left), expected, "{name}");
    }
}

#[test]
fn real_streams_are_read_alike_however_they_are_cut() {
    for (name, recording) in recordings() {
        for end in ["\n", "\r\n"] {
            let bytes = with_line_ends(&recording, end);
            for removing in [false, true] {
                let whole = scan(&[&bytes], removing);
                for cut in 0..=bytes.len() {
                    let (one, two) = bytes.split_at(cut);
                    assert_eq!(scan(&[one, two], removing), whole, "{name} {end:?} at {cut}");
                }
                for size in 1..=64 {
                    let frames: Vec<&[u8]> = bytes.chunks(size).collect();
                    assert_eq!(scan(&frames, removing), whole, "{name} {end:?} by {size}");
                }
            }
        }
    }
}

#[test]
fn short_real_streams_are_read_alike_wherever_two_cuts_fall() {
    let short = recordings().into_iter().filter(|(_, bytes)| bytes.len() <= SHORT);
    let mut pairs = 0;
    for (name, bytes) in short {
        let whole = scan(&[&bytes], true);
        for first in 0..=bytes.len() {
            let (one, rest) = bytes.split_at(first);
            for second in 1..=BETWEEN.min(rest.len()) {
                let (two, three) = rest.split_at(second);
                let found = scan(&[one, two, three], true);
                assert_eq!(found, whole, "{name} at {first} and {}", first + second);
                pairs += 1;
            }
        }
    }
    assert!(pairs > 25_000, "{pairs} pairs of cuts");
}
