//! Turns JSON events into facts and text.

use std::ops::Range;

use super::asking::UsagePlace;
use super::facts::RequestFacts;
use super::grammar::{self, Place};
use super::part::Part;
use crate::api::Api;
use crate::digest::Digest;
use crate::json::{Content, Inside, Scalar, Visitor};
use crate::media::{Detail, Source};
use crate::text::{Mark, Piece, TextSink};

/// A container that was entered, as long as it is open.
#[derive(Clone, Copy, Debug)]
enum Open {
    Object(Place),
    Array(Place),
}

/// What the scanner knows besides the reader's state.
#[derive(Debug)]
pub(super) struct Reading<S> {
    api: Api,
    max_model_bytes: usize,
    open: Vec<Open>,
    /// The place of the value that follows the member name just read.
    named: Place,
    /// The place of the string that is being captured.
    captured: Place,
    /// One bit for each deciding field that was seen.
    seen: u32,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    /// The parts that are open, one in the other; a message may be one.
    parts: Vec<Part>,
    /// The medium that is being read.
    medium: Option<Box<Source>>,
    /// The name that is being read, of a user or of a session.
    named_by: Option<(Place, Digest)>,
    /// The open Anthropic source is plain text.
    source_is_text: bool,
    pub(super) facts: RequestFacts,
    pub(super) sink: S,
}

impl<S: TextSink> Reading<S> {
    pub(super) fn new(api: Api, max_model_bytes: usize, sink: S) -> Self {
        Self {
            api,
            max_model_bytes,
            open: Vec::new(),
            named: Place::Ignored,
            captured: Place::Ignored,
            seen: 0,
            max_tokens: None,
            max_completion_tokens: None,
            parts: Vec::new(),
            medium: None,
            named_by: None,
            source_is_text: false,
            facts: RequestFacts::default(),
            sink,
        }
    }

    pub(super) fn update_count(&mut self) {
        self.facts.prompt = self.sink.count();
    }

    /// The place of the value that begins.
    fn place(&self) -> Place {
        match self.open.last() {
            None => Place::Root,
            Some(Open::Object(_)) => self.named,
            Some(&Open::Array(place)) => grammar::element(place),
        }
    }

    fn enter(&mut self, open: Open) -> Inside {
        self.open.push(open);
        Inside::Events
    }

    fn text(&mut self, piece: Piece) -> Content {
        self.sink.open(piece);
        Content::Bytes
    }

    /// The string that begins is a medium.
    fn read_medium(&mut self) -> Content {
        self.medium = Some(Box::default());
        Content::Bytes
    }

    /// The open part is changed by what was found in it.
    fn part(&mut self, change: impl FnOnce(&mut Part)) {
        if let Some(part) = self.parts.last_mut() {
            change(part);
            self.facts.has_images |= part.is_image();
        }
    }

    fn part_ends(&mut self) {
        let Some(part) = self.parts.pop() else { return };
        if let Some(medium) = part.medium(self.api.family(), self.facts.model.as_deref()) {
            self.facts.has_media = true;
            self.sink.mark(Mark::Media(medium));
        }
    }

    /// A member of the body begins: what was known of it no longer holds.
    fn forget(&mut self, place: Place) {
        let facts = &mut self.facts;
        let bit = match place {
            Place::Model => {
                facts.model = None;
                facts.model_at = None;
                facts.model_too_long = false;
                0
            }
            Place::Stream => {
                facts.stream = None;
                1
            }
            Place::StreamOptions => {
                facts.include_usage = None;
                2
            }
            Place::IncludeUsage => {
                facts.include_usage = None;
                3
            }
            Place::MaxTokens => {
                self.max_tokens = None;
                4
            }
            Place::MaxCompletionTokens => {
                self.max_completion_tokens = None;
                5
            }
            Place::Choices => {
                facts.n = None;
                6
            }
            Place::Messages | Place::Items | Place::Prompts => 7,
            _ => return,
        };
        let is_twice = self.seen & 1 << bit != 0;
        facts.has_duplicate_keys |= is_twice;
        if is_twice && matches!(place, Place::StreamOptions | Place::IncludeUsage) {
            facts.usage_place = UsagePlace::Nowhere;
        }
        self.seen |= 1 << bit;
        self.limit_changed();
    }

