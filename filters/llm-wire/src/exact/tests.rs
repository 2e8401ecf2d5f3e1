use super::*;
use crate::{Api, Progress, RequestScanner, ScanLimits};

fn prompt(encoding: Encoding, body: &str) -> TokenCount {
    let api = Api::from_path(b"/v1/chat/completions").unwrap();
    let sink = ExactCounter::new(encoding).unwrap();
    let mut scanner = RequestScanner::with_sink(api, ScanLimits::default(), sink);
    assert_eq!(scanner.feed(body.as_bytes()), Progress::Complete);
    scanner.into_facts().prompt
}

/// The conversation of OpenAI's cookbook ("How to count tokens with tiktoken"), which says what
/// its servers reported for it.
const COOKBOOK: &str = include_str!("../../../../tests/wire/chat_openai_cookbook.json");

#[test]
fn a_published_conversation_counts_as_the_servers_reported() {
    let gpt_4o = prompt(Encoding::O200kBase, COOKBOOK);
    assert_eq!((gpt_4o.tokens, gpt_4o.source), (124, TokenSource::Exact));
    let gpt_4 = prompt(Encoding::Cl100kBase, COOKBOOK);
    assert_eq!((gpt_4.tokens, gpt_4.source), (129, TokenSource::Exact));
}

#[test]
fn what_has_no_published_rule_makes_an_estimate_of_the_count() {
    let body = r#"{"messages": [{"role": "user", "content": [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}]}"#;
    let count = prompt(Encoding::O200kBase, body);
    assert_eq!(count.source, TokenSource::Estimated);
    assert!(count.tokens > 765 && count.error_percent > 90, "{count:?}");
}

#[test]
fn a_word_longer_than_the_window_is_an_estimate_and_takes_no_memory() {
    let mut counter = ExactCounter::new(Encoding::O200kBase).unwrap();
    for _ in 0..1000 {
        counter.plain(&[b'a'; 1000]);
    }
    counter.end_plain();
    let count = counter.count();
    assert_eq!(count.source, TokenSource::Estimated);
    // Eight of this letter are one token.
    assert!(count.tokens.abs_diff(125_000) < 1250, "{count:?}");
}

/// So that a text never has more tokens than its JSON has bytes, which decisions rest on.
#[test]
fn a_replacement_character_is_one_token_whatever_surrounds_it() {
    for vocabulary in [&vocabulary::O200K, &vocabulary::CL100K] {
        for byte in 0..=255_u8 {
            let before = vocabulary.straddler(byte, 0xef);
            let after = vocabulary.straddler(0xbd, byte);
            assert_ne!(vocabulary.char(0xfffd, before, after), vocabulary::NONE, "{byte:x}");
        }
    }
}

fn completion(body: &str) -> TokenCount {
    let sink = ExactCounter::new(Encoding::O200kHarmony).unwrap();
    let mut scanner =
        RequestScanner::with_sink(Api::OpenAiCompletions, ScanLimits::default(), sink);
    assert_eq!(scanner.feed(body.as_bytes()), Progress::Complete);
    scanner.into_facts().prompt
}

#[test]
fn special_tokens_of_harmony_are_one_token_each_in_a_raw_prompt_and_text_in_a_message() {
    let text = r"<|start|>user<|message|>hello<|end|><|endofprompt|><|reserved_201087|>";
    for escaped in [text, &text.replace('<', r"\u003c")] {
        let count = completion(&format!(r#"{{"prompt": "{escaped}"}}"#));
        assert_eq!((count.tokens, count.source), (7, TokenSource::Exact), "{escaped}");
    }
    let message = format!(r#"{{"messages": [{{"role": "user", "content": "{text}"}}]}}"#);
    let count = prompt(Encoding::O200kHarmony, &message);
    let as_text = prompt(Encoding::O200kBase, &message);
    assert_eq!(count.tokens, as_text.tokens + Encoding::O200kHarmony.preamble_tokens());
    assert!(as_text.tokens > 20 && count.source == TokenSource::Estimated, "{count:?}");
}

/// As the published chat template of gpt-oss writes it.
#[test]
fn the_preamble_of_harmony_is_allowed_for() {
    let preamble = "<|start|>system<|message|>You are ChatGPT, a large language model trained by OpenAI.\nKnowledge cutoff: 2024-06\nCurrent date: 2025-08-05\n\nReasoning: medium\n\n# Valid channels: analysis, commentary, final. Channel must be included for every message.<|end|>";
    let count = completion(&format!(r#"{{"prompt": "{preamble}"}}"#));
    assert_eq!(count.tokens, Encoding::O200kHarmony.preamble_tokens());
}

#[test]
fn every_special_token_of_harmony_is_known_and_nothing_like_them_is_taken_for_one() {
    let library = tiktoken_rs::o200k_harmony_singleton();
    let known = library.special_tokens();
    assert_eq!(known.len(), 1090);
    for special in known {
        let count = completion(&format!(r#"{{"prompt": "{special}"}}"#));
        assert_eq!(count.tokens, 1, "{special}");
    }
    for number in [199_999, 200_002, 200_012, 201_088] {
        let other = format!("<|reserved_{number}|>");
        let count = completion(&format!(r#"{{"prompt": "{other}"}}"#));
        assert_eq!(count.tokens, library.encode_ordinary(&other).len() as u64, "{other}");
    }
}
