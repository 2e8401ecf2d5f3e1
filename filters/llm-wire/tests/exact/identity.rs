//! The counts are those of the algorithm that OpenAI published.

use llm_wire::{Encoding, ExactCounter, Mark, Piece, TextSink, TokenSource};
use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::texts::{long_word, text};

fn counter(encoding: Encoding) -> ExactCounter {
    ExactCounter::new(encoding).unwrap()
}

/// What the text counts when it comes in pieces of so many bytes.
fn ours(encoding: Encoding, text: &[u8], size: usize) -> (u64, TokenSource) {
    let mut counter = counter(encoding);
    text.chunks(size).for_each(|piece| counter.plain(piece));
    counter.end_plain();
    let count = counter.count();
    (count.tokens, count.source)
}

/// What its inside counts when it comes escaped, in pieces of so many bytes.
fn escaped(encoding: Encoding, text: &[u8], size: usize) -> u64 {
    let mut counter = counter(encoding);
    counter.mark(Mark::Prompt);
    counter.open(Piece::Text);
    text.chunks(size).for_each(|piece| counter.text(piece));
    counter.close();
    counter.count().tokens
}

/// What OpenAI's algorithm makes of it.
fn theirs(encoding: Encoding, text: &str) -> u64 {
    let tokenizer = match encoding {
        Encoding::O200kBase => tiktoken_rs::o200k_base_singleton(),
        Encoding::O200kHarmony => {
            let tokenizer = tiktoken_rs::o200k_harmony_singleton();
            return tokenizer.encode_with_special_tokens(text).len() as u64;
        }
        Encoding::Cl100kBase => tiktoken_rs::cl100k_base_singleton(),
    };
    tokenizer.encode_ordinary(text).len() as u64
}

const ENCODINGS: [Encoding; 3] = Encoding::ALL;

proptest! {
    #![proptest_config(Config { cases: 2_000, ..Config::default() })]

    #[test]
    fn every_text_counts_as_openai_counts_it(text in text()) {
        for encoding in ENCODINGS {
            let (tokens, source) = ours(encoding, text.as_bytes(), usize::MAX);
            prop_assert_eq!(tokens, theirs(encoding, &text), "{:?}", encoding);
            prop_assert_eq!(source, TokenSource::Exact);
        }
    }

    #[test]
    fn the_count_is_the_same_however_the_text_was_cut_and_escaped(text in text(), size in 1..40_usize) {
        let json = serde_json::to_string(&text).unwrap();
        let inside = &json.as_bytes()[1..json.len() - 1];
        let ascii: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        for encoding in ENCODINGS {
            let whole = ours(encoding, text.as_bytes(), usize::MAX).0;
            prop_assert_eq!(ours(encoding, text.as_bytes(), size).0, whole);
            prop_assert_eq!(escaped(encoding, inside, size), whole, "{}", json);
            prop_assert_eq!(escaped(encoding, ascii.as_bytes(), size), whole, "{}", ascii);
        }
    }
}

proptest! {
    #![proptest_config(Config { cases: 200, ..Config::default() })]

    #[test]
    fn a_word_of_thousands_of_letters_counts_as_openai_counts_it(word in long_word()) {
        for encoding in ENCODINGS {
            let (tokens, source) = ours(encoding, word.as_bytes(), usize::MAX);
            prop_assert_eq!((tokens, source), (theirs(encoding, &word), TokenSource::Exact), "{:?}", encoding);
        }
    }
}

#[test]
fn a_text_longer_than_the_window_counts_the_same_at_every_offset() {
    let sentence = "The quick brown fox isn't 12345 jumping — über den «faulen» Hund; 敏捷的棕色狐狸。\n\n    let x = [1, 2];\t";
    let text = sentence.repeat(100);
    for offset in 0..sentence.chars().count() {
        let text: String = text.chars().skip(offset).collect();
        for encoding in ENCODINGS {
            assert_eq!(
                ours(encoding, text.as_bytes(), 1000).0,
                theirs(encoding, &text),
                "{offset}"
            );
        }
    }
}

#[test]
fn bytes_that_are_no_text_count_as_replacement_characters() {
    let invalid = b"ok \xff\xfe \xe4\xb8 \xc3(";
    let text = String::from_utf8_lossy(invalid);
    for encoding in ENCODINGS {
        for size in 1..invalid.len() {
            assert_eq!(ours(encoding, invalid, size).0, theirs(encoding, &text));
        }
    }
}

#[test]
fn a_piece_that_was_cut_counts_within_its_error() {
    for (unit, end) in [(".", "x"), ("-+", ""), ("=", ""), ("\u{fffd}", " x"), ("a", "")] {
        for length in [4_097, 9_000, 12_289] {
            let text = unit.repeat(length / unit.len() + 1) + end;
            for encoding in ENCODINGS {
                let mut counter = counter(encoding);
                counter.plain(text.as_bytes());
                counter.end_plain();
                let (count, truth) = (counter.count(), theirs(encoding, &text));
                let is_within = (count.low()..=count.high()).contains(&truth);
                assert!(is_within, "{truth}: {count:?}, {length} of {unit:?} and {end:?}");
            }
        }
    }
}
