//! What an outcome tells of the server.
//!
//! A client that goes away, and a request that no server would have answered, tell nothing: they count
//! neither for it nor against it.

use std::time::Duration;

use crate::attempt::{Attempt, Class, Upstream, Verdict};
use crate::stream::{Ended, Outcome, StreamOutcome};

/// What an outcome tells of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// It has answered.
    Success {
        /// How long its first token took, where that is known.
        first_token: Option<Duration>,
    },
    /// It has failed.
    Failure(Cause),
    /// It wants to be left alone.
    RateLimited {
        /// For how long, if it said so.
        retry_after: Option<Duration>,
    },
    /// Nothing.
    Nothing,
}

/// How a server has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// It answered with an error.
    Status,
    /// It has too much to do.
    Overloaded,
    /// It did not answer in time.
    Timeout,
    /// It did not answer at all.
    NoAnswer,
    /// It answered with an error inside of what looked like an answer.
    ErrorEvent,
    /// It answered with something that is no answer.
    BadAnswer,
    /// Its first token took too long.
    SlowFirstToken,
    /// It fell silent.
    Stalled,
    /// It broke off.
    Truncated,
}

impl Cause {
    /// The word for labels and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Overloaded => "overloaded",
            Self::Timeout => "timeout",
            Self::NoAnswer => "no_answer",
            Self::ErrorEvent => "error_event",
            Self::BadAnswer => "bad_answer",
            Self::SlowFirstToken => "slow_first_token",
            Self::Stalled => "stalled",
            Self::Truncated => "truncated",
        }
    }
}

impl Signal {
    /// What one attempt tells, as far as it was seen behind the router.
    ///
    /// Of an attempt that `Passed` only the beginning is known; the end tells the rest, see
    /// [`Signal::of_outcome`].
    pub fn of_attempt(attempt: &Attempt, is_stream: bool) -> Self {
        let hint = attempt.retry_after;
        match attempt.verdict {
            // What was waited for is the first event; without a stream it is the whole answer.
            Verdict::Passed => Self::Success { first_token: is_stream.then_some(attempt.took) },
            Verdict::Status => Self::of_error(
                attempt.class.or(Class::of_status(attempt.status)),
                hint,
                Cause::Status,
            ),
            Verdict::ErrorEvent | Verdict::ErrorBody => {
                let class = attempt.class.unwrap_or(Class::ServerError);
                Self::of_error(Some(class), hint, Cause::ErrorEvent)
            }
            Verdict::Empty | Verdict::Malformed | Verdict::WrongType => {
                Self::Failure(Cause::BadAnswer)
            }
            Verdict::TooSlow => Self::Failure(Cause::SlowFirstToken),
            Verdict::NoAnswer => Self::Failure(Cause::NoAnswer),
            Verdict::Aborted => Self::Nothing,
        }
    }

    /// What the last attempt tells, whose answer the client got.
    ///
    /// Nothing where nobody was asked, or nobody could answer what never came whole.
    pub fn of_last(upstream: &Upstream, outcome: &StreamOutcome, is_stream: bool) -> Self {
        let is_half = outcome.times.request.is_none();
        if outcome.outcome.is_failure() && (upstream.is_overflow || is_half) {
            return Self::Nothing;
        }
        let judged = upstream.judged(upstream.attempts);
        let failed = judged.filter(|attempt| attempt.verdict != Verdict::Passed);
        if let Some(attempt) = failed.filter(|_| outcome.outcome.is_failure()) {
            return Self::of_attempt(attempt, is_stream);
        }
        match Self::of_outcome(outcome, None, upstream.retry_after) {
            // The time since the request came is that of all attempts.
            Self::Success { .. } if upstream.attempts > 1 => {
                let took = judged.map(|attempt| attempt.took).filter(|_| is_stream);
                Self::Success { first_token: took }
            }
            signal => signal,
        }
    }

    /// What an attempt before the last tells. That there was another one is all that is known where nobody
    /// saw it; and of one that somebody should have seen and did not, nobody was asked.
    pub fn of_earlier(upstream: &Upstream, number: u8, is_stream: bool) -> Self {
        match upstream.judged(number) {
            Some(attempt) => Self::of_attempt(attempt, is_stream),
            None if upstream.judged.is_empty() => Self::Failure(Cause::NoAnswer),
            None => Self::Nothing,
        }
    }

