//! What decides about a request, in the engine that ships: V8, 32 bits, simd128, no operating system.
//!
//! The pure crates' own tests run on wasm32 under WASI as they stand. WASI gives them files, a clock
//! and chance; a filter has none of these while it counts. So the whole way from a body's bytes to a
//! count and a correction is gone here once more for `wasm32-unknown-unknown`, where whatever asked an
//! operating system for anything would trap. `tests/wasm32.rs` runs both.
#![cfg(all(test, target_arch = "wasm32", target_os = "unknown"))]

use llm_wire::{
    Api, Encoding, Estimator, ExactCounter, Progress, RequestScanner, ScanLimits, TextSink,
};
use traffic_policy::calibration::{Calibration, Estimate, MIN_SAMPLES};
use wasm_bindgen_test::wasm_bindgen_test;

const COOKBOOK: &[u8] = include_bytes!("../wire/chat_openai_cookbook.json");
const CHINESE: &[u8] = include_bytes!("../wire/chat_chinese.json");
const TOOLS: &[u8] = include_bytes!("../wire/chat_tools.json");

/// Feeds a body in two pieces.
fn scan<S: TextSink>(sink: S, body: &[u8], cut: usize) -> RequestScanner<S> {
    let mut scanner = RequestScanner::with_sink(Api::OpenAiChat, ScanLimits::default(), sink);
    let (first, second) = body.split_at(cut);
    scanner.feed(first);
    scanner.feed(second);
    assert_eq!(scanner.finish(), Progress::Complete);
    scanner
}

fn exact(encoding: Encoding, body: &[u8], cut: usize) -> u64 {
    let counter = ExactCounter::new(encoding).expect("built with its tables");
    scan(counter, body, cut).facts().prompt.tokens
}

fn estimated(body: &[u8], cut: usize) -> u64 {
    scan(Estimator::default(), body, cut).facts().prompt.tokens
}

#[wasm_bindgen_test]
fn the_published_conversation_has_the_published_counts() {
    assert_eq!(exact(Encoding::O200kBase, COOKBOOK, 0), 124);
    assert_eq!(exact(Encoding::Cl100kBase, COOKBOOK, 0), 129);
}

#[wasm_bindgen_test]
fn a_cut_at_any_byte_changes_no_exact_count() {
    for body in [COOKBOOK, CHINESE, TOOLS] {
        for encoding in [Encoding::O200kBase, Encoding::Cl100kBase] {
            let whole = exact(encoding, body, 0);
            for cut in 1..body.len() {
                assert_eq!(exact(encoding, body, cut), whole, "cut at {cut}");
            }
        }
    }
}

#[wasm_bindgen_test]
fn a_cut_at_any_byte_changes_no_estimate() {
    for body in [COOKBOOK, CHINESE, TOOLS] {
        let whole = estimated(body, 0);
        for cut in 1..body.len() {
            assert_eq!(estimated(body, cut), whole, "cut at {cut}");
        }
    }
}

#[wasm_bindgen_test]
fn an_estimate_is_near_the_exact_count() {
    for body in [COOKBOOK, CHINESE, TOOLS] {
        let (guess, truth) = (estimated(body, 0), exact(Encoding::O200kBase, body, 0));
        assert!(guess.abs_diff(truth) * 4 <= truth, "{guess} for {truth}");
    }
}

#[wasm_bindgen_test]
fn a_server_that_counts_a_third_more_is_believed_after_eight_reports() {
    let (mut calibration, estimate) =
        (Calibration::default(), Estimate { tokens: 3000, ..Estimate::default() });
    for _ in 0..MIN_SAMPLES {
        assert!(calibration.apply(&estimate).is_none());
        calibration.learn(&estimate, 4000);
    }
    let record = calibration.encode(7);
    let read = Calibration::decode(&record, 7).expect("what was written");
    let corrected = read.apply(&estimate).expect("enough reports");
    assert!(corrected.tokens.abs_diff(4000) <= 40, "{} tokens", corrected.tokens);
}
