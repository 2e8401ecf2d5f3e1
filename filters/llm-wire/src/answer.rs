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
//! Texts of several choices follow each other as they come, so a word in one may be cut by a word of
//! the other; the estimate is a little too high then.

mod finish;
mod found;
mod grammar;
mod reading;
mod removal;
mod usage;

pub use finish::FinishReason;
use found::Found;
use reading::Reading;
use removal::{Ended, Removal};
use usage::Report;
pub use usage::Usage;

use crate::count::TokenCount;
use crate::events::{EventParser, EventSink};
use crate::framing::Framing;
use crate::json::Reader;

/// As deep as answers are read; logprobs and tool calls nest less than ten levels.
const MAX_DEPTH: usize = 128;

/// The longest word that means something, `model_context_window_exceeded`, has 29 bytes.
const LONGEST_WORD: usize = 32;

const DONE: &[u8] = b"[DONE]";

/// What is known of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnswerFacts {
    /// What the server reported; field by field what it said last.
    pub usage: Option<Usage>,
    /// Why it ended; the last reason told.
    pub finish: Option<FinishReason>,
    /// An error stands where the answer should: in an event, or as the body.
    pub has_error: bool,
    /// The body is whole; or a stream said that it is at its end, or why it has ended.
    pub is_complete: bool,
    /// Events with something generated in them.
    pub generated_events: u64,
    /// The estimate of the text that was generated.
    pub generated: TokenCount,
    /// Events that were no JSON, and were passed over; 1 for a body that is none.
    pub resyncs: u32,
    /// Events that were taken out.
    pub removed: u32,
    /// Events that should have been, but are longer than may be held.
    pub held_too_long: u32,
}

/// Reads one answer.
#[derive(Debug)]
pub struct AnswerScanner {
    /// How a stream is cut into events; none for a JSON body.
    events: Option<EventParser>,
    answer: Answer,
    removal: Option<Box<Removal>>,
}

/// What is known besides the cutting.
#[derive(Debug)]
struct Answer {
    reader: Reader,
    reading: Reading,
    /// What follows in this object cannot be read.
    lost: bool,
    /// What must still come for the data to be the word that ends a stream.
    done: Option<&'static [u8]>,
    told: Told,
}

/// What whole objects have told.
#[derive(Clone, Debug, Default)]
struct Told {
    report: Report,
    finish: Option<FinishReason>,
    has_error: bool,
    has_ended: bool,
    generated_events: u64,
    resyncs: u32,
    removed: u32,
    held_too_long: u32,
}

impl AnswerScanner {
    /// A scanner for an answer with this framing.
    #[must_use]
    pub fn new(framing: Framing) -> Self {
        let is_event = framing == Framing::Events;
        let answer = Answer {
            reader: Reader::new(MAX_DEPTH, LONGEST_WORD),
            reading: Reading::new(is_event),
            lost: false,
            done: Some(DONE),
            told: Told::default(),
        };
        Self { events: is_event.then(EventParser::default), answer, removal: None }
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
            self.answer.read(frame);
            self.answer.reading.keep();
            return None;
        };
        if let Some(removal) = &mut self.removal {
            removal.frame_begins(frame);
        }
        let (answer, removal) = (&mut self.answer, self.removal.as_deref_mut());
        let mut feeding = Feeding { answer, removal, frame, generated, is_usage: false };
        events.feed(frame, &mut feeding);
        let may_be_usage = self.answer.may_be_usage();
        self.removal.as_mut().and_then(|removal| removal.frame_ends(frame, may_be_usage))
    }

    /// The bytes are over. Returns what is still held, which is to follow the last frame.
    ///
    /// Nothing is generated by an event that was not completed; the call is here so that it could be.
    pub fn finish(&mut self, _generated: &mut dyn FnMut()) -> Option<Vec<u8>> {
        self.removal.as_mut().and_then(|removal| removal.finish())
    }

    /// What is known until now.
    #[must_use]
    pub fn facts(&self) -> AnswerFacts {
        let is_whole = self.answer.is_whole();
        let mut told = self.answer.told.clone();
        if is_whole {
            told.add(&self.answer.reading.found);
        }
        let is_json = self.events.is_none();
        let is_done = self.answer.done == Some(&[]);
        AnswerFacts {
            usage: told.report.usage(),
            finish: told.finish,
            has_error: told.has_error,
            is_complete: if is_json {
                is_whole
            } else {
                told.has_ended || told.finish.is_some() || is_done
            },
            generated_events: told.generated_events,
            generated: self.answer.reading.text.count(),
            resyncs: told.resyncs.saturating_add(u32::from(is_json && self.answer.lost)),
            removed: told.removed,
            held_too_long: told.held_too_long,
        }
    }

    /// What it takes, with what it holds elsewhere.
    #[must_use]
    pub fn memory(&self) -> usize {
        let removal = self.removal.as_ref().map_or(0, |r| size_of::<Removal>() + r.heap_bytes());
        size_of::<Self>() + self.answer.reader.heap_bytes() + removal
    }
}