    fn limit_changed(&mut self) {
        self.facts.max_output_tokens = self.max_completion_tokens.or(self.max_tokens);
    }

    /// What asks for usage is of a type that it cannot have.
    fn is_odd(&mut self) -> Inside {
        self.facts.usage_place = UsagePlace::Nowhere;
        Inside::Nothing
    }

    fn model(&mut self, name: Option<&[u8]>, place: Range<u64>) {
        let name = name.filter(|name| name.len() <= self.max_model_bytes);
        self.facts.model_too_long = name.is_none();
        self.facts.model = name.map(|name| String::from_utf8_lossy(name).into_owned());
        self.sink.model(self.facts.model.as_deref().unwrap_or_default());
        self.facts.model_at = Some(place);
    }
}

impl<S: TextSink> Visitor for Reading<S> {
    // Compiled by itself; why is said at the profile `filter` in Cargo.toml.
    #[inline(never)]
    fn key(&mut self, key: Option<&[u8]>) {
        let object = match self.open.last() {
            Some(&Open::Object(place)) => place,
            _ => Place::Ignored,
        };
        self.named = key.map_or(Place::Ignored, |key| grammar::member(self.api, object, key));
        if (object, self.named) == (Place::Source, Place::Content) {
            self.part(Part::has_text);
        }
        if object == Place::StreamOptions {
            self.facts.usage_place.has_member();
        }
        self.forget(self.named);
    }

    // Compiled by itself; why is said at the profile `filter` in Cargo.toml.
    #[inline(never)]
    fn object(&mut self, inside: u64) -> Inside {
        match self.place() {
            Place::Root => {
                if matches!(self.api, Api::OpenAiChat | Api::OpenAiCompletions) {
                    self.facts.usage_place = UsagePlace::Body(inside);
                }
                self.enter(Open::Object(Place::Root))
            }
            Place::StreamOptions => {
                self.facts.usage_place.options_begin(inside);
                self.enter(Open::Object(Place::StreamOptions))
            }
            place @ (Place::Format | Place::Function | Place::Metadata) => {
                self.enter(Open::Object(place))
            }
            Place::IncludeUsage => self.is_odd(),
            Place::Stored => {
                self.facts.has_stored_context = true;
                Inside::Nothing
            }
            Place::Unpriced => {
                self.facts.has_unpriced = true;
                Inside::Nothing
            }
            Place::Message => {
                self.parts.push(Part::default());
                self.sink.mark(Mark::Message);
                self.enter(Open::Object(Place::Message))
            }
            // One part needs no list: a computer's screen comes as `output: {type, image_url}`.
            Place::Part | Place::Content => {
                self.parts.push(Part::default());
                self.sink.mark(Mark::Part);
                self.enter(Open::Object(Place::Part))
            }
            Place::Call => {
                self.sink.mark(Mark::Call);
                self.enter(Open::Object(Place::Call))
            }
            Place::Media(kind) => {
                self.part(|part| part.holds(kind));
                self.enter(Open::Object(Place::MediaObject))
            }
            Place::Source => {
                self.source_is_text = false;
                self.enter(Open::Object(Place::Source))
            }
            Place::Tool => {
                self.facts.has_tools = true;
                self.sink.open(Piece::Definition);
                Inside::Bytes
            }
            Place::Json(piece) => {
                self.sink.open(piece);
                Inside::Bytes
            }
            _ => Inside::Nothing,
        }
    }

    fn array(&mut self) -> Inside {
        match self.place() {
            place @ (Place::Messages
            | Place::Items
            | Place::Content
            | Place::Calls
            | Place::Tools
            | Place::Prompts) => self.enter(Open::Array(place)),
            Place::Json(piece) => {
                self.sink.open(piece);
                Inside::Bytes
            }
            Place::Unpriced => {
                self.facts.has_unpriced = true;
                Inside::Nothing
            }
            Place::StreamOptions | Place::IncludeUsage => self.is_odd(),
            _ => Inside::Nothing,
        }
    }

    // Compiled by itself; why is said at the profile `filter` in Cargo.toml.
    #[inline(never)]
    fn close(&mut self) {
        if let Some(Open::Object(Place::Message | Place::Part)) = self.open.pop() {
            self.part_ends();
        }
    }

