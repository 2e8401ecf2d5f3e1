//! What to do about a verdict: let the answer pass, try again, or answer in the server's place.
//!
//! Only while the answer is held. The router tries again by itself for the statuses that it was told of, so a
//! status is changed only where it would not.

use super::{Class, Classes, Verdict};
use crate::retry::all_statuses;

/// What becomes of an answer that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// It goes to the router as it is.
    Pass,
    /// It goes with this status, for which the router tries again.
    GoOn {
        /// One of those that it was told.
        status: u16,
    },
    /// The client gets an error with this status in its place.
    Answer {
        /// As the API that the client speaks has it.
        status: u16,
    },
}

/// All that this depends on.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// How the attempt was judged.
    pub verdict: Verdict,
    /// What kind of error it was.
    pub class: Option<Class>,
    /// The server's own status.
    pub status: u16,
    /// There is no other attempt.
    pub is_last: bool,
    /// Which errors another attempt may heal.
    pub goes_on: Classes,
    /// The client's API has 529 for servers that have too much to do.
    pub has_529: bool,
}

impl Case {
    /// What to do.
    pub fn course(self) -> Course {
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

    /// Whether the router tries again for this status, whoever gave it. It is told so for each class that goes on,
    /// by the plugin that made the plan, and for 503 if there is any.
    fn is_retried(self, status: u16) -> bool {
        all_statuses(&[], self.goes_on).contains(&status)
    }

    /// A limit stays one: should the router find no other attempt after all, that is what the client is to hear.
    fn status_to_go_on(self) -> u16 {
        if self.class == Some(Class::RateLimited) { 429 } else { 503 }
    }

    fn status_of_an_answer(self) -> u16 {
        match self.class {
            Some(Class::RateLimited) => 429,
            Some(Class::Overloaded) if self.has_529 => 529,
            Some(Class::Overloaded) => 503,
            Some(Class::Timeout) => 504,
            Some(Class::Authentication) => 401,
            Some(Class::ContextLength | Class::ContentPolicy | Class::Other) => 400,
            Some(Class::ServerError) | None => 502,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::retry::{Ask, RetryPolicy};

    use super::*;

    const ASK: Ask<'_> =
        Ask { prompt_tokens: 1, output_tokens: None, stream: true, hops: &[], body_bytes: None };

    /// A stream that began with an error that another attempt may heal.
    fn broken() -> Case {
        Case {
            verdict: Verdict::ErrorEvent,
            class: Some(Class::ServerError),
            status: 200,
            is_last: false,
            goes_on: Classes::from_bits(0b1111),
            has_529: false,
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
    fn a_limit_stays_one() {
        let limited = Case { class: Some(Class::RateLimited), ..broken() };
        assert_eq!(limited.course(), Course::GoOn { status: 429 });
        assert_eq!(Case { is_last: true, ..limited }.course(), Course::Answer { status: 429 });
        // A quota that is used up, as some servers tell it.
        let quota = Case { verdict: Verdict::Status, status: 400, ..limited };
        assert_eq!(quota.course(), Course::GoOn { status: 429 });
        assert_eq!(Case { is_last: true, ..quota }.course(), Course::Pass);
    }

    #[test]
    fn a_status_is_changed_only_if_the_router_would_not_try_again() {
        let status = |status| Case { verdict: Verdict::Status, status, ..broken() }.course();
        for kept in [500, 502, 503, 504, 529] {
            assert_eq!(status(kept), Course::Pass, "{kept}");
        }
        for changed in [400, 401, 505, 520] {
            assert_eq!(status(changed), Course::GoOn { status: 503 }, "{changed}");
        }
        let other = Some(Class::Other);
        let fails = Case { verdict: Verdict::Status, class: other, status: 400, ..broken() };
        assert_eq!(fails.course(), Course::Pass);
    }

    #[test]
    fn the_router_tries_again_for_just_these_statuses() {
        for fails in ["rate_limited", "overloaded", "server_error", "timeout"] {
            let retry = serde_json::json!({"classes": {fails: "fail", "authentication": "next"}});
            let retry = serde_json::from_value(retry).unwrap();
            let policy = RetryPolicy::try_from((retry, <_>::default(), <_>::default())).unwrap();
            let plan = policy.plan(&ASK, true);
            let statuses = plan.headers.iter().find(|(name, _)| name.ends_with("status-codes"));
            let told: Vec<&str> = statuses.unwrap().1.split(',').collect();
            let case = Case { goes_on: plan.plan.goes_on, ..broken() };
            for status in 400..600 {
                let is_told = told.contains(&status.to_string().as_str());
                assert_eq!(case.is_retried(status), is_told, "{status}, {fails} fails");
            }
        }
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
            |class, has_529| match (Case { is_last: true, class, has_529, ..broken() }).course() {
                Course::Answer { status } => status,
                other => panic!("{other:?}"),
            };
        assert_eq!(answer(Some(Class::Overloaded), false), 503);
        assert_eq!(answer(Some(Class::Overloaded), true), 529);
        assert_eq!(answer(Some(Class::ContextLength), false), 400);
        assert_eq!(answer(Some(Class::Timeout), false), 504);
        assert_eq!(answer(None, false), 502);
    }
}
