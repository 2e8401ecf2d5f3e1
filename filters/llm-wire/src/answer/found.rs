//! What one object of an answer said: a whole body, or the data of one event.

use super::finish::FinishReason;
use super::grammar::Place;
use super::usage::Report;

/// What was found in an object. It is believed when the object has turned out to be whole.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each read alone")]
pub(super) struct Found {
    pub(super) report: Report,
    /// Where the report was.
    pub(super) report_at: Option<Place>,
    pub(super) finish: Option<FinishReason>,
    /// How many choices told one.
    pub(super) finishes: u32,
    pub(super) status: Option<Status>,
    /// Why a response is incomplete.
    pub(super) incomplete: Option<FinishReason>,
    pub(super) kind: Option<Kind>,
    pub(super) has_error: bool,
    /// There is a choice, or something else in its place.
    pub(super) has_choices: bool,
    /// There is a list of choices, if only an empty one.
    pub(super) lists_choices: bool,
    pub(super) is_generated: bool,
    /// The pieces of text that were generated, and the last of them by its address.
    pub(super) pieces: u32,
    pub(super) last_piece: (usize, usize),
    /// Something generated was found that only the beginning of an item tells for the first time.
    pub(super) has_item_name: bool,
    /// The delta of a response, which may be sound.
    pub(super) has_delta: bool,
}

/// The status of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Completed,
    Incomplete,
    Failed,
    Cancelled,
}

impl Status {
    pub(super) fn from_word(word: &[u8]) -> Option<Self> {
        match word {
            b"completed" => Some(Self::Completed),
            b"incomplete" => Some(Self::Incomplete),
            b"failed" => Some(Self::Failed),
            b"cancelled" => Some(Self::Cancelled),
            _ => None,
        }
    }
}

/// What kind of event it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Error,
    MessageStop,
    Ended(Status),
    ItemAdded,
    Audio,
    Other,
}

impl Kind {
    pub(super) fn from_word(word: &[u8]) -> Self {
        match word {
            b"error" => Self::Error,
            b"message_stop" => Self::MessageStop,
            b"response.completed" => Self::Ended(Status::Completed),
            b"response.incomplete" => Self::Ended(Status::Incomplete),
            b"response.failed" => Self::Ended(Status::Failed),
            b"response.output_item.added" => Self::ItemAdded,
            b"response.audio.delta" => Self::Audio,
            _ => Self::Other,
        }
    }
}

impl Found {
    /// Whether the event may be one that has nothing but the usage, as far as it was read.
    pub(super) fn may_be_usage(&self) -> bool {
        !(self.has_choices
            || self.is_generated
            || self.has_failed()
            || self.finish().is_some()
            || self.kind.is_some())
    }

    /// Whether the event, which is whole, has nothing but the usage.
    pub(super) fn is_usage(&self) -> bool {
        self.may_be_usage() && self.report_at == Some(Place::Root)
    }

    /// Whether the text was told before, or is none.
    pub(super) fn is_no_text(&self) -> bool {
        self.is_repeated() || self.has_delta && self.kind == Some(Kind::Audio)
    }

    /// Whether something was generated that no event before has told.
    pub(super) fn has_generated(&self) -> bool {
        self.is_generated && !self.is_repeated()
    }

    fn is_repeated(&self) -> bool {
        self.has_item_name && self.kind != Some(Kind::ItemAdded)
    }

    /// Whether one piece of text is all that the event has to say.
    pub(super) fn is_one_text(&self) -> bool {
        let says_more = self.report_at.is_some()
            || self.has_item_name
            || self.has_failed()
            || self.has_ended()
            || self.finish().is_some();
        self.pieces == 1 && !says_more && !self.is_no_text()
    }

    /// Whether it is built like an event of some API that is known here.
    pub(super) fn is_of_a_known_api(&self) -> bool {
        self.kind.is_some() || self.lists_choices || self.report_at.is_some()
    }

    pub(super) fn has_failed(&self) -> bool {
        self.has_error
            || self.status == Some(Status::Failed)
            || matches!(self.kind, Some(Kind::Error | Kind::Ended(Status::Failed)))
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self.kind, Some(Kind::MessageStop | Kind::Ended(_)))
    }

    /// Why the answer has ended.
    pub(super) fn finish(&self) -> Option<FinishReason> {
        let of_kind = match self.kind {
            Some(Kind::Ended(status)) => Some(status),
            _ => None,
        };
        self.finish.or_else(|| match self.status.or(of_kind)? {
            Status::Completed => Some(FinishReason::Stop),
            Status::Incomplete => Some(self.incomplete.unwrap_or(FinishReason::Other)),
            Status::Cancelled => Some(FinishReason::Other),
            Status::Failed => None,
        })
    }
}
