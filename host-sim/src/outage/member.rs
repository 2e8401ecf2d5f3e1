//! How model servers behave: well, with times like those of real ones, and the bad one badly.
//!
//! Response headers come at once, as most servers send them, and the first token when the prompt has been
//! read: an attempt that never gets further looks answered to whoever judges by headers. What an answer is
//! and how long it takes depends on the request alone, not on who answers or how often it was tried.

use std::collections::VecDeque;
use std::time::Duration;

use crate::draw::{self, Purpose};
use crate::upstream::{self, Event, Reply, TimedEvent};

/// What the bad member does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It answers 503 at once.
    Status503,
    /// It sends headers with `200`, and never a first token.
    Stall,
    /// Its first event, inside a `200`, is an error.
    ErrorEvent,
}

impl Fault {
    /// Its name on the command line and in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Status503 => "503",
            Self::Stall => "stall",
            Self::ErrorEvent => "error_event",
        }
    }
}

/// From the request to the headers.
const HEADERS: Duration = Duration::from_millis(5);
/// The first token of an empty prompt, from the headers on.
const FIRST_TOKEN: Duration = Duration::from_millis(180);
/// Each token of the prompt, until the first token.
const PREFILL: Duration = Duration::from_micros(60);
/// Between two events, of which each has a few tokens.
const BETWEEN: Duration = Duration::from_millis(200);
/// What the logarithms of these times, to the base 2, deviate by: from request to request, and from event to
/// event.
const SPREAD: f64 = 0.6;
const JITTER: f64 = 0.4;
/// Until a server that is out of order says so.
const ERROR_AFTER: Duration = Duration::from_millis(40);

/// How many events with text an answer has.
pub(super) fn events(seed: u64, number: usize) -> usize {
    let mut random = draw::of(seed, Purpose::Answer, number);
    draw::skewed(&mut random, 4, 16) as usize
}

/// What a server answers to a request. The text counts its events, so that the client notices one that is
/// missing or comes twice.
pub(super) fn reply(seed: u64, number: usize, fault: Option<Fault>) -> Reply {
    let text: String = (0..events(seed, number)).map(|event| format!("{event} ")).collect();
    let reply = Reply { headers_after: HEADERS, text: Some(text), ..Reply::default() };
    match fault {
        None => reply,
        Some(Fault::Status503) => Reply { status: 503, ..reply },
        Some(Fault::Stall) => Reply { fault: Some(upstream::Fault::Stall), ..reply },
        Some(Fault::ErrorEvent) => Reply { fault: Some(upstream::Fault::ErrorEvent), ..reply },
    }
}

/// Gives the events of an answer their times.
pub(super) fn pace(
    plan: &mut VecDeque<TimedEvent>,
    seed: u64,
    number: usize,
    prompt_tokens: u64,
    fault: Option<Fault>,
) {
    let is_data = |one: &TimedEvent| matches!(one.event, Event::Data(_));
    match fault {
        Some(Fault::Status503) => return,
        Some(Fault::Stall) => return plan.truncate(1),
        Some(Fault::ErrorEvent) => {
            // The event that only names the role comes with the first token, of which there is none.
            if let Some(role) = plan.iter().position(is_data) {
                plan.remove(role);
            }
            if let Some(error) = plan.iter_mut().find(|one| is_data(one)) {
                error.after = ERROR_AFTER;
            }
            return;
        }
        None => {}
    }
    let (first, mut random) = first_token(seed, number, prompt_tokens);
    let between = draw::around(&mut random, BETWEEN, SPREAD);
    for (place, event) in plan.iter_mut().filter(|one| is_data(one)).enumerate() {
        event.after = match place {
            0 => first,
            1 => Duration::ZERO,
            _ => draw::around(&mut random, between, JITTER),
        };
    }
}

/// From the request to the first token of a server that is well.
pub(super) fn first_token_after(seed: u64, number: usize, prompt_tokens: u64) -> Duration {
    HEADERS + first_token(seed, number, prompt_tokens).0
}

/// From the headers to the first token, and where further times are drawn from.
fn first_token(seed: u64, number: usize, prompt_tokens: u64) -> (Duration, fastrand::Rng) {
    let mut random = draw::of(seed, Purpose::Answer, number);
    // What `events` draws.
    let _ = random.f64();
    let prompt = u32::try_from(prompt_tokens).unwrap_or(u32::MAX);
    let first = draw::around(&mut random, FIRST_TOKEN, SPREAD)
        + draw::around(&mut random, PREFILL.saturating_mul(prompt), JITTER);
    (first, random)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::Received;

    fn planned(fault: Option<Fault>) -> VecDeque<TimedEvent> {
        let request = Received {
            method: "POST".into(),
            path: "/v1/chat/completions".into(),
            body: br#"{"model":"m","stream":true,"messages":[]}"#.to_vec(),
            ended: true,
            ..Received::default()
        };
        let mut plan: VecDeque<TimedEvent> = reply(1, 5, fault).plan(&request).events.into();
        pace(&mut plan, 1, 5, 1_000, fault);
        plan
    }

    fn text(plan: &VecDeque<TimedEvent>) -> String {
        let data = plan.iter().filter_map(|one| match &one.event {
            Event::Data(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            _ => None,
        });
        data.collect()
    }

    #[test]
    fn nothing_comes_between_the_headers_and_the_first_token() {
        let plan = planned(None);
        assert_eq!(plan[0].after, HEADERS);
        assert!(plan[1].after > Duration::from_millis(80) && plan[2].after.is_zero(), "{plan:?}");
        assert_eq!(text(&plan).matches("\"content\":\"").count(), events(1, 5) + 1);
        assert_eq!(plan.back().unwrap().event, Event::End);
    }

    #[test]
    fn a_stall_has_headers_and_nothing_else() {
        let plan = planned(Some(Fault::Stall));
        assert_eq!(plan.len(), 1);
        assert!(matches!(plan[0].event, Event::Headers { status: 200, .. }), "{plan:?}");
    }

    #[test]
    fn the_first_event_of_a_server_in_error_is_the_error() {
        let plan = planned(Some(Fault::ErrorEvent));
        assert!(matches!(plan[0].event, Event::Headers { status: 200, .. }), "{plan:?}");
        assert!(text(&plan).starts_with("data: {\"error\""), "{plan:?}");
        assert!(matches!(
            planned(Some(Fault::Status503))[0].event,
            Event::Headers { status: 503, .. }
        ));
    }
}
