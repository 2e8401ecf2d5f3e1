//! Random bodies, their JSON in every spelling, and a sink that keeps what it is given.

use llm_wire::{Api, Mark, Piece, RequestFacts, TextSink, TokenCount, TokenSource};
use proptest::prelude::*;
use serde_json::{Map, Value};

pub(crate) const APIS: [Api; 5] = [
    Api::OpenAiChat,
    Api::OpenAiCompletions,
    Api::OpenAiEmbeddings,
    Api::OpenAiResponses,
    Api::AnthropicMessages,
];

/// A failing case is printed whole; there is no file of old failures to keep.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

const NAMES: [&str; 52] = [
    "model",
    "stream",
    "stream_options",
    "include_usage",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "n",
    "tools",
    "functions",
    "messages",
    "input",
    "prompt",
    "system",
    "instructions",
    "suffix",
    "role",
    "content",
    "type",
    "text",
    "name",
    "image_url",
    "url",
    "tool_calls",
    "function",
    "function_call",
    "arguments",
    "source",
    "data",
    "output",
    "summary",
    "refusal",
    "thinking",
    "previous_response_id",
    "conversation",
    "reasoning_content",
    "title",
    "context",
    "detail",
    "input_audio",
    "audio_url",
    "video_url",
    "file",
    "file_data",
    "file_id",
    "file_url",
    "metadata",
    "custom",
    "x",
    "",
    "mo\"del",
    "é",
];

const WORDS: [&str; 15] = [
    "text",
    "image",
    "image_url",
    "input_image",
    "input_audio",
    "input_file",
    "document",
    "low",
    "data:image/gif;base64,R0lGODdhQAHIAIAAAAAAAAAAACw=",
    "gpt-4.1",
    "\"model\":\"x\"",
    "a\\b\n",
    "中文",
    "😀",
    "",
];

const LISTS: [&str; 6] = ["messages", "input", "system", "tools", "functions", "prompt"];

/// Bodies that reach every field often: half of the members are lists of objects, as messages are.
pub(crate) fn body() -> impl Strategy<Value = Value> {
    let any_member = (prop::sample::select(NAMES.as_slice()).prop_map(str::to_owned), value());
    let inner = (prop::sample::select(NAMES.as_slice()).prop_map(str::to_owned), value());
    let item = prop::collection::vec(inner, 0..12).prop_map(object);
    let list = (
        prop::sample::select(LISTS.as_slice()).prop_map(str::to_owned),
        prop::collection::vec(item, 0..4).prop_map(Value::from),
    );
    prop::collection::vec(prop_oneof![any_member, list], 0..8).prop_map(object)
}

fn object(members: Vec<(String, Value)>) -> Value {
    Value::Object(members.into_iter().collect::<Map<_, _>>())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        3 => prop::sample::select(WORDS.as_slice()).prop_map(Value::from),
        1 => ".{0,20}".prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        2 => any::<u64>().prop_map(Value::from),
        1 => (-100..100_i64).prop_map(Value::from),
        1 => (0..100_u32).prop_map(|x| Value::from(f64::from(x) / 4.0)),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let member =
            (prop::sample::select(NAMES.as_slice()).prop_map(str::to_owned), inner.clone());
        prop_oneof![
            2 => prop::collection::vec(inner, 0..4).prop_map(Value::from),
            3 => prop::collection::vec(member, 0..5).prop_map(object),
        ]
    })
}

/// The inside of a JSON string: what the estimator distinguishes, in any order.
pub(crate) fn text(pieces: usize) -> impl Strategy<Value = String> {
    let pieces_of = prop::sample::select(
        [
            "a",
            "the",
            "jk",
            "Xh",
            "7",
            "42",
            ".",
            "--",
            " ",
            "  ",
            "\\n",
            "\\r\\n",
            "\\t",
            "\\\"",
            "\\\\",
            "\\/",
            "\\u0041",
            "\\u4e2d",
            "\\ud83d\\ude00",
            "é",
            "中",
            "я",
            "ع",
            "😀",
            "—",
        ]
        .as_slice(),
    );
    prop::collection::vec(pieces_of, 0..pieces).prop_map(|pieces| pieces.concat())
}

