//! Random bodies, read by the scanner and by `serde_json`: the facts and the text must agree.

use std::ops::Range;

use llm_wire::{Api, Progress, RequestFacts, RequestScanner, ScanLimits};
use proptest::prelude::*;
use serde_json::Value;

use crate::bodies::{self, APIS, Collector, body, write_json};
use crate::reference;

fn scan(api: Api, json: &[u8], piece: usize) -> (Progress, RequestFacts, Vec<String>) {
    let mut scanner = RequestScanner::with_sink(api, ScanLimits::default(), Collector::default());
    for piece in json.chunks(piece.max(1)) {
        scanner.feed(piece);
    }
    let progress = scanner.finish();
    let texts = scanner.sink().sorted();
    (progress, scanner.into_facts(), texts)
}

proptest! {
    #![proptest_config(bodies::cases(1_000))]

    #[test]
    fn facts_and_text_are_those_that_a_parser_finds(
        api in prop::sample::select(APIS.as_slice()),
        value in body(),
        style in any::<u64>(),
        piece in 1..200_usize,
    ) {
        let json = write_json(&value, style);
        let (progress, facts, texts) = scan(api, json.as_bytes(), piece);
        prop_assert_eq!(progress, Progress::Complete);
        let (wanted, wanted_texts) = reference::read(api, &value);
        prop_assert_eq!(texts, wanted_texts);
        prop_assert_eq!(facts.bytes_read, json.len() as u64);
        if let Some(Range { start, end }) = facts.model_at.clone() {
            let written = json.get(start as usize - 1..=end as usize);
            let name: Option<String> = written.and_then(|text| serde_json::from_str(text).ok());
            prop_assert_eq!(name.as_deref().filter(|_| !facts.model_too_long), facts.model.as_deref());
        }
        prop_assert_eq!(bodies::comparable(facts), wanted);
    }

    #[test]
    fn what_a_parser_accepts_is_never_called_malformed(
        api in prop::sample::select(APIS.as_slice()),
        value in body(),
        style in any::<u64>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut json = write_json(&value, style).into_bytes();
        for (at, byte) in damage {
            let at = at.index(json.len());
            json[at] = byte;
        }
        if style.is_multiple_of(4) {
            json.truncate(cut.index(json.len()));
        }
        let parsed = serde_json::from_slice::<Value>(&json).is_ok_and(|value| value.is_object());
        let (progress, ..) = scan(api, &json, json.len());
        if parsed {
            prop_assert_eq!(progress, Progress::Complete);
        }
    }
}
