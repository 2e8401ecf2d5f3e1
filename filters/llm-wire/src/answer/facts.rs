//! What is known of an answer.

use super::finish::FinishReason;
use super::found::Found;
use super::opening::Opening;
use super::usage::{Report, Usage};
use crate::count::TokenCount;

/// What is known of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnswerFacts {
    /// What the server reported; field by field what it said last.
    pub usage: Option<Usage>,
    /// Why it ended; the last reason told.
    pub finish: Option<FinishReason>,
    /// An error stands where the answer should: in an event, or as the body.
    pub has_error: bool,
    /// The body is whole; or a stream said that it is at its end, or why each choice has ended.
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

/// What whole objects have told.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub(super) report: Report,
    pub(super) finish: Option<FinishReason>,
    pub(super) finishes: u32,
    pub(super) has_error: bool,
    pub(super) has_ended: bool,
    /// What the first event was that said what the answer will be.
    pub(super) opening: Option<Opening>,
    pub(super) events: u64,
    pub(super) generated_events: u64,
    pub(super) resyncs: u32,
    pub(super) removed: u32,
    pub(super) held_too_long: u32,
}

impl Told {
    /// Adds what one more object says of the answer as a whole.
    pub(super) fn add(&mut self, found: &Found) {
        self.report.update(&found.report);
        self.finish = found.finish().or(self.finish);
        let other = u32::from(found.finishes == 0 && found.finish().is_some());
        self.finishes = self.finishes.saturating_add(found.finishes.saturating_add(other));
        self.has_error |= found.has_failed();
        self.has_ended |= found.has_ended();
    }
}