    // Compiled by itself; why is said at the profile `filter` in Cargo.toml.
    #[inline(never)]
    fn string(&mut self) -> Content {
        let place = self.place();
        match place {
            Place::Model | Place::PartType | Place::SourceType | Place::Detail => {
                self.captured = place;
                Content::Value
            }
            Place::User | Place::Session => {
                self.named_by = Some((place, Digest::default()));
                Content::Bytes
            }
            Place::Text(piece) => self.text(piece),
            Place::Content if self.open.len() == 1 => self.text(Piece::System),
            Place::Content => self.text(Piece::Text),
            Place::Items => {
                self.sink.mark(Mark::Message);
                self.text(Piece::Text)
            }
            Place::Prompts => {
                self.sink.mark(Mark::Prompt);
                self.text(Piece::Text)
            }
            // A list of plain strings is taken for text by more than one server.
            Place::Part => self.text(Piece::Text),
            Place::SourceData if self.source_is_text => {
                self.part(Part::has_text);
                self.text(Piece::Text)
            }
            Place::Media(kind) => {
                self.part(|part| part.holds(kind));
                self.read_medium()
            }
            Place::SourceData | Place::MediaData => self.read_medium(),
            Place::MediaId => {
                self.part(Part::is_elsewhere);
                Content::Nothing
            }
            Place::Stored => {
                self.facts.has_stored_context = true;
                Content::Nothing
            }
            Place::Unpriced => {
                self.facts.has_unpriced = true;
                Content::Nothing
            }
            Place::StreamOptions | Place::IncludeUsage => {
                self.is_odd();
                Content::Nothing
            }
            _ => Content::Nothing,
        }
    }

    // Compiled by itself; why is said at the profile `filter` in Cargo.toml.
    #[inline(never)]
    fn value(&mut self, value: Option<&[u8]>, place: Range<u64>) {
        match (self.captured, value) {
            (Place::Model, name) => self.model(name, place),
            (Place::PartType, Some(b"item_reference" | b"redacted_thinking")) => {
                self.facts.has_unpriced = true;
            }
            (Place::PartType, Some(kind)) => {
                if let Some(kind) = grammar::media_kind(kind) {
                    self.part(|part| part.is_said_to_be(kind));
                }
            }
            (Place::Detail, word) => {
                let detail = Detail::from_word(word.unwrap_or_default());
                self.part(|part| part.is_looked_at(detail));
            }
            (Place::SourceType, kind) => self.source_is_text = kind == Some(b"text"),
            _ => {}
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        match (&mut self.medium, &mut self.named_by) {
            (Some(medium), _) => medium.feed(bytes),
            (None, Some((_, digest))) => digest.add(bytes),
            (None, None) => self.sink.text(bytes),
        }
    }

    fn bytes_end(&mut self) {
        match (self.medium.take(), self.named_by.take()) {
            (Some(medium), _) => self.part(|part| part.has_medium(medium.end())),
            (None, Some((Place::User, digest))) => self.facts.user = Some(digest.finish()),
            (None, Some((_, digest))) => self.facts.session = Some(digest.finish()),
            (None, None) => self.sink.close(),
        }
    }

    fn scalar(&mut self, scalar: Scalar, place: Range<u64>) {
        match (self.place(), scalar) {
            (Place::Stream, Scalar::Bool(stream)) => self.facts.stream = Some(stream),
            (Place::StreamOptions, Scalar::Null) => self.facts.usage_place.options_are_null(place),
            (Place::IncludeUsage, Scalar::Null) => self.facts.usage_place.is_not_asked(place),
            (Place::IncludeUsage, Scalar::Bool(usage)) => {
                self.facts.include_usage = Some(usage);
                if usage {
                    self.facts.usage_place = UsagePlace::Nowhere;
                } else {
                    self.facts.usage_place.is_not_asked(place);
                }
            }
            (Place::StreamOptions | Place::IncludeUsage, _) => {
                self.facts.usage_place = UsagePlace::Nowhere;
            }
            (Place::Choices, Scalar::Number(number)) => self.facts.n = number.count(),
            (Place::MaxTokens, Scalar::Number(number)) => self.max_tokens = number.count(),
            (Place::MaxCompletionTokens, Scalar::Number(number)) => {
                self.max_completion_tokens = number.count();
            }
            (Place::Prompts, Scalar::Number(_)) => self.sink.mark(Mark::TokenId),
            _ => {}
        }
        self.limit_changed();
    }
}
