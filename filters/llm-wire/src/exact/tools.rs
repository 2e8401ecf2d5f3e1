//! What OpenAI's chat models are told of a function, and what it costs.
//!
//! The servers do not show a model the JSON of a definition, but a text made of it, and that text is
//! not published. What is published (OpenAI's cookbook, "How to count tokens with tiktoken") is a rule for
//! its tokens: so many for a function, a property and an item of an `enum`, and the tokens of the
//! names, types and descriptions. The rule says nothing of objects in objects, lists, other
//! keywords of JSON Schema and tools that are no functions; a definition with one of these has no
//! price here, and its text is counted instead.
//!
//! The definition is read as it streams by. What the rule encodes is kept until the definition
//! ends, up to [`MOST`] bytes.

use std::mem;
use std::ops::Range;

use crate::encoding::Encoding;
use crate::json::{Content, Inside, Reader, Scalar, Visitor};

/// What all definitions together cost besides themselves.
pub(super) const END_TOKENS: u64 = 12;
const PROPERTIES_TOKENS: u64 = 3;
const PROPERTY_TOKENS: u64 = 3;
const ITEM_TOKENS: u64 = 3;
/// An `enum` costs so much less than its items.
const ENUM_TOKENS: u64 = 3;

/// So much of a definition is kept; a line counts its bytes, and these.
const MOST: usize = 32 << 10;
const LINE: usize = 8;
/// Longer names and descriptions have no price.
const LONGEST: usize = 8 << 10;
/// As deep as definitions with a price are.
const DEPTH: usize = 8;

/// What a function costs, where there is a rule for it.
fn function_tokens(encoding: Encoding) -> Option<u64> {
    match encoding {
        Encoding::O200kBase => Some(7),
        Encoding::Cl100kBase => Some(10),
        Encoding::O200kHarmony => None,
    }
}

/// Reads one definition.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    reader: Reader,
    shape: Shape,
    is_good: bool,
}

/// What a definition costs.
#[derive(Debug)]
pub(super) struct Price {
    /// Besides the lines.
    pub(super) tokens: u64,
    lines: Lines,
}

impl Price {
    /// What is encoded, line by line.
    pub(super) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(&0).chain(&self.lines.ends);
        starts
            .zip(&self.lines.ends)
            .map(|(start, end)| self.lines.text.get(*start..*end).unwrap_or_default())
    }
}

impl Definition {
    /// A reader, if there is a rule for the encoding's models.
    pub(super) fn new(encoding: Encoding) -> Option<Self> {
        let function = function_tokens(encoding)?;
        Some(Self {
            reader: Reader::new(DEPTH, LONGEST),
            shape: Shape { tokens: function, is_known: true, ..Shape::default() },
            is_good: true,
        })
    }

    /// The next bytes of the definition.
    pub(super) fn feed(&mut self, json: &[u8]) {
        self.is_good =
            self.is_good && self.shape.is_known && self.reader.feed(json, &mut self.shape).is_ok();
    }

    /// Its price, if it has the shape that the rule is for.
    pub(super) fn price(self) -> Option<Price> {
        let Shape { tokens, is_known, lines, is_function, has_parameters, function, .. } =
            self.shape;
        let is_whole = self.is_good && self.reader.is_complete() && is_known;
        let is_priced = is_whole && is_function && has_parameters && function.is_written;
        is_priced.then_some(Price { tokens, lines })
    }
}

/// What the rule encodes.
#[derive(Clone, Debug, Default)]
struct Lines {
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Lines {
    /// Adds a line of parts with a colon between them; false if there is no room.
    fn push(&mut self, parts: &[&[u8]]) -> bool {
        let more: usize = parts.iter().map(|part| part.len() + LINE).sum();
        if self.text.len() + self.ends.len() * LINE + more > MOST {
            return false;
        }
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                self.text.push(b':');
            }
            self.text.extend_from_slice(part);
        }
        self.ends.push(self.text.len());
        true
    }
}

/// A position in a definition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Tool,
    ToolType,
    Function,
    Parameters,
    ParametersType,
    Properties,
    Property,
    Enum,
    Required,
    /// Of the function or the property.
    Type,
    Name,
    Description,
}

/// The strings of the function or of one property.
#[derive(Clone, Debug, Default)]
struct Words {
    name: Option<Vec<u8>>,
    kind: Option<Vec<u8>>,
    description: Option<Vec<u8>>,
    has_enum: bool,
    /// They are among the lines.
    is_written: bool,
}

impl Words {
    fn description(&self) -> Option<&[u8]> {
        let text = self.description.as_deref()?;
        Some(text.strip_suffix(b".").unwrap_or(text))
    }
}

/// The visitor: what the definition is as far as it was read.
#[derive(Clone, Debug, Default)]
struct Shape {
    open: Vec<Place>,
    named: Place,
    captured: Place,
    /// Nothing was found that the rule does not know.
    is_known: bool,
    is_function: bool,
    has_function: bool,
    has_parameters: bool,
    has_parameters_type: bool,
    has_properties: bool,
    has_required: bool,
    has_property: bool,
    function: Words,
    property: Words,
    lines: Lines,
    tokens: u64,
}

impl Shape {
    fn inside(&self) -> Option<Place> {
        self.open.last().copied()
    }

    fn unknown(&mut self) {
        self.is_known = false;
    }

    /// Notes a member; one that occurs twice is unknown, since servers may take either.
    fn once(&mut self, seen: fn(&mut Self) -> &mut bool) {
        let before = mem::replace(seen(self), true);
        self.is_known &= !before;
    }

