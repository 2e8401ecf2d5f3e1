//! What one attempt at an answer is to be, and what became of it.
//!
//! A proxy that tries a request again does so between two of our plugins: the one before the router has the
//! policy and sees the last attempt only, the one behind it sees every attempt and knows nothing else. So
//! a [`Plan`] goes down with the request, and a record of [`Attempt`]s comes back with the answer; between
//! them stand no callbacks, no shared state and no second opinion.

mod class;
mod course;
mod record;

use std::time::Duration;

pub use class::{Class, Classes};
pub use course::{Case, Course};
pub use record::{MOST, decode, encode};

/// What the attempts at one answer are to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// How many there may be, the first included. Zero: nobody has planned, and nothing is known.
    pub attempts: u8,
    /// The pool of each attempt, in order; those beyond the end go where the last one went.
    pub hops: Vec<String>,
    /// How long the first event of a stream may take.
    pub first_event_within: Option<Duration>,
    /// Which errors another attempt may heal.
    pub goes_on: Classes,
}

impl Plan {
    /// Whether this attempt, counted from one, is the last.
    pub fn is_last(&self, number: u8) -> bool {
        number >= self.attempts
    }

    /// The pool of this attempt, counted from one.
    pub fn hop(&self, number: u8) -> Option<&str> {
        let index = usize::from(number).saturating_sub(1);
        self.hops.get(index).or(self.hops.last()).map(String::as_str)
    }
}

/// How an attempt was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Its answer began as answers do, and went to the client.
    Passed,
    /// Its status is an error.
    Status,
    /// It is a stream that began with an error.
    ErrorEvent,
    /// It is a stream that ended before anything was in it.
    Empty,
    /// It is a stream that began with something that is no event of its API.
    Malformed,
    /// It is not what was asked for, nor an error of the API.
    WrongType,
    /// Its status is none of an error, and its body is one.
    ErrorBody,
    /// Its first event took too long.
    TooSlow,
    /// There was none: no connection, a reset, or the time was over.
    NoAnswer,
    /// The client went away first.
    Aborted,
}

impl Verdict {
    /// All of them, in the order of their numbers in records.
    pub const ALL: [Self; 10] = [
        Self::Passed,
        Self::Status,
        Self::ErrorEvent,
        Self::Empty,
        Self::Malformed,
        Self::WrongType,
        Self::ErrorBody,
        Self::TooSlow,
        Self::NoAnswer,
        Self::Aborted,
    ];

    /// The word for labels and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Status => "status",
            Self::ErrorEvent => "error_event",
            Self::Empty => "empty",
            Self::Malformed => "malformed",
            Self::WrongType => "wrong_type",
            Self::ErrorBody => "error_body",
            Self::TooSlow => "too_slow",
            Self::NoAnswer => "no_answer",
            Self::Aborted => "aborted",
        }
    }
}

/// What became of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Counted from one.
    pub number: u8,
    /// How it was judged.
    pub verdict: Verdict,
    /// What kind of error it was, if it was one and said so.
    pub class: Option<Class>,
    /// The server's own status; 0 where there was none.
    pub status: u16,
    /// From its beginning to the verdict.
    pub took: Duration,
    /// When to come back, as the server said.
    pub retry_after: Option<Duration>,
    /// The server's address.
    pub endpoint: String,
}

/// The way to the servers, as far as it can be known before the router.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Upstream {
    /// How many attempts there were.
    pub attempts: u8,
    /// The address of the last one's server.
    pub endpoint: Option<String>,
    /// The proxy had no room for it, and asked nobody.
    pub is_overflow: bool,
    /// When to come back, as the answer says.
    pub retry_after: Option<Duration>,
    /// What the plugin behind the router tells of the attempts it has judged; empty where there is none.
    pub judged: Vec<Attempt>,
}

impl Upstream {
    /// What was told of this attempt, counted from one.
    pub fn judged(&self, number: u8) -> Option<&Attempt> {
        self.judged.iter().find(|attempt| attempt.number == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_beyond_the_chain_go_where_the_last_one_went() {
        let plan = Plan { hops: vec!["a".into(), "b".into()], attempts: 2, ..Plan::default() };
        assert_eq!([1, 2, 3].map(|n| plan.hop(n)), [Some("a"), Some("b"), Some("b")]);
        assert_eq!([1, 2, 3].map(|n| plan.is_last(n)), [false, true, true]);
    }

    #[test]
    fn without_a_plan_every_attempt_is_the_last() {
        assert!(Plan::default().is_last(1));
        assert_eq!(Plan::default().hop(1), None);
    }
}
