//! Bodies: given, read from a file, or made to a size.
//!
//! A made body has its keys in the order of the file, because where `model` stands in a body
//! decides when a filter can know it.

use bytes::Bytes;
use serde_json::Value as Json;

use crate::yaml::{Entry, Error, Node, Reader, Value};

/// Words for prompts: plain English, so that estimates of their tokens mean something.
const PROSE: &str = "The committee met in the afternoon and agreed that the report should be \
    shorter, clearer and ready before the end of the month. ";

/// What the key of a made body's prompt is called and where it stands, by API.
const APIS: [(&str, Prompt); 5] = [
    ("chat", Prompt::Messages),
    ("messages", Prompt::Messages),
    ("completion", Prompt::Field("prompt")),
    ("embeddings", Prompt::Field("input")),
    ("responses", Prompt::Field("input")),
];

#[derive(Clone, Copy)]
enum Prompt {
    Messages,
    Field(&'static str),
}

/// Reads `body`: a text, or one of `{chat: ...}`, `{json: ...}`, `{bytes: SIZE}`, ...
pub(super) fn read(reader: &Reader<'_>) -> Result<Bytes, Error> {
    if let Value::Scalar(text) = &reader.node().value {
        return Ok(Bytes::from(text.text.clone()));
    }
    let mut object = reader.object()?;
    let names = ["chat", "messages", "completion", "embeddings", "responses", "json", "bytes"];
    let (kind, value) = object.exactly_one_of(&names)?;
    object.finish()?;
    let mut out = String::new();
    match (kind, APIS.iter().find(|(name, _)| *name == kind)) {
        (_, Some((_, prompt))) => made(&value, *prompt, &mut out)?,
        ("json", None) => write(value.node(), &mut out)?,
        (_, None) => out = prose(size(&value)?),
    }
    Ok(Bytes::from(out))
}

fn made(reader: &Reader<'_>, place: Prompt, out: &mut String) -> Result<(), Error> {
    out.push('{');
    for (index, (key, value)) in reader.entries()?.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        let prompt = match key {
            "prompt" => Some(value.text()?.to_owned()),
            "prompt_bytes" => Some(prose(size(&value)?)),
            _ => None,
        };
        match (prompt, place) {
            (Some(text), Prompt::Messages) => {
                let content = Json::String(text);
                out.push_str(r#""messages":[{"role":"user","content":"#);
                out.push_str(&content.to_string());
                out.push_str("}]");
            }
            (Some(text), Prompt::Field(name)) => {
                out.push_str(&format!("\"{name}\":{}", Json::String(text)));
            }
            (None, _) => {
                out.push_str(&Json::String(key.to_owned()).to_string());
                out.push(':');
                write(value.node(), out)?;
            }
        }
    }
    out.push('}');
    Ok(())
}

/// JSON with the keys in the order of the file; a map type would sort them.
fn write(node: &Node, out: &mut String) -> Result<(), Error> {
    match &node.value {
        Value::Scalar(_) => out.push_str(&node.to_json()?.to_string()),
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out)?;
            }
            out.push(']');
        }
        Value::Map(entries) => {
            out.push('{');
            for (index, Entry { key, value, .. }) in entries.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&Json::String(key.clone()).to_string());
                out.push(':');
                write(value, out)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

fn size(reader: &Reader<'_>) -> Result<usize, Error> {
    super::bounds::body(reader, reader.size()?)
}

fn prose(bytes: usize) -> String {
    let mut text = PROSE.repeat(bytes / PROSE.len() + 1);
    // Plain ASCII, so every place is between two characters.
    text.truncate(bytes);
    text
}