/// Bytes that look like JSON for a while.
pub(crate) fn jsonish(pieces: usize) -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        8 => prop::sample::select(
            [
                "{", "}", "[", "]", ",", ":", "\"", "\\", "1", "-", "0.5", "e9", "true", "nul", " ",
                "\"model\":", "\"messages\":[{", "\"content\":\"", "\"tools\":[{", "u12", "\u{feff}",
            ]
            .as_slice(),
        )
        .prop_map(|token| token.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    let begin = prop_oneof![Just(&b"{"[..]), Just(&b""[..])];
    (begin, prop::collection::vec(token, 0..pieces))
        .prop_map(|(begin, tokens)| [begin, &tokens.concat()].concat())
}

/// Writes a value with whitespace and escapes chosen by `style`.
pub(crate) fn write_json(value: &Value, style: u64) -> String {
    let mut out = String::new();
    write(value, &mut style.max(1), &mut out);
    out
}

fn draw(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state >> 32
}

fn space(style: &mut u64, out: &mut String) {
    if draw(style).is_multiple_of(6) {
        out.push_str([" ", "\n", "\t\r\n  "][(draw(style) % 3) as usize]);
    }
}

fn write(value: &Value, style: &mut u64, out: &mut String) {
    space(style, out);
    match value {
        Value::String(text) => write_string(text, style, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, style, out);
            }
            space(style, out);
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (index, (name, value)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                space(style, out);
                write_string(name, style, out);
                space(style, out);
                out.push(':');
                write(value, style, out);
            }
            space(style, out);
            out.push('}');
        }
        other => out.push_str(&other.to_string()),
    }
    space(style, out);
}

fn write_string(text: &str, style: &mut u64, out: &mut String) {
    out.push('"');
    for char in text.chars() {
        let plain = serde_json::to_string(&char).unwrap();
        if draw(style).is_multiple_of(8) {
            for unit in char.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push_str(&plain[1..plain.len() - 1]);
        }
    }
    out.push('"');
}

/// What of the facts can be compared with a reference that knows no bytes.
pub(crate) fn comparable(facts: RequestFacts) -> RequestFacts {
    let RequestFacts { prompt, usage_place, .. } = RequestFacts::default();
    RequestFacts { prompt, usage_place, model_at: None, bytes_read: 0, ..facts }
}

/// Keeps all pieces, decoded.
#[derive(Default)]
pub(crate) struct Collector {
    open: Option<(Piece, Vec<u8>)>,
    texts: Vec<String>,
}

impl Collector {
    pub(crate) fn sorted(&self) -> Vec<String> {
        let mut texts = self.texts.clone();
        texts.sort();
        texts
    }
}

/// How a mark is written down for comparison; what media cost is another's business.
pub(crate) fn marked(mark: Mark) -> String {
    match mark {
        Mark::Media(medium) => format!("{:?}", medium.kind),
        other => format!("{other:?}"),
    }
}

/// How a piece is written down for comparison; raw JSON loses its spelling.
pub(crate) fn written(piece: Piece, json: &[u8]) -> String {
    match serde_json::from_slice::<Value>(json) {
        Ok(value) => format!("{piece:?} {value}"),
        Err(_) => format!("{piece:?} malformed {}", String::from_utf8_lossy(json)),
    }
}

impl TextSink for Collector {
    fn mark(&mut self, mark: Mark) {
        assert!(self.open.is_none());
        self.texts.push(marked(mark));
    }

    fn open(&mut self, piece: Piece) {
        assert!(self.open.is_none());
        self.open = Some((piece, Vec::new()));
    }

    fn text(&mut self, bytes: &[u8]) {
        self.open.as_mut().unwrap().1.extend_from_slice(bytes);
    }

    fn close(&mut self) {
        let (piece, bytes) = self.open.take().unwrap();
        let json = if piece.is_raw_json() { bytes } else { [b"\"", &bytes[..], b"\""].concat() };
        self.texts.push(written(piece, &json));
    }

    fn count(&self) -> TokenCount {
        TokenCount { tokens: 0, error_percent: 0, source: TokenSource::Exact }
    }
}
