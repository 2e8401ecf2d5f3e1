//! Random answers, read by the scanner and by a parser that has all bytes: the facts and the bytes
//! that are passed on must agree, however the answer is cut.

use llm_wire::{AnswerFacts, AnswerScanner, Framing};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::answer_reference as reference;
use crate::bodies;

const NAMES: [&str; 49] = [
    "choices",
    "delta",
    "message",
    "content",
    "text",
    "finish_reason",
    "usage",
    "error",
    "type",
    "object",
    "response",
    "x_groq",
    "item",
    "content_block",
    "output",
    "status",
    "stop_reason",
    "incomplete_details",
    "reason",
    "reasoning",
    "reasoning_content",
    "refusal",
    "tool_calls",
    "function",
    "custom",
    "function_call",
    "name",
    "arguments",
    "input",
    "audio",
    "data",
    "transcript",
    "thinking",
    "partial_json",
    "summary",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "prompt_tokens_details",
    "completion_tokens_details",
    "cached_tokens",
    "reasoning_tokens",
    "audio_tokens",
    "x",
    "prompt_cache_hit_tokens",
];

const WORDS: [&str; 22] = [
    "",
    "stop",
    "length",
    "end_turn",
    "tool_use",
    "content_filter",
    "error",
    "message_stop",
    "response.completed",
    "response.incomplete",
    "response.failed",
    "response.audio.delta",
    "response.output_item.added",
    "response.output_item.done",
    "completed",
    "incomplete",
    "failed",
    "max_output_tokens",
    " the",
    "wörd, 42",
    "\"usage\":{}",
    "a word that is longer than any that is known",
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => prop::sample::select(WORDS.as_slice()).prop_map(Value::from),
        1 => ".{0,20}".prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        2 => Just(Value::Null),
        2 => (0..50_u32).prop_map(Value::from),
        1 => prop::sample::select(vec![json!(-1), json!(1e30), json!(7.0), json!(0.5), json!(u64::MAX)]),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        let name = prop::sample::select(NAMES.as_slice()).prop_map(str::to_owned);
        prop_oneof![
            2 => prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            3 => prop::collection::vec((name, inner), 0..6).prop_map(object),
        ]
    })
}

fn object(members: Vec<(String, Value)>) -> Value {
    Value::Object(members.into_iter().collect::<Map<_, _>>())
}

/// Objects with anything anywhere, and those that servers send.
fn root() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(NAMES.as_slice()).prop_map(str::to_owned);
    let text = prop::sample::select(WORDS.as_slice());
    let delta = (prop::sample::select(NAMES.as_slice()), value(), text);
    let usage = prop::collection::vec((name.clone(), value()), 0..6).prop_map(object);
    prop_oneof![
        2 => prop::collection::vec((name, value()), 0..6).prop_map(object),
        2 => delta.prop_map(|(name, value, text)| {
            json!({"choices":[{"index":0,"delta":{name:value,"content":text}}],"usage":null})
        }),
        2 => (usage, value()).prop_map(|(usage, x)| json!({"choices":[],"usage":usage,"x":x})),
        1 => Just(json!({"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}})),
        1 => value().prop_map(|x| json!({"choices":[{"delta":{"content":x}}]})),
    ]
}

/// A line end, or two of them.
fn ends() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["\n", "\r", "\r\n"])
}

/// Some lines of a stream.
fn lines() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["data: ", "data:", "data:", "data:  ", "datum: "]);
    let other = prop::sample::select(vec![
        "event: x",
        "id: 7",
        ": comment",
        "data",
        "data: [DONE]",
        "data: <html>",
        "error: {}",
        "dat",
        "",
        "",
        ":",
        "e",
        "data: {\"choices\":[",
        "data: ]}",
        "\u{feff}",
        "data: {\"usage\":",
        "data: {}}",
    ]);
    prop_oneof![
        4 => (name, root(), ends(), 0..12_u8).prop_map(|(name, root, end, style)| {
            let text = match style {
                0 => format!("{root:#}").replace('\n', &format!("{end}{name}")),
                1 => format!("{root}x"),
                2 => root.to_string().replacen('}', "", 1),
                _ => root.to_string(),
            };
            format!("{name}{text}{end}{end}")
        }),
        1 => (other, ends()).prop_map(|(line, end)| format!("{line}{end}")),
    ]
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let cut = prop_oneof![3 => Just(0), 1 => 0..40_usize];
    (prop::collection::vec(lines(), 0..8), cut).prop_map(|(lines, cut)| {
        let mut bytes = lines.concat().into_bytes();
        bytes.truncate(bytes.len().saturating_sub(cut));
        bytes
    })
}

