//! What an answer begins with: the first thing in it that says whether it will be one.
//!
//! Streams begin with events that promise nothing: a role, `message_start`, `ping`, `response.created`. Servers
//! send them before they have looked at the prompt, and Anthropic's report that they are overloaded behind them.
//! So what counts is the first event with something generated in it, or with a reason to have stopped, or with
//! an error; and a word that ends the stream before any of these. An event that none of the APIs has promises
//! nothing either way, and whoever waits must not wait for more: it counts as an answer.

use super::found::Found;

/// What an answer turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opening {
    /// An answer, as far as can be told.
    Answer,
    /// An error.
    Error,
    /// Nothing: it has ended before anything was in it.
    Nothing,
    /// Something that is no JSON object.
    Malformed,
}

impl Opening {
    /// That of an answer whose first events were none, and which goes on with this one.
    pub(super) fn of_event(found: &Found) -> Option<Self> {
        if found.has_failed() {
            Some(Self::Error)
        } else if found.has_generated() || found.finish().is_some() || !found.is_of_a_known_api() {
            Some(Self::Answer)
        } else if found.has_ended() {
            Some(Self::Nothing)
        } else {
            None
        }
    }
}
