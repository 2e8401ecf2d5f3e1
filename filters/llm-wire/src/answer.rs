//! Reads an answer as it streams by: its usage, its end, and what was generated.
//!
//! [`AnswerScanner`] is fed with frames of any size and keeps nothing of them but numbers, whatever
//! the server sends. The [`AnswerFacts`] are the same however the bytes were cut.
//!
//! # What is believed
//! A JSON body once it is whole, and an event once it is; its data has to be one JSON object or
//! `[DONE]`. Other events are counted and passed over. The last event of a stream may lack its blank
//! line: by the standard it is none, so nothing in it counts as generated, but what it reports is
//! believed if its JSON is whole.
//!
//! # The usage that only we asked for
//! With [`removing_usage`](AnswerScanner::removing_usage), events with a usage and an empty list of
//! `choices` (or without one), and without anything else that means something, are taken out;
//! `removal` tells what that means byte by byte. A server that sends its usage together with a choice
//! would have sent the choice anyway, and it stays.
//!
//! # Generated
//! Content, reasoning, refusals, names and arguments of calls, transcripts and sound. Not the first
//! frame with the role alone, not empty strings, and not what Responses say a second time when a part
//! is done. The name of a call counts where its item begins. Sound is generated, but no text.
//!
//! # How
//! An event is read as it comes, by a visitor that knows where things are (`grammar`), and what it said
//! is believed when it is complete. One that is like the one before but for its text is not read at
//! all (`template`).
//!
//! Texts of several choices follow each other as they come, so a word in one may be cut by a word of
//! the other; the estimate is a little too high then.

mod facts;
mod finish;
mod found;
mod grammar;
mod object;
mod opening;
mod reading;
mod removal;
mod template;
mod usage;

pub use facts::AnswerFacts;
pub use finish::FinishReason;
use grammar::Channel;
use object::Object;
pub use opening::Opening;
use removal::{Ended, Removal};
use template::Learner;
pub use usage::Usage;

use crate::events::{EventParser, EventSink};
use crate::framing::Framing;

/// Reads one answer.
#[derive(Debug)]
pub struct AnswerScanner {
    /// How a stream is cut into events; none for a JSON body.
    events: Option<EventParser>,
    object: Object,
    learner: Learner,
    removal: Option<Box<Removal>>,
    /// How many choices have to tell why they ended, before the answer is whole.
    choices: u32,
}

impl AnswerScanner {
    /// A scanner for an answer with this framing.
    #[must_use]
    pub fn new(framing: Framing) -> Self {
        let is_event = framing == Framing::Events;
        Self {
            events: is_event.then(EventParser::default),
            object: Object::new(is_event),
            learner: Learner::default(),
            removal: None,
            choices: 1,
        }
    }

    /// An answer of which so many choices were wanted.
    #[must_use]
    pub fn of_choices(mut self, wanted: u64) -> Self {
        self.choices = u32::try_from(wanted.max(1)).unwrap_or(u32::MAX);
        self
    }

    /// Events that have nothing but the usage are taken out: we asked for them, the client did not.
    #[must_use]
    pub fn removing_usage(mut self) -> Self {
        self.removal = self.events.is_some().then(Box::default);
        self
    }

    /// Reads a frame. `generated` is called once for each completed event that has something
    /// generated in it. Returns what the frame must become, if it does not stay as it is.
    pub fn feed(&mut self, frame: &[u8], generated: &mut dyn FnMut()) -> Option<Vec<u8>> {
        let Some(events) = &mut self.events else {
            self.object.read(frame);
            self.object.reading.keep();
            return None;
        };
        if let Some(removal) = &mut self.removal {
            removal.frame_begins(frame);
        }
        let mut rest = frame;
        while !rest.is_empty() {
            if events.is_between()
                && let Some(again) = self.learner.recognise(rest)
            {
                self.object.says(again.channel, again.text);
                generated();
                rest = again.rest;
                continue;
            }
            let mut event = Event {
                object: &mut self.object,
                learner: &mut self.learner,
                removal: self.removal.as_deref_mut(),
                frame,
                start: None,
                is_usage: false,
                text: None,
                generated,
            };
            rest = events.event(rest, &mut event);
        }
        let may_be_usage = self.object.may_be_usage();
        self.removal.as_mut().and_then(|removal| removal.frame_ends(frame, may_be_usage))
    }

    /// The bytes are over. Returns what is still held, which is to follow the last frame. An event that
    /// was not completed has generated nothing.
    pub fn finish(&mut self) -> Option<Vec<u8>> {
        self.removal.as_mut().and_then(|removal| removal.finish())
    }

