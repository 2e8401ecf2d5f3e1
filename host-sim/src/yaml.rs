//! YAML (and so JSON) as a tree that remembers where everything stood.
//!
//! Bootstrap files, Istio manifests and scenarios are written by people, and the most useful thing
//! a tool can say about a mistake is its place. So reading has three steps, each a file:
//! [`load`](parse) makes a tree of [`Node`]s with line and column, anchors and merge keys resolved;
//! [`Reader`] and [`Object`] turn nodes into typed values; [`Error`] says file, line, column, path,
//! what was found, what is allowed and the cure.
//!
//! # Why not serde
//! Derived deserialisers lose the place of a value as soon as a field has a default or a type is
//! chosen by another field (`typed_config`), and they cannot tell "no such field" from "a field of
//! Envoy's that the model has not". Here an object is asked for its fields one by one, and
//! [`Object::finish`] refuses, by name, what nobody asked for.
//!
//! # Rules
//! - The same key twice in a mapping is refused: one of the two would be lost without a word.
//! - Plain `yes`, `no`, `on`, `off` and `0123` are refused where their type would have to be guessed
//!   (see [`Node::to_json`]): YAML 1.1 readers (Envoy, kubectl) see booleans and an octal number,
//!   readers of YAML 1.2 strings and a decimal one.
//! - Depth and size after resolving aliases are limited, so that a small file cannot become a
//!   large tree.

mod edit;
mod error;
mod json;
mod load;
mod object;
mod read;
mod scalar;
mod units;

#[cfg(test)]
mod tests;

pub use error::{Error, Place, Problem};
pub use load::{MergeKeys, parse, read_file, read_file_as, read_text};
pub use object::Object;
pub use read::Reader;
pub use scalar::{Meaning, Scalar};
pub use units::{parse_duration, parse_seconds, parse_size};

/// A value with the place of its first character.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What stands there.
    pub value: Value,
    /// Where it stands.
    pub place: Place,
}

/// The three shapes that YAML has.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A string, number, boolean or null: which one depends on who reads it.
    Scalar(Scalar),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<Entry>),
}

/// One key of a mapping and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key's text. Keys that are not scalars are refused when the file is loaded.
    pub key: String,
    /// Where the key stands; unknown fields are reported there.
    pub key_place: Place,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The value under a key of a mapping, if this is one and has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|e| e.key == key).map(|e| &e.value),
            Value::Scalar(_) | Value::List(_) => None,
        }
    }

    /// The shape in words, for messages: "a list", "`true`, a boolean".
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Scalar(scalar) => scalar.describe(),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "an object".to_owned(),
        }
    }

    /// A reader that starts at this node, with an empty path.
    #[must_use]
    pub fn reader(&self) -> Reader<'_> {
        Reader::new(self, String::new())
    }
}
