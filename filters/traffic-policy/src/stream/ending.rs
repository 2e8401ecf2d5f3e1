//! How an exchange ended.
//!
//! The status tells little of a stream: it was sent before the first token. So the end is judged by
//! what was in it, and by who ended it.

use super::{Answer, Kind};

/// How an exchange ended, in the words of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The whole answer came.
    Complete,
    /// The server ended it before its end.
    Truncated,
    /// Nothing came for longer than is right, and then somebody gave up.
    Stalled,
    /// It began well and then said that it had failed.
    ErrorEvent,
    /// The client went away before its end.
    Aborted,
    /// No answer, or an error status.
    Failed,
    /// We refused it.
    Refused,
}

/// Who ended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All that the server had to say has come.
    Whole,
    /// The client went away.
    ByClient,
    /// The server broke off, or the proxy did so in its place.
    ByServer,
    /// A filter of ours answered.
    Refused,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Complete,
        Self::Truncated,
        Self::Stalled,
        Self::ErrorEvent,
        Self::Aborted,
        Self::Failed,
        Self::Refused,
    ];

    /// The word for labels and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Truncated => "truncated",
            Self::Stalled => "stalled",
            Self::ErrorEvent => "error_event",
            Self::Aborted => "aborted",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }

    /// Whether the server is to blame. Nobody is where the client went away or was refused.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Truncated | Self::Stalled | Self::ErrorEvent | Self::Failed)
    }

    pub(super) fn of(
        ended: Ended,
        status: Option<u16>,
        kind: Kind,
        answer: &Answer,
        is_silent: bool,
    ) -> Self {
        let has_failed = status.is_some_and(|status| status >= 400);
        match ended {
            Ended::Refused => Self::Refused,
            _ if has_failed => Self::Failed,
            _ if answer.has_error => Self::ErrorEvent,
            // A client may go as soon as it has what it wanted.
            _ if answer.is_complete => Self::Complete,
            // Of what cannot be read only the proxy knows whether it was whole.
            Ended::Whole if !kind.is_read() => Self::Complete,
            _ if is_silent => Self::Stalled,
            Ended::Whole => Self::Truncated,
            Ended::ByClient => Self::Aborted,
            Ended::ByServer if status.is_none() => Self::Failed,
            Ended::ByServer => Self::Truncated,
        }
    }
}
