//! A body, or one event of a stream after the other, while it is read.

use super::facts::Told;
use super::grammar::Channel;
use super::opening::Opening;
use super::reading::Reading;
use crate::json::Reader;

/// As deep as answers are read; logprobs and tool calls nest less than ten levels.
const MAX_DEPTH: usize = 128;

/// The longest word that means something, `model_context_window_exceeded`, has 29 bytes.
const LONGEST_WORD: usize = 32;

const DONE: &[u8] = b"[DONE]";

/// The object that is being read, and what those before it have told.
#[derive(Debug)]
pub(super) struct Object {
    reader: Reader,
    pub(super) reading: Reading,
    /// What follows in this object cannot be read.
    lost: bool,
    /// What must still come for the data to be the word that ends a stream.
    done: Option<&'static [u8]>,
    pub(super) told: Told,
}

impl Object {
    pub(super) fn new(is_event: bool) -> Self {
        Self {
            reader: Reader::new(MAX_DEPTH, LONGEST_WORD),
            reading: Reading::new(is_event),
            lost: false,
            done: Some(DONE),
            told: Told::default(),
        }
    }

    /// Reads a part of the body, or of the event's data.
    pub(super) fn read(&mut self, part: &[u8]) {
        if let Some(wanted) = self.done {
            self.done = after_word(part, wanted);
        }
        self.lost = self.lost || self.reader.feed(part, &mut self.reading).is_err();
    }

    pub(super) fn is_whole(&self) -> bool {
        !self.lost && self.reader.is_complete()
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    /// It is the word that ends a stream.
    pub(super) fn is_done(&self) -> bool {
        self.done == Some(&[])
    }

    /// Whether the event may be one that has nothing but the usage, as far as it was read.
    pub(super) fn may_be_usage(&self) -> bool {
        !self.lost && self.reading.found.may_be_usage()
    }

    /// The event's data is over, and what comes next is another's. Returns whether something was
    /// generated.
    pub(super) fn event_ends(&mut self) -> bool {
        let mut has_generated = false;
        if self.told.opening.is_none() {
            self.told.opening = self.opening();
        }
        self.told.events += 1;
        let found = &self.reading.found;
        let is_kept = self.is_whole() && !found.is_no_text();
        if self.is_whole() {
            self.told.add(found);
            has_generated = found.has_generated();
            self.told.generated_events += u64::from(has_generated);
        } else if self.is_done() {
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

    /// An event said this and nothing else.
    pub(super) fn says(&mut self, channel: Channel, text: &[u8]) {
        self.reading.says(channel, text);
        self.told.generated_events += 1;
        self.told.events += 1;
    }

    /// What the event says of the answer as a whole, with its data as far as it was read.
    pub(super) fn opening(&self) -> Option<Opening> {
        if self.is_whole() {
            Opening::of_event(&self.reading.found)
        } else if self.is_done() {
            Some(Opening::Nothing)
        } else if self.lost || !self.reader.is_blank() {
            Some(Opening::Malformed)
        } else {
            None
        }
    }

    /// What a body is, as far as it was read.
    pub(super) fn opening_of_body(&self, is_over: bool) -> Option<Opening> {
        let found = &self.reading.found;
        if self.is_whole() || is_over && found.has_failed() {
            Some(if found.has_failed() { Opening::Error } else { Opening::Answer })
        } else if found.has_failed() {
            // What kind of error it is has not come yet.
            None
        } else if found.is_generated || found.finish().is_some() {
            Some(Opening::Answer)
        } else if self.lost {
            Some(Opening::Malformed)
        } else if is_over {
            Some(if self.reader.is_blank() { Opening::Nothing } else { Opening::Malformed })
        } else {
            None
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.reader.heap_bytes()
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