impl Answer {
    fn read(&mut self, part: &[u8]) {
        self.lost = self.lost || self.reader.feed(part, &mut self.reading).is_err();
    }

    fn is_whole(&self) -> bool {
        !self.lost && self.reader.is_complete()
    }

    fn may_be_usage(&self) -> bool {
        !self.lost && self.reading.found.may_be_usage()
    }

    /// The event's data is over. Returns whether something was generated.
    fn event(&mut self) -> bool {
        let mut has_generated = false;
        let found = &self.reading.found;
        let is_kept = self.is_whole() && !found.is_no_text();
        if self.is_whole() {
            self.told.add(found);
            has_generated = found.has_generated();
            self.told.generated_events += u64::from(has_generated);
        } else if self.done == Some(&[]) {
            self.told.has_ended = true;
        } else if self.lost || !self.reader.is_blank() {
            self.told.resyncs = self.told.resyncs.saturating_add(1);
        }
        self.reading.next(is_kept);
        self.reader.restart();
        self.lost = false;
        self.done = Some(DONE);
        has_generated
    }
}

impl Told {
    fn add(&mut self, found: &Found) {
        self.report.update(&found.report);
        self.finish = found.finish().or(self.finish);
        self.has_error |= found.has_failed();
        self.has_ended |= found.has_ended();
    }
}

/// An answer while it is fed.
struct Feeding<'a> {
    answer: &'a mut Answer,
    removal: Option<&'a mut Removal>,
    frame: &'a [u8],
    generated: &'a mut dyn FnMut(),
    /// The event that has just been dispatched has nothing but the usage.
    is_usage: bool,
}

impl EventSink for Feeding<'_> {
    fn data(&mut self, part: &[u8]) {
        if let Some(wanted) = self.answer.done {
            self.answer.done = after_word(part, wanted);
        }
        self.answer.read(part);
    }

    fn dispatch(&mut self) {
        self.is_usage = self.answer.is_whole() && self.answer.reading.found.is_usage();
        if self.answer.event() {
            (self.generated)();
        }
    }

    fn error(&mut self) {
        self.answer.reading.found.has_error = true;
        self.answer.told.has_error = true;
    }

    fn begins(&mut self, left: usize) {
        if let Some(removal) = &mut self.removal {
            removal.event_begins(self.frame.len().saturating_sub(left));
        }
    }

    fn ends(&mut self, left: usize) {
        let is_usage = std::mem::take(&mut self.is_usage);
        // Where there was no data, nothing was dispatched.
        self.answer.reading.found.has_error = false;
        let Some(removal) = &mut self.removal else { return };
        let end = self.frame.len().saturating_sub(left);
        let told = &mut self.answer.told;
        match removal.event_ends(self.frame, end, is_usage) {
            Ended::Stays => {}
            Ended::Removed => told.removed = told.removed.saturating_add(1),
            Ended::TooLong => told.held_too_long = told.held_too_long.saturating_add(1),
        }
    }
}

/// What must still come of a word after this part of it; blanks around it are nothing.
fn after_word(part: &[u8], wanted: &'static [u8]) -> Option<&'static [u8]> {
    let is_within = !wanted.is_empty() && wanted.len() < DONE.len();
    let part = if is_within { part } else { part.trim_ascii_start() };
    let common = part.iter().zip(wanted).take_while(|(a, b)| a == b).count();
    let (_, rest) = part.split_at_checked(common)?;
    let (_, wanted) = wanted.split_at_checked(common)?;
    let is_over = rest.is_empty() || wanted.is_empty() && rest.trim_ascii().is_empty();
    is_over.then_some(wanted)
}

#[cfg(test)]
mod tests;
