//! Turns the JSON of a body or an event into what it said.

use std::ops::Range;

use super::finish::FinishReason;
use super::found::{Found, Kind, Status};
use super::grammar::{self, Channel, Place};
use super::usage::{Field, Report};
use crate::estimate::Deltas;
use crate::json::{Content, Inside, Scalar, Visitor};

/// As deep as anything of interest lies, and a little more.
const DEPTH: usize = 12;

/// Reads one object after the other.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    is_event: bool,
    pub(super) found: Found,
    pub(super) text: Deltas,
    /// The places of the containers that are open, and how many; arrays are marked.
    open: [(Place, bool); DEPTH],
    depth: usize,
    /// The place of the value that follows the member name just read.
    named: Place,
    /// The place of the string or of the bytes that are being read, and whether some have come.
    inside: Place,
    has_bytes: bool,
    /// The name under which a message's reasoning came.
    reasoning: Option<Place>,
    /// What the text before was: the text that was kept, and the text that was added since.
    kept_channel: Option<Channel>,
    channel: Option<Channel>,
}

impl Reading {
    pub(super) fn new(is_event: bool) -> Self {
        Self {
            is_event,
            found: Found::default(),
            text: Deltas::default(),
            open: [(Place::Ignored, false); DEPTH],
            depth: 0,
            named: Place::Ignored,
            inside: Place::Ignored,
            has_bytes: false,
            reasoning: None,
            kept_channel: None,
            channel: None,
        }
    }

    /// What comes next is another object. The text of the last is kept, or it is not.
    pub(super) fn next(&mut self, is_kept: bool) {
        if is_kept {
            self.keep();
        } else {
            self.text.take_back();
            self.channel = self.kept_channel;
        }
        self.found = Found::default();
        self.depth = 0;
        self.named = Place::Ignored;
    }

    /// The text that was read until now stays.
    pub(super) fn keep(&mut self) {
        self.text.keep();
        self.kept_channel = self.channel;
    }

    /// The place of the value that begins.
    fn place(&self) -> Place {
        match self.innermost() {
            None => Place::Root,
            Some((_, false)) => self.named,
            Some((array, true)) => grammar::element(array),
        }
    }

    fn innermost(&self) -> Option<(Place, bool)> {
        self.open.get(self.depth.checked_sub(1)?).copied()
    }

    fn enter(&mut self, place: Place, is_array: bool) -> Inside {
        let Some(open) = self.open.get_mut(self.depth) else { return Inside::Nothing };
        *open = (place, is_array);
        self.depth += 1;
        Inside::Events
    }

    /// A member of a usage, or one that has a usage in it, begins: what was known no longer holds.
    fn forget(&mut self, object: Place) {
        match self.named {
            Place::Count(field) => self.found.report.set(field, None),
            Place::InputDetails => {
                self.found.report.set(Field::CachedDetail, None);
                self.found.report.set(Field::InputAudio, None);
            }
            Place::OutputDetails => {
                self.found.report.set(Field::ReasoningDetail, None);
                self.found.report.set(Field::OutputAudio, None);
            }
            Place::Usage if self.found.report_at == Some(object) => self.forget_report(),
            Place::Message | Place::Response | Place::GroqUsage
                if self.found.report_at == Some(self.named) =>
            {
                self.forget_report();
            }
            _ => {}
        }
    }

    fn forget_report(&mut self) {
        self.found.report = Report::default();
        self.found.report_at = None;
    }

    /// A string begins that is wanted as it stands.
    fn wanted(&mut self, place: Place) -> Content {
        self.inside = place;
        self.has_bytes = false;
        Content::Bytes
    }

    fn generated(&mut self, channel: Channel, bytes: &[u8]) {
        if !self.has_bytes {
            self.text_begins(channel);
        }
        self.found.is_generated = true;
        self.found.pieces = self.found.pieces.saturating_add(1);
        self.found.last_piece = (bytes.as_ptr().addr(), bytes.len());
        self.text.push(bytes);
    }

    fn text_begins(&mut self, channel: Channel) {
        if !self.is_event || self.channel.is_some_and(|before| before != channel) {
            self.text.end();
        }
        self.channel = Some(channel);
        if channel == Channel::CallName {
            self.text.call();
        }
    }

    /// An event said this and nothing else.
    pub(super) fn says(&mut self, channel: Channel, text: &[u8]) {
        self.text_begins(channel);
        self.text.push(text);
        self.keep();
    }

    /// What the text was that was read last.
    pub(super) fn channel(&self) -> Option<Channel> {
        self.channel
    }

    /// Reasoning that is told under two names is counted once.
    fn reasoning(&mut self, bytes: &[u8]) {
        if *self.reasoning.get_or_insert(self.inside) == self.inside {
            self.generated(Channel::Reasoning, bytes);
        }
    }
}

