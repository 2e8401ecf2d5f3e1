//! What to do about a verdict: let the answer pass, try again, or answer in the server's place.

use llm_wire::{ErrorClass, Family};
use traffic_policy::attempt::{Class, Classes, Verdict};

/// What becomes of an answer that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// It goes to the router as it is.
    Pass,
    /// It goes with this status, for which the router tries again.
    GoOn { status: u16 },
    /// The client gets an error with this status in its place.
    Answer { status: u16 },
}

/// All that this depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) verdict: Verdict,
    pub(super) class: Option<Class>,
    /// The server's own status.
    pub(super) status: u16,
    pub(super) is_last: bool,
    pub(super) goes_on: Classes,
    /// Statuses besides 502 to 504 for which the router tries again.
    pub(super) retried: &'a [u16],
    pub(super) family: Family,
}

impl Case<'_> {
    /// What to do.
    pub(super) fn course(self) -> Course {
        let goes_on = !self.is_last && self.class.is_some_and(|class| self.goes_on.has(class));
        match self.verdict {
            Verdict::Passed | Verdict::NoAnswer | Verdict::Aborted => Course::Pass,
            // The router tries again by itself; and what cannot be healed is the server's to say.
            Verdict::Status if !goes_on || self.is_retried(self.status) => Course::Pass,
            // Late is better than never, when nobody else will be asked.
            Verdict::TooSlow if !goes_on => Course::Pass,
            _ if goes_on => Course::GoOn { status: self.status_to_go_on() },
            _ => Course::Answer { status: self.status_of_an_answer() },
        }
    }

    fn is_retried(self, status: u16) -> bool {
        matches!(status, 502..=504) || self.retried.contains(&status)
    }

    /// A limit stays one, where the router tries again for it: should there be no other attempt after all, that
    /// is what the client is to hear.
    fn status_to_go_on(self) -> u16 {
        if self.class == Some(Class::RateLimited) && self.is_retried(429) { 429 } else { 503 }
    }

    fn status_of_an_answer(self) -> u16 {
        match self.class {
            Some(Class::RateLimited) => 429,
            Some(Class::Overloaded) if self.family == Family::Anthropic => 529,
            Some(Class::Overloaded) => 503,
            Some(Class::Timeout) => 504,
            Some(Class::Authentication) => 401,
            Some(Class::ContextLength | Class::ContentPolicy | Class::Other) => 400,
            Some(Class::ServerError) | None => 502,
        }
    }
}

/// The same class in the words of policies.
pub(super) fn class(of: ErrorClass) -> Class {
    match of {
        ErrorClass::RateLimited => Class::RateLimited,
        ErrorClass::Overloaded => Class::Overloaded,
        ErrorClass::ServerError => Class::ServerError,
        ErrorClass::Timeout => Class::Timeout,
        ErrorClass::ContextLength => Class::ContextLength,
        ErrorClass::ContentPolicy => Class::ContentPolicy,
        ErrorClass::Authentication => Class::Authentication,
        ErrorClass::Other => Class::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream that began with an error that another attempt may heal.
    fn broken() -> Case<'static> {
        Case {
            verdict: Verdict::ErrorEvent,
            class: Some(Class::ServerError),
            status: 200,
            is_last: false,
            goes_on: Classes::from_bits(0b1111),
            retried: &[],
            family: Family::OpenAi,
        }
    }

    #[test]
    fn what_another_attempt_may_heal_goes_on_until_the_last() {
        assert_eq!(broken().course(), Course::GoOn { status: 503 });
        assert_eq!(Case { is_last: true, ..broken() }.course(), Course::Answer { status: 502 });
        let policy = Case { class: Some(Class::ContentPolicy), ..broken() };
        assert_eq!(policy.course(), Course::Answer { status: 400 });
        for verdict in [Verdict::Empty, Verdict::Malformed, Verdict::WrongType, Verdict::ErrorBody]
        {
            assert_eq!(Case { verdict, ..broken() }.course(), Course::GoOn { status: 503 });
        }
    }

    #[test]
    fn a_limit_stays_one_where_the_router_tries_again_for_it() {
        let limited = Case { class: Some(Class::RateLimited), ..broken() };
        assert_eq!(limited.course(), Course::GoOn { status: 503 });
        assert_eq!(Case { retried: &[429], ..limited }.course(), Course::GoOn { status: 429 });
        let status = Case { verdict: Verdict::Status, status: 429, ..limited };
        assert_eq!(status.course(), Course::GoOn { status: 503 });
        assert_eq!(Case { retried: &[429], ..status }.course(), Course::Pass);
        assert_eq!(Case { is_last: true, ..status }.course(), Course::Pass);
    }

    #[test]
    fn a_status_is_changed_only_if_the_router_would_not_try_again() {
        let status = |status| Case { verdict: Verdict::Status, status, ..broken() }.course();
        for kept in [502, 503, 504] {
            assert_eq!(status(kept), Course::Pass, "{kept}");
        }
        for changed in [500, 520, 529, 400] {
            assert_eq!(status(changed), Course::GoOn { status: 503 }, "{changed}");
        }
        let fails =
            Case { verdict: Verdict::Status, class: Some(Class::Other), status: 400, ..broken() };
        assert_eq!(fails.course(), Course::Pass);
    }

    #[test]
    fn an_answer_that_is_late_passes_when_nobody_else_is_asked() {
        let slow = Case { verdict: Verdict::TooSlow, class: Some(Class::Timeout), ..broken() };
        assert_eq!(slow.course(), Course::GoOn { status: 503 });
        assert_eq!(Case { is_last: true, ..slow }.course(), Course::Pass);
        assert_eq!(Case { goes_on: Classes::default(), ..slow }.course(), Course::Pass);
    }

    #[test]
    fn a_client_hears_the_status_that_its_api_has_for_the_error() {
        let answer =
            |class, family| match (Case { is_last: true, class, family, ..broken() }).course() {
                Course::Answer { status } => status,
                other => panic!("{other:?}"),
            };
        assert_eq!(answer(Some(Class::Overloaded), Family::OpenAi), 503);
        assert_eq!(answer(Some(Class::Overloaded), Family::Anthropic), 529);
        assert_eq!(answer(Some(Class::ContextLength), Family::OpenAi), 400);
        assert_eq!(answer(Some(Class::Timeout), Family::OpenAi), 504);
        assert_eq!(answer(None, Family::OpenAi), 502);
    }
}