    fn enter(&mut self, place: Place) -> Inside {
        self.open.push(place);
        Inside::Events
    }

    fn write(&mut self, parts: &[Option<&[u8]>]) -> bool {
        let parts: Option<Vec<&[u8]>> = parts.iter().copied().collect();
        let is_written = parts.is_some_and(|parts| self.lines.push(&parts));
        self.is_known &= is_written;
        is_written
    }

    fn end_function(&mut self) {
        let function = mem::take(&mut self.function);
        let parts = [function.name.as_deref(), function.description()];
        self.function.is_written = self.write(&parts);
    }

    fn end_property(&mut self) {
        let property = mem::take(&mut self.property);
        self.write(&[property.name.as_deref(), property.kind.as_deref(), property.description()]);
        if !mem::replace(&mut self.has_property, true) {
            self.tokens += PROPERTIES_TOKENS;
        }
        self.tokens += PROPERTY_TOKENS;
        if property.has_enum {
            self.tokens = self.tokens.saturating_sub(ENUM_TOKENS);
        }
    }

    /// Keeps a word of the function or of the property.
    fn keep(&mut self, value: &[u8]) {
        let words = if self.inside() == Some(Place::Property) {
            &mut self.property
        } else {
            &mut self.function
        };
        let word = match self.captured {
            Place::Name => &mut words.name,
            Place::Type => &mut words.kind,
            _ => &mut words.description,
        };
        let before = word.replace(value.to_vec());
        self.is_known &= before.is_none();
    }
}

impl Visitor for Shape {
    fn key(&mut self, key: Option<&[u8]>) {
        let Some((key, object)) = key.zip(self.inside()) else { return self.unknown() };
        self.named = match (object, key) {
            (Place::Tool, b"type") => Place::ToolType,
            (Place::Tool, b"function") => Place::Function,
            (Place::Function, b"name") => Place::Name,
            (Place::Function | Place::Property, b"description") => Place::Description,
            (Place::Function, b"parameters") => Place::Parameters,
            (Place::Parameters, b"type") => Place::ParametersType,
            (Place::Parameters, b"properties") => Place::Properties,
            (Place::Parameters, b"required") => Place::Required,
            (Place::Properties, name) => {
                self.property = Words { name: Some(name.to_vec()), ..Words::default() };
                Place::Property
            }
            (Place::Property, b"type") => Place::Type,
            (Place::Property, b"enum") => Place::Enum,
            _ => return self.unknown(),
        };
    }

    fn object(&mut self, _: u64) -> Inside {
        if !self.is_known {
            return Inside::Nothing;
        }
        match (self.inside(), self.named) {
            (None, _) => self.enter(Place::Tool),
            (Some(Place::Tool), Place::Function) => {
                self.once(|shape| &mut shape.has_function);
                self.enter(Place::Function)
            }
            (Some(Place::Function), Place::Parameters) => {
                self.once(|shape| &mut shape.has_parameters);
                self.enter(Place::Parameters)
            }
            (Some(Place::Parameters), Place::Properties) => {
                self.once(|shape| &mut shape.has_properties);
                self.enter(Place::Properties)
            }
            (Some(Place::Properties), Place::Property) => self.enter(Place::Property),
            _ => {
                self.unknown();
                Inside::Nothing
            }
        }
    }

    fn array(&mut self) -> Inside {
        match (self.inside(), self.named) {
            (Some(Place::Property), Place::Enum) => {
                self.once(|shape| &mut shape.property.has_enum);
                self.enter(Place::Enum)
            }
            (Some(Place::Parameters), Place::Required) => {
                self.once(|shape| &mut shape.has_required);
                self.enter(Place::Required)
            }
            _ => {
                self.unknown();
                Inside::Nothing
            }
        }
    }

    fn close(&mut self) {
        match self.open.pop() {
            Some(Place::Function) => self.end_function(),
            Some(Place::Property) => self.end_property(),
            Some(Place::Parameters) if !(self.has_parameters_type && self.has_properties) => {
                self.unknown();
            }
            _ => {}
        }
    }

    fn string(&mut self) -> Content {
        let inside = self.inside();
        self.captured = match (inside, self.named) {
            (Some(Place::Required), _) => return Content::Nothing,
            (Some(Place::Enum), _) => Place::Enum,
            (Some(Place::Tool), Place::ToolType) => Place::ToolType,
            (Some(Place::Parameters), Place::ParametersType) => Place::ParametersType,
            (_, place @ (Place::Name | Place::Type | Place::Description)) => place,
            _ => {
                self.unknown();
                return Content::Nothing;
            }
        };
        Content::Value
    }

    fn value(&mut self, value: Option<&[u8]>, _: Range<u64>) {
        let Some(value) = value else { return self.unknown() };
        match self.captured {
            Place::ToolType => {
                self.once(|shape| &mut shape.is_function);
                self.is_known &= value == b"function";
            }
            Place::ParametersType => {
                self.once(|shape| &mut shape.has_parameters_type);
                self.is_known &= value == b"object";
            }
            Place::Enum => {
                self.write(&[Some(value)]);
                self.tokens += ITEM_TOKENS;
            }
            // A list or an object has a schema of its own, which the rule does not know.
            Place::Type if matches!(value, b"array" | b"object") => self.unknown(),
            _ => self.keep(value),
        }
    }

    fn bytes(&mut self, _: &[u8]) {}

    fn bytes_end(&mut self) {}

    fn scalar(&mut self, _: Scalar, _: Range<u64>) {
        self.unknown();
    }
}

#[cfg(test)]
mod tests;