impl Visitor for Reading {
    // Compiled by itself; why is said at the profile `filter` in Cargo.toml.
    #[inline(never)]
    fn key(&mut self, key: Option<&[u8]>) {
        let object = self.innermost().map_or(Place::Ignored, |(place, _)| place);
        self.named = key.map_or(Place::Ignored, |key| grammar::member(self.is_event, object, key));
        self.forget(object);
    }

    // Compiled by itself; why is said at the profile `filter` in Cargo.toml.
    #[inline(never)]
    fn object(&mut self, _: u64) -> Inside {
        let place = self.place();
        match place {
            Place::Error => {
                self.found.has_error = true;
                Inside::Nothing
            }
            Place::Choices => {
                self.found.has_choices = true;
                Inside::Nothing
            }
            Place::Choice => {
                self.found.has_choices = true;
                self.enter(place, false)
            }
            Place::Usage => {
                self.forget_report();
                self.found.report_at = self.innermost().map(|(place, _)| place);
                self.enter(place, false)
            }
            Place::Said | Place::Delta => {
                self.reasoning = None;
                self.enter(Place::Said, false)
            }
            Place::Content | Place::Block => self.enter(Place::Part, false),
            Place::Arguments => {
                self.wanted(place);
                Inside::Bytes
            }
            Place::Root
            | Place::Message
            | Place::Response
            | Place::GroqUsage
            | Place::InputDetails
            | Place::OutputDetails
            | Place::Incomplete
            | Place::Part
            | Place::Call
            | Place::Function
            | Place::Audio
            | Place::OutputItem
            | Place::Item => self.enter(place, false),
            _ => Inside::Nothing,
        }
    }

    fn array(&mut self) -> Inside {
        let place = self.place();
        match place {
            Place::Choices => {
                self.found.lists_choices = true;
                self.enter(place, true)
            }
            Place::Calls | Place::Content | Place::Output => self.enter(place, true),
            Place::Choice => {
                self.found.has_choices = true;
                Inside::Nothing
            }
            _ => Inside::Nothing,
        }
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    // Compiled by itself; why is said at the profile `filter` in Cargo.toml.
    #[inline(never)]
    fn string(&mut self) -> Content {
        let place = self.place();
        match place {
            Place::Type
            | Place::Object
            | Place::Finish
            | Place::Status
            | Place::IncompleteReason => {
                self.inside = place;
                Content::Value
            }
            Place::Text(_)
            | Place::Content
            | Place::Part
            | Place::Arguments
            | Place::Reasoning
            | Place::ReasoningContent
            | Place::Sound
            | Place::Delta
            | Place::ItemName
            | Place::Error => self.wanted(place),
            Place::Choices | Place::Choice => {
                self.found.has_choices = true;
                Content::Nothing
            }
            _ => Content::Nothing,
        }
    }

    // Compiled by itself; why is said at the profile `filter` in Cargo.toml.
    #[inline(never)]
    fn value(&mut self, value: Option<&[u8]>, _: Range<u64>) {
        // A word that is too long is none of those that are known.
        let word = value.unwrap_or(b"?");
        match self.inside {
            Place::Type if self.is_event => self.found.kind = Some(Kind::from_word(word)),
            Place::Type | Place::Object => self.found.has_error |= word == b"error",
            Place::Finish if !word.is_empty() => {
                self.found.finish = Some(FinishReason::from_word(word));
                self.found.finishes = self.found.finishes.saturating_add(1);
            }
            Place::Status => self.found.status = Status::from_word(word),
            Place::IncompleteReason => {
                self.found.incomplete = Some(FinishReason::from_word(word));
            }
            _ => {}
        }
    }

    // Compiled by itself; why is said at the profile `filter` in Cargo.toml.
    #[inline(never)]
    fn bytes(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        match self.inside {
            Place::Text(channel) => self.generated(channel, bytes),
            Place::Content | Place::Part => self.generated(Channel::Content, bytes),
            Place::Delta => {
                self.found.has_delta = true;
                self.generated(Channel::Content, bytes);
            }
            Place::Arguments => self.generated(Channel::CallArguments, bytes),
            Place::ItemName => {
                self.found.has_item_name = true;
                self.generated(Channel::CallName, bytes);
            }
            Place::Reasoning | Place::ReasoningContent => self.reasoning(bytes),
            Place::Sound => {
                self.found.is_generated = true;
                self.found.pieces = u32::MAX;
            }
            Place::Error => self.found.has_error = true,
            _ => {}
        }
        self.has_bytes = true;
    }

    fn bytes_end(&mut self) {}

    fn scalar(&mut self, scalar: Scalar, _: Range<u64>) {
        match (self.place(), scalar) {
            (Place::Count(field), Scalar::Number(number)) => {
                self.found.report.set(field, Some(number));
            }
            (Place::Choice, _) => self.found.has_choices = true,
            (Place::Choices, Scalar::Null) => {}
            (Place::Choices, _) => self.found.has_choices = true,
            _ => {}
        }
    }
}