    /// What the end of an answer tells, with the kind of its error and the server's hint, if any.
    pub fn of_outcome(
        outcome: &StreamOutcome,
        class: Option<Class>,
        retry_after: Option<Duration>,
    ) -> Self {
        let is_by_client = outcome.ended == Ended::ByClient;
        match outcome.outcome {
            Outcome::Truncated | Outcome::Stalled if is_by_client => Self::Nothing,
            Outcome::Complete => Self::Success { first_token: outcome.times.to_first_token() },
            Outcome::Truncated => Self::Failure(Cause::Truncated),
            Outcome::Stalled => Self::Failure(Cause::Stalled),
            Outcome::ErrorEvent => {
                let class = class.unwrap_or(Class::ServerError);
                Self::of_error(Some(class), retry_after, Cause::ErrorEvent)
            }
            Outcome::Failed => match outcome.status {
                None => Self::Failure(Cause::NoAnswer),
                Some(status) => {
                    Self::of_error(class.or(Class::of_status(status)), retry_after, Cause::Status)
                }
            },
            Outcome::Aborted | Outcome::Refused => Self::Nothing,
        }
    }

    fn of_error(class: Option<Class>, retry_after: Option<Duration>, cause: Cause) -> Self {
        match class {
            Some(Class::RateLimited) => Self::RateLimited { retry_after },
            // Who says when to come back has asked to be left alone, whatever the number.
            Some(Class::Overloaded | Class::ServerError) if retry_after.is_some() => {
                Self::RateLimited { retry_after }
            }
            Some(Class::Overloaded) => Self::Failure(Cause::Overloaded),
            Some(Class::ServerError) => Self::Failure(cause),
            Some(Class::Timeout) => Self::Failure(Cause::Timeout),
            // The request is at fault, or its key.
            Some(
                Class::ContextLength | Class::ContentPolicy | Class::Authentication | Class::Other,
            )
            | None => Self::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{Answer, Ended, Kind, Meter, Prompt};

    /// The end of an exchange with this status, a second after its only token.
    fn outcome(status: Option<u16>, ended: Ended, answer: Answer) -> Signal {
        let at = Duration::from_millis;
        let mut meter = Meter::new(at(0), at(500));
        meter.request_complete(at(100));
        if let Some(status) = status {
            meter.headers(at(200), Some(status), Kind::Stream);
            meter.generated(at(400));
        }
        let outcome = meter.end(at(1_400), ended, &Prompt { tokens: None }, answer);
        Signal::of_outcome(&outcome, None, Some(at(9_000)))
    }

    #[test]
    fn the_end_of_an_answer_tells_who_is_to_blame() {
        let whole = Answer { is_complete: true, ..Answer::default() };
        let error = Answer { has_error: true, ..Answer::default() };
        let cut = Answer::default();
        let limited = Signal::RateLimited { retry_after: Some(Duration::from_secs(9)) };
        let first_token = Some(Duration::from_millis(300));
        for (status, ended, answer, signal) in [
            (Some(200), Ended::Whole, whole, Signal::Success { first_token }),
            (Some(200), Ended::ByServer, cut, Signal::Failure(Cause::Stalled)),
            (Some(200), Ended::Whole, error, limited),
            (Some(429), Ended::Whole, cut, limited),
            (Some(503), Ended::Whole, cut, limited),
            (Some(400), Ended::Whole, cut, Signal::Nothing),
            (Some(504), Ended::Whole, cut, Signal::Failure(Cause::Timeout)),
            (None, Ended::ByServer, cut, Signal::Failure(Cause::NoAnswer)),
            (None, Ended::ByClient, cut, Signal::Nothing),
            (None, Ended::Refused, cut, Signal::Nothing),
        ] {
            assert_eq!(outcome(status, ended, answer), signal, "{status:?} {ended:?}");
        }
    }

    fn attempt(verdict: Verdict, class: Option<Class>, status: u16, hint: Option<u64>) -> Signal {
        judged(verdict, class, status, hint, true)
    }

    fn judged(
        verdict: Verdict,
        class: Option<Class>,
        status: u16,
        hint: Option<u64>,
        is_stream: bool,
    ) -> Signal {
        let retry_after = hint.map(Duration::from_secs);
        let took = Duration::from_millis(300);
        let endpoint = String::new();
        let attempt = Attempt { number: 1, verdict, class, status, took, retry_after, endpoint };
        Signal::of_attempt(&attempt, is_stream)
    }

    /// The end of an exchange that failed with this status.
    fn failed(is_complete: bool) -> StreamOutcome {
        let mut meter = Meter::new(Duration::ZERO, Duration::from_secs(9));
        if is_complete {
            meter.request_complete(Duration::ZERO);
        }
        meter.headers(Duration::from_secs(1), Some(503), Kind::Json);
        let prompt = Prompt { tokens: None };
        meter.end(Duration::from_secs(2), Ended::Whole, &prompt, Answer::default())
    }

    #[test]
    fn half_a_request_and_one_that_nobody_was_asked_blame_nobody() {
        let of = |is_overflow, is_complete| {
            let upstream = Upstream { attempts: 1, is_overflow, ..Upstream::default() };
            Signal::of_last(&upstream, &failed(is_complete), true)
        };
        assert_eq!(of(false, true), Signal::Failure(Cause::Status));
        assert_eq!(of(false, false), Signal::Nothing);
        assert_eq!(of(true, true), Signal::Nothing);
    }

    #[test]
    fn an_attempt_that_somebody_should_have_seen_and_did_not_asked_nobody() {
        let unseen = Upstream { attempts: 3, ..Upstream::default() };
        assert_eq!(Signal::of_earlier(&unseen, 1, true), Signal::Failure(Cause::NoAnswer));
        let attempt = Attempt {
            number: 1,
            verdict: Verdict::Empty,
            class: None,
            status: 200,
            took: Duration::ZERO,
            retry_after: None,
            endpoint: String::new(),
        };
        let seen = Upstream { judged: vec![attempt], ..unseen };
        assert_eq!(Signal::of_earlier(&seen, 1, true), Signal::Failure(Cause::BadAnswer));
        assert_eq!(Signal::of_earlier(&seen, 2, true), Signal::Nothing);
    }

    #[test]
    fn a_client_that_goes_and_a_request_that_is_at_fault_tell_nothing() {
        assert_eq!(attempt(Verdict::Aborted, None, 200, None), Signal::Nothing);
        assert_eq!(attempt(Verdict::Status, None, 400, Some(5)), Signal::Nothing);
        for class in [Class::ContextLength, Class::ContentPolicy, Class::Authentication] {
            assert_eq!(attempt(Verdict::ErrorEvent, Some(class), 200, None), Signal::Nothing);
        }
    }

    #[test]
    fn who_says_when_to_come_back_is_left_alone_and_has_not_failed() {
        let limited =
            |secs: Option<u64>| Signal::RateLimited { retry_after: secs.map(Duration::from_secs) };
        assert_eq!(attempt(Verdict::Status, None, 429, None), limited(None));
        assert_eq!(attempt(Verdict::Status, None, 503, Some(7)), limited(Some(7)));
        let overloaded = Some(Class::Overloaded);
        assert_eq!(attempt(Verdict::ErrorEvent, overloaded, 200, Some(2)), limited(Some(2)));
        let failed = Signal::Failure(Cause::Overloaded);
        assert_eq!(attempt(Verdict::Status, overloaded, 529, None), failed);
    }

    #[test]
    fn an_error_inside_of_an_answer_is_a_failure_and_the_first_event_is_timed() {
        let failed = Signal::Failure(Cause::ErrorEvent);
        assert_eq!(attempt(Verdict::ErrorEvent, None, 200, None), failed);
        let first_token = Some(Duration::from_millis(300));
        let passed = attempt(Verdict::Passed, None, 200, None);
        assert_eq!(passed, Signal::Success { first_token });
        let whole = judged(Verdict::Passed, None, 200, None, false);
        assert_eq!(whole, Signal::Success { first_token: None });
    }
}