    /// What is known until now.
    #[must_use]
    pub fn facts(&self) -> AnswerFacts {
        let object = &self.object;
        let mut told = object.told.clone();
        if object.is_whole() {
            told.add(&object.reading.found);
        }
        let is_json = self.events.is_none();
        AnswerFacts {
            usage: told.report.usage(),
            finish: told.finish,
            has_error: told.has_error,
            is_complete: if is_json {
                object.is_whole()
            } else {
                told.has_ended || told.finishes >= self.choices || object.is_done()
            },
            generated_events: told.generated_events,
            generated: object.reading.text.count(),
            resyncs: told.resyncs.saturating_add(u32::from(is_json && object.is_lost())),
            removed: told.removed,
            held_too_long: told.held_too_long,
        }
    }

    /// What the answer turned out to be, once its first bytes have told; `is_over` when they were all. Cheap
    /// enough to be asked after every frame.
    #[must_use]
    pub fn opening(&self, is_over: bool) -> Option<Opening> {
        let object = &self.object;
        if self.events.is_none() {
            return object.opening_of_body(is_over);
        }
        let last = || is_over.then(|| object.opening().unwrap_or(Opening::Nothing));
        object.told.opening.or_else(last)
    }

    /// How many events have come.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.object.told.events
    }

    /// Whether no event is half told, so that another may follow.
    #[must_use]
    pub fn is_between_events(&self) -> bool {
        self.events.as_ref().is_some_and(EventParser::is_between)
    }

    /// What it takes, with what it has elsewhere.
    #[must_use]
    pub fn memory(&self) -> usize {
        let removal = self.removal.as_ref().map_or(0, |r| size_of::<Removal>() + r.heap_bytes());
        let heap = self.object.heap_bytes() + self.learner.heap_bytes() + removal;
        size_of::<Self>() + heap
    }
}

/// An event while it is read.
struct Event<'a> {
    object: &'a mut Object,
    learner: &'a mut Learner,
    removal: Option<&'a mut Removal>,
    frame: &'a [u8],
    /// Where in the frame it begins, if it does.
    start: Option<usize>,
    /// What was dispatched has nothing but the usage.
    is_usage: bool,
    /// What was dispatched has one text and nothing else: its address and its length.
    text: Option<(usize, usize, Channel)>,
    generated: &'a mut dyn FnMut(),
}

impl Event<'_> {
    /// Remembers the event, if it has one text and lies in the frame from its beginning to its end.
    fn learn(&mut self, end: usize) -> Option<()> {
        let (address, length, channel) = self.text.take()?;
        let start = self.start.take()?;
        let rest = self.frame.get(end..)?;
        let end = if rest.starts_with(b"\n") && self.frame.get(..end)?.ends_with(b"\r") {
            end + 1
        } else {
            end
        };
        let event = self.frame.get(start..end)?;
        let at = address.checked_sub(event.as_ptr().addr())?;
        self.learner.learn(event, (at, length), channel);
        Some(())
    }
}

impl EventSink for Event<'_> {
    fn data(&mut self, part: &[u8]) {
        self.object.read(part);
    }

    fn dispatch(&mut self) {
        if self.object.is_whole() {
            let found = &self.object.reading.found;
            self.is_usage = found.is_usage();
            let channel = self.object.reading.channel();
            let channel = channel.filter(|_| found.is_one_text());
            self.text = channel.map(|c| (found.last_piece.0, found.last_piece.1, c));
        }
        if self.object.event_ends() {
            (self.generated)();
        }
    }

    fn error(&mut self) {
        self.object.reading.found.has_error = true;
        self.object.told.has_error = true;
        self.object.told.opening.get_or_insert(Opening::Error);
    }

    fn begins(&mut self, left: usize) {
        let at = self.frame.len().saturating_sub(left);
        self.start = Some(at);
        if let Some(removal) = &mut self.removal {
            removal.event_begins(at);
        }
    }

    fn ends(&mut self, left: usize) {
        let end = self.frame.len().saturating_sub(left);
        self.learn(end);
        // Where there was no data, nothing was dispatched.
        self.object.reading.found.has_error = false;
        let Some(removal) = &mut self.removal else { return };
        let told = &mut self.object.told;
        match removal.event_ends(self.frame, end, self.is_usage) {
            Ended::Stays => {}
            Ended::Removed => told.removed = told.removed.saturating_add(1),
            Ended::TooLong => told.held_too_long = told.held_too_long.saturating_add(1),
        }
    }
}

#[cfg(test)]
mod tests;
