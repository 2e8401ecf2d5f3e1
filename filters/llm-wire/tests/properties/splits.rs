//! However a body is cut, the facts and the token counts are the same; whatever the bytes, nothing
//! panics and nothing grows.

use llm_wire::{Api, RequestFacts, RequestScanner, ScanLimits};
use proptest::prelude::*;

use crate::bodies::{self, APIS, body, write_json};

/// What must not depend on the split: everything but how far each feed came.
fn scan<'a>(api: Api, pieces: impl IntoIterator<Item = &'a [u8]>) -> (RequestFacts, String) {
    let mut scanner = RequestScanner::new(api, ScanLimits::default());
    for piece in pieces {
        scanner.feed(piece);
    }
    let progress = scanner.finish();
    let features = format!("{progress:?} {:?}", scanner.sink().features());
    (scanner.into_facts(), features)
}

/// Cuts bytes at the given places.
fn cut(bytes: &[u8], mut places: Vec<usize>) -> Vec<&[u8]> {
    places.sort_unstable();
    let mut pieces = Vec::new();
    let mut from = 0;
    for place in places {
        pieces.push(&bytes[from..place]);
        from = place;
    }
    pieces.push(&bytes[from..]);
    pieces
}

proptest! {
    #![proptest_config(bodies::cases(150))]

    #[test]
    fn any_split_of_a_body_gives_the_same(
        api in prop::sample::select(APIS.as_slice()),
        value in body(),
        style in any::<u64>(),
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let json = write_json(&value, style).into_bytes();
        let whole = scan(api, [&json[..]]);
        prop_assert_eq!(&scan(api, json.chunks(1)), &whole);
        let places = places.iter().map(|place| place.index(json.len() + 1)).collect();
        prop_assert_eq!(&scan(api, cut(&json, places)), &whole);
    }

    #[test]
    fn any_split_of_a_text_gives_the_same(
        text in bodies::text(400),
        piece in 1..130_usize,
    ) {
        let json = format!("{{\"messages\":[{{\"content\":\"{text}\"}}]}}").into_bytes();
        let whole = scan(Api::OpenAiChat, [&json[..]]);
        prop_assert_eq!(&scan(Api::OpenAiChat, json.chunks(piece)), &whole);
        prop_assert_eq!(&scan(Api::OpenAiChat, json.chunks(1)), &whole);
    }

    #[test]
    fn any_split_of_any_bytes_gives_the_same(
        api in prop::sample::select(APIS.as_slice()),
        bytes in bodies::jsonish(300),
        piece in 1..70_usize,
    ) {
        let whole = scan(api, [&bytes[..]]);
        prop_assert_eq!(&scan(api, bytes.chunks(1)), &whole);
        prop_assert_eq!(&scan(api, bytes.chunks(piece)), &whole);
    }
}
