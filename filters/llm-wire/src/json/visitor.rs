//! What a reader tells of, and what it is told to leave out.

use std::ops::Range;

use super::number::Number;

/// What the visitor wants of an object or an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inside {
    /// Events for what is inside.
    Events,
    /// Its bytes as they stand, brackets included; no events.
    Bytes,
    /// Nothing; not even `close`.
    Nothing,
}

/// What the visitor wants of a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// The bytes between the quotes, escapes left in.
    Bytes,
    /// The decoded value, if it is not too long.
    Value,
    /// Nothing.
    Nothing,
}

/// A value that is neither a container nor a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scalar {
    Null,
    Bool(bool),
    Number(Number),
}

/// Receives what the reader meets, in the order of the body.
pub(crate) trait Visitor {
    /// A member's name; `None` when it is longer than the limit.
    fn key(&mut self, key: Option<&[u8]>);
    /// An object begins. With the place in the body that follows its bracket.
    fn object(&mut self, inside: u64) -> Inside;
    /// An array begins.
    fn array(&mut self) -> Inside;
    /// The container last entered with [`Inside::Events`] ends.
    fn close(&mut self);
    /// A string begins.
    fn string(&mut self) -> Content;
    /// A string that was wanted as [`Content::Value`]; `None` when it is longer than the limit.
    /// With its place in the body, quotes not included.
    fn value(&mut self, value: Option<&[u8]>, place: Range<u64>);
    /// The next bytes of what was wanted as bytes.
    fn bytes(&mut self, bytes: &[u8]);
    /// What was wanted as bytes is complete.
    fn bytes_end(&mut self);
    /// A number or a literal. With its place in the body.
    fn scalar(&mut self, scalar: Scalar, place: Range<u64>);
}