/// Events of one stream as servers write them: they differ in their text and in what changes with it.
/// Plain ones have no member twice, and are spelled as the reference spells them.
fn alike(is_plain: bool) -> impl Strategy<Value = Vec<String>> {
    let form = prop::sample::select(vec![
        r#"data: {"choices":[{"index":INDEX,"delta":{"content":"TEXT"},"finish_reason":null}],"created":COUNT,"usage":null,"obfuscation":"PAD"}"#,
        r#"data: {"created":COUNT,"choices":[{"delta":{"reasoning":"TEXT"},"index":INDEX}]}"#,
        r#"data:{"choices":[{"delta":{"tool_calls":[{"index":INDEX,"function":{"arguments":"TEXT"}}]}}]}"#,
        r#"data:{"choices":[{"delta":{"function_call":{"name":"TEXT"}}}]}"#,
        r#"data: {"choices":[{"delta":{"content":"TEXT","reasoning":"PAD"}}],"usage":{"prompt_tokens":COUNT}}"#,
        r#"data: {"choices": [{"text": "TEXT", "index": INDEX}], "p": "PAD"}"#,
        r#"data: {"type":"response.output_text.delta","sequence_number":COUNT,"delta":"TEXT","obfuscation":"PAD"}"#,
        r#"data: {"type":"response.output_item.added","item":{"name":"TEXT"}}"#,
        r#"data: {"type":"response.audio.delta","delta":"TEXT"}"#,
        r#"data: {"index":INDEX,"type":"content_block_delta","delta":{"type":"text_delta","text":"TEXT"}}"#,
        r#"data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":COUNT}}"#,
    ]);
    let twice = r#"a"},"finish_reason":"stop","x":{"y":""#;
    let odd = if is_plain { [r#"a"},"x":{"y":""#, ""] } else { [r#"a","content":"b"#, twice] };
    let plain = move |text: String| match serde_json::from_str::<String>(&format!("\"{text}\"")) {
        Ok(value) if is_plain => json!(value).to_string().trim_matches('"').replace("\\\"", "'"),
        _ => text,
    };
    let text = prop_oneof![
        4 => bodies::text(4).prop_map(plain),
        1 => prop::sample::select(odd.to_vec()).prop_map(str::to_owned),
        1 => Just(String::new()),
    ];
    let event = (
        text,
        0..3_u8,
        prop_oneof![Just(1_u32), 0..2000_u32],
        bodies::text(3).prop_map(plain),
        0..12_u8,
    );
    let events = prop::collection::vec(event, 1..12);
    let end = prop::sample::select(vec!["\n\n", "\n\n", "\r\n\r\n", "\r\r"]);
    (prop::collection::vec(form, 1..3), events, end).prop_map(|(forms, events, end)| {
        let events = events.into_iter().map(|(text, index, count, pad, style)| {
            let form = forms[usize::from(style == 0).min(forms.len() - 1)];
            let form = form.replace("INDEX", &index.to_string());
            let form = form.replace("COUNT", &count.to_string());
            let before = ["", ": ping\n\n", "event: x\n", "data: {}\n", ": x\n"];
            let before = before.get(usize::from(style)).unwrap_or(&"");
            format!("{before}{}{end}", form.replace("TEXT", &text).replace("PAD", &pad))
        });
        events.collect()
    })
}

/// So many bytes of a stream are replaced by these.
fn change() -> impl Strategy<Value = (usize, &'static str)> {
    let with = prop::sample::select(vec![
        "",
        "\"",
        "\\",
        "\n",
        "\r",
        "{",
        "}",
        ",",
        "0",
        "7",
        "-",
        ":",
        "x",
        "data:",
        "\"usage\":{},",
        "]",
    ]);
    (0..3_usize, with)
}

fn read<'a>(
    framing: Framing,
    removing: bool,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (AnswerFacts, Vec<u8>) {
    let mut scanner = AnswerScanner::new(framing);
    if removing {
        scanner = scanner.removing_usage();
    }
    let (mut calls, mut out) = (0, Vec::new());
    for piece in pieces {
        let changed = scanner.feed(piece, &mut || calls += 1);
        out.extend(changed.as_deref().unwrap_or(piece));
        assert!(scanner.memory() < 1_250 + 4_096, "{}", scanner.memory());
    }
    out.extend(scanner.finish().unwrap_or_default());
    let facts = scanner.facts();
    assert_eq!(facts.generated_events, calls);
    (facts, out)
}

/// Reads in any pieces, and asserts that these do not matter.
fn in_pieces(
    framing: Framing,
    removing: bool,
    bytes: &[u8],
    cuts: &[usize],
) -> (AnswerFacts, Vec<u8>) {
    let whole = read(framing, removing, [bytes]);
    assert_eq!(read(framing, removing, bytes.chunks(1)), whole, "{}", bytes.escape_ascii());
    for pair in cuts.windows(2) {
        let (a, b) = (pair[0].min(pair[1]), pair[0].max(pair[1]));
        let pieces = [&bytes[..a], &bytes[a..b], &bytes[b..]];
        assert_eq!(
            read(framing, removing, pieces),
            whole,
            "cut at {a} and {b}: {}",
            bytes.escape_ascii()
        );
    }
    whole
}

proptest! {
    #![proptest_config(bodies::cases(1_500))]

    #[test]
    fn a_stream_says_what_a_parser_finds_and_loses_its_usage_events_only(
        stream in stream(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 8),
    ) {
        let cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        let (facts, out) = in_pieces(Framing::Events, true, &stream, &cuts);
        let (mut wanted, wanted_out) = reference::events(&stream);
        // Raw JSON with line ends in it is text that the parser does not keep.
        let text = String::from_utf8_lossy(&stream);
        if text.contains("{ ") || text.contains("  ") {
            wanted.generated = facts.generated;
        }
        prop_assert_eq!(&facts, &wanted, "{}", stream.escape_ascii());
        prop_assert_eq!(out.escape_ascii().to_string(), wanted_out.escape_ascii().to_string());
        let (kept, out) = in_pieces(Framing::Events, false, &stream, &cuts);
        prop_assert_eq!(out, stream);
        let nothing = AnswerFacts { removed: 0, held_too_long: 0, ..wanted };
        prop_assert_eq!(kept, nothing);
    }

    #[test]
    fn a_body_says_what_a_parser_finds(
        root in root(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 8),
    ) {
        let body = root.to_string().into_bytes();
        let cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
        let (facts, _) = in_pieces(Framing::Json, false, &body, &cuts);
        prop_assert_eq!(facts, reference::body(root.as_object().unwrap()), "{}", root);
    }

    #[test]
    fn any_bytes_say_the_same_in_any_pieces(
        bytes in bodies::jsonish(200),
        lines in lines(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 8),
        framing in prop::sample::select(vec![Framing::Json, Framing::Events]),
    ) {
        let bytes = [b"data: ", &bytes[..], b"\n\n", lines.as_bytes()].concat();
        let cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        in_pieces(framing, true, &bytes, &cuts);
    }

    #[test]
    fn events_that_are_nearly_alike_say_what_each_of_them_says(
        stream in alike(true),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 8),
    ) {
        let stream = stream.concat().into_bytes();
        let cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        let (facts, out) = in_pieces(Framing::Events, true, &stream, &cuts);
        let (wanted, wanted_out) = reference::events(&stream);
        prop_assert_eq!(&facts, &wanted, "{}", stream.escape_ascii());
        prop_assert_eq!(out.escape_ascii().to_string(), wanted_out.escape_ascii().to_string());
    }

    #[test]
    fn events_that_are_nearly_alike_say_the_same_in_any_pieces(
        stream in alike(false),
        changes in prop::collection::vec((any::<prop::sample::Index>(), change()), 0..6),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 8),
    ) {
        let mut stream = stream.concat().into_bytes();
        for (at, (length, with)) in changes {
            let at = at.index(stream.len());
            stream.splice(at..(at + length).min(stream.len()), with.bytes());
        }
        let cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        in_pieces(Framing::Events, true, &stream, &cuts);
    }
}
