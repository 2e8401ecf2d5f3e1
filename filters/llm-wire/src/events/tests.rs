use proptest::prelude::*;

use super::*;

#[derive(Default)]
struct Heard {
    data: Vec<u8>,
    events: Vec<String>,
}

impl EventSink for Heard {
    fn data(&mut self, part: &[u8]) {
        self.data.extend_from_slice(part);
    }

    fn dispatch(&mut self) {
        self.events.push(String::from_utf8(std::mem::take(&mut self.data)).unwrap());
    }
}

fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Heard {
    let (mut parser, mut heard) = (EventParser::default(), Heard::default());
    pieces.for_each(|piece| parser.feed(piece, &mut heard));
    heard
}

/// What is heard of a stream, however it is cut.
fn heard(stream: &str) -> Heard {
    let bytes = stream.as_bytes();
    let whole = read([bytes].into_iter());
    for at in 0..=bytes.len() {
        let (a, b) = bytes.split_at(at);
        let cut = read([a, b].into_iter());
        assert_eq!(
            (&cut.events, &cut.data),
            (&whole.events, &whole.data),
            "{stream:?} cut at {at}"
        );
    }
    let single = read(bytes.chunks(1));
    assert_eq!((&single.events, &single.data), (&whole.events, &whole.data), "{stream:?}");
    whole
}

fn data(stream: &str) -> Vec<String> {
    heard(stream).events
}

#[test]
fn the_examples_of_the_standard_are_read_as_it_says() {
    assert_eq!(data("data: YHOO\ndata: +2\ndata: 10\n\n"), ["YHOO\n+2\n10"]);
    let comments = ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n";
    assert_eq!(data(comments), ["first event", "second event", " third event"]);
    assert_eq!(data("data\n\ndata\ndata\n\ndata:"), ["", "\n"]);
    assert_eq!(data("data:test\n\ndata: test\n\n"), ["test", "test"]);
}

#[test]
fn lines_end_with_cr_lf_or_both() {
    for end in ["\n", "\r", "\r\n"] {
        let stream = ["data: a", "data: b", "", "data: c", "", ""].join(end);
        assert_eq!(data(&stream), ["a\nb", "c"], "{end:?}");
    }
    assert_eq!(data("data: a\r\rdata: b\n\r"), ["a", "b"]);
    assert_eq!(data("data: a\r\n\r\ndata: b\r\n\n"), ["a", "b"]);
}

#[test]
fn a_byte_order_mark_is_passed_over_once_and_at_the_beginning_only() {
    assert_eq!(data("\u{feff}data: a\n\n"), ["a"]);
    assert_eq!(data("\u{feff}\u{feff}data: a\n\ndata: b\n\n"), ["b"]);
    assert_eq!(data("data: a\n\n\u{feff}data: b\n\n"), ["a"]);
    // The first byte of the mark, and not the others.
    assert_eq!(data("\u{fee0}data: a\n\ndata: b\n\n"), ["b"]);
    assert_eq!(data("\u{feff}\n\ndata: b\n\n"), ["b"]);
}

#[test]
fn an_event_without_its_blank_line_is_not_complete_but_its_data_was_heard() {
    let heard = heard("data: {\"usage\":1}");
    assert_eq!((heard.events.len(), heard.data.as_slice()), (0, b"{\"usage\":1}".as_slice()));
}

#[test]
fn events_without_data_are_none() {
    assert_eq!(
        data("event: ping\n\n: hello\n\nevent: delta\ndata: 1\n\n\n\ndata: 2\n\n"),
        ["1", "2"]
    );
}

#[test]
fn names_that_only_begin_like_a_field_are_none() {
    assert_eq!(data("dat: a\ndataa: b\n data: c\nDATA: d\nda:ta\n:data: e\n\n"), [""; 0]);
}

/// The standard's algorithm, on a stream that is all there.
fn by_the_letter(stream: &str) -> Vec<String> {
    let stream = stream.strip_prefix('\u{feff}').unwrap_or(stream);
    let stream = stream.replace("\r\n", "\n").replace('\r', "\n");
    let (mut events, mut buffer) = (Vec::new(), String::new());
    let mut lines: Vec<_> = stream.split('\n').collect();
    // What no line end follows is no line yet.
    lines.pop();
    for line in lines {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        if line.is_empty() {
            if let Some(data) = buffer.strip_suffix('\n') {
                events.push(data.to_owned());
            }
            buffer.clear();
        } else if name == "data" {
            buffer += value.strip_prefix(' ').unwrap_or(value);
            buffer += "\n";
        }
    }
    events
}

proptest! {
    #[test]
    fn any_stream_in_any_pieces_is_read_as_the_standard_says(
        tokens in prop::collection::vec(
            prop::sample::select(vec!["data", "data:", "event:", "id", ":", " ", "\n", "\r", "\r\n",
                "\n\n", "x", "\u{feff}", "é", "d", "ata: "]), 0..40),
        cuts in prop::collection::vec(1..9_usize, 1..20),
    ) {
        let stream = tokens.concat();
        let (mut rest, mut pieces) = (stream.as_bytes(), Vec::new());
        for cut in cuts {
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        pieces.push(rest);
        let heard = read(pieces.into_iter());
        prop_assert_eq!(heard.events, by_the_letter(&stream), "{:?}", stream);
    }
}
