//! The request's body that a file becomes.

use clap::ValueEnum;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::command) enum Shape {
    /// A text: the prompt of a completion, which has no frame.
    Text,
    /// The body of a chat request; what is no JSON object is the message of a user.
    Chat,
}

/// A body, and where it goes.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) path: &'static str,
    pub(super) model: String,
    pub(super) bytes: Vec<u8>,
}

/// Why a file cannot be a body.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    /// It is larger than what the filters look at.
    #[error("found {0} bytes as a request; allowed less than 1 GiB; cut the file")]
    TooLarge(usize),
    /// Each piece is a callback with a record of it.
    #[error("found {found} pieces; allowed {PIECES_MAX}; give --split {cure} or more")]
    TooManyPieces { found: usize, cure: usize },
    /// It is an object all the same, so its text would not be what is meant.
    #[error(
        "found a chat request whose `model` is no text, or stands there twice; allowed one text, or no `model`; correct the file, or count it with --shape text"
    )]
    Model,
}

/// What the filters look at, at most.
pub(super) const BODY_MAX: usize = 1 << 30;
/// The record of a run has some lines for each piece.
const PIECES_MAX: usize = 500_000;
/// What a model is called where the file names none.
const MODEL: &str = "counted";

/// What a chat request says of its model; nothing else of it is looked at here.
#[derive(Deserialize)]
struct Chat {
    #[serde(default, deserialize_with = "named_model")]
    model: Option<String>,
}

/// The model that is there; `null` is none that a server knows, and not an absent one.
fn named_model<'de, D: Deserializer<'de>>(value: D) -> Result<Option<String>, D::Error> {
    String::deserialize(value).map(Some)
}

/// The body that these bytes become.
pub(super) fn made(shape: Shape, bytes: &[u8]) -> Result<Body, BodyError> {
    let made = |path, model: &str, bytes| Body { path, model: model.to_owned(), bytes };
    let chat = match shape {
        Shape::Text => None,
        // A list would be taken for the struct's fields in their order.
        Shape::Chat if !bytes.trim_ascii_start().starts_with(b"{") => None,
        Shape::Chat => match serde_json::from_slice::<Chat>(bytes) {
            Ok(chat) => Some(chat),
            Err(_) if serde_json::from_slice::<IgnoredAny>(bytes).is_ok() => {
                return Err(BodyError::Model);
            }
            Err(_) => None,
        },
    };
    Ok(match (shape, chat) {
        (Shape::Text, _) => made(
            "/v1/completions",
            MODEL,
            around(r#"{"model":"counted","prompt":""#, bytes, r#""}"#),
        ),
        (Shape::Chat, None) => {
            let head = r#"{"model":"counted","messages":[{"role":"user","content":""#;
            made("/v1/chat/completions", MODEL, around(head, bytes, r#""}]}"#))
        }
        (Shape::Chat, Some(Chat { model: Some(model) })) => {
            made("/v1/chat/completions", &model, bytes.to_vec())
        }
        (Shape::Chat, Some(Chat { model: None })) => {
            made("/v1/chat/completions", MODEL, named(bytes))
        }
    })
}

impl Body {
    pub(super) fn within_bounds(self, split: usize) -> Result<Self, BodyError> {
        let (length, found) = (self.bytes.len(), self.bytes.len().div_ceil(split.max(1)));
        if length >= BODY_MAX {
            return Err(BodyError::TooLarge(length));
        }
        if found > PIECES_MAX {
            return Err(BodyError::TooManyPieces { found, cure: length.div_ceil(PIECES_MAX) });
        }
        Ok(self)
    }
}

/// A text inside JSON. Bytes that are no UTF-8 stay as they are, as careless clients send them.
fn around(head: &str, text: &[u8], tail: &str) -> Vec<u8> {
    let mut body = Vec::with_capacity(head.len() + text.len() + text.len() / 16 + tail.len());
    body.extend(head.as_bytes());
    for &byte in text {
        match byte {
            b'"' | b'\\' => body.extend([b'\\', byte]),
            b'\n' => body.extend(b"\\n"),
            0..=0x1f => body.extend(format!("\\u{byte:04x}").as_bytes()),
            _ => body.push(byte),
        }
    }
    body.extend(tail.as_bytes());
    body
}

/// A chat request that names no model, with one.
fn named(bytes: &[u8]) -> Vec<u8> {
    let rest = bytes.trim_ascii_start().strip_prefix(b"{").unwrap_or_default();
    let is_empty = rest.trim_ascii_start().starts_with(b"}");
    let comma: &[u8] = if is_empty { b"" } else { b"," };
    [br#"{"model":"counted""#, comma, rest].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(shape: Shape, file: &[u8]) -> String {
        String::from_utf8(made(shape, file).unwrap().bytes).unwrap()
    }

    #[test]
    fn a_text_becomes_a_prompt_whatever_stands_in_it() {
        let made = body(Shape::Text, "a\"b\\c\n\u{1}é".as_bytes());
        let read: serde_json::Value = serde_json::from_str(&made).unwrap();
        assert_eq!(read["prompt"], "a\"b\\c\n\u{1}é");
        assert!(super::made(Shape::Text, b"\xff").unwrap().bytes.contains(&0xff));
    }

    #[test]
    fn a_chat_request_stays_as_it_is_and_a_text_becomes_a_message() {
        let request = r#"{"messages":[],"model":"gpt-4o"}"#;
        assert_eq!(body(Shape::Chat, request.as_bytes()), request);
        assert_eq!(made(Shape::Chat, request.as_bytes()).unwrap().model, "gpt-4o");
        assert_eq!(body(Shape::Chat, b" {\"n\":1}"), r#"{"model":"counted","n":1}"#);
        assert_eq!(body(Shape::Chat, b"{ }"), r#"{"model":"counted" }"#);
        let text = body(Shape::Chat, b"[1]");
        assert!(text.ends_with(r#""messages":[{"role":"user","content":"[1]"}]}"#), "{text}");
    }

    #[test]
    fn a_model_that_is_no_text_or_stands_there_twice_is_refused_and_not_counted_as_text() {
        let requests = [
            r#"{"model":null}"#,
            r#"{"model":5}"#,
            r#"{"model":"\ud800"}"#,
            r#"{"model":"a","model":"b"}"#,
        ];
        for request in requests {
            let error = made(Shape::Chat, request.as_bytes()).map(|body| body.model);
            assert!(matches!(error, Err(BodyError::Model)), "{request}: {error:?}");
        }
        assert_eq!(made(Shape::Chat, b"{\"model\":").unwrap().model, MODEL);
    }

    #[test]
    fn a_file_in_too_many_pieces_is_told_a_split() {
        let made = made(Shape::Text, &[b'a'; 1_200_000]).unwrap();
        let error = made.within_bounds(1).unwrap_err().to_string();
        assert!(error.ends_with("allowed 500000; give --split 3 or more"), "{error}");
    }
}
