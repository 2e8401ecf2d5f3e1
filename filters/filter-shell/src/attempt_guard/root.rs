//! The guard's root: its configuration, its deadlines, its counters.

use std::cell::Cell;

use traffic_policy::attempt::Verdict;
use traffic_policy::invalid::Invalid;

use super::attempt::Shared;
use super::config::Settings;
use crate::host::streams;
use crate::metrics::{Counter, Outcomes};
use crate::waiting::Waiting;

/// The attempt guard as one configuration makes it.
pub(crate) struct Guard {
    pub(super) settings: Settings,
    /// Answers that are not judged yet.
    pub(super) waiting: Waiting<Shared>,
    pub(super) counters: Counters,
    has_complained: Cell<bool>,
}

/// What it counts.
pub(super) struct Counters {
    attempts: [Counter; Verdict::ALL.len()],
    rewritten: [Counter; Verdict::ALL.len()],
    answered: [Counter; Verdict::ALL.len()],
    pub(super) edits: Outcomes,
    pub(super) ends_added: Counter,
    pub(super) held_answers: Counter,
    pub(super) hold_bytes: Counter,
    pub(super) hold_at_most: Counter,
    pub(super) body_limit: Counter,
}

/// A first token may take seconds, and this is nothing beside them.
const TICK_MILLISECONDS: u32 = 50;

impl Guard {
    /// Reads the configuration.
    pub(crate) fn configure(bytes: &[u8]) -> Result<Self, Invalid> {
        let settings = Settings::read(bytes)?;
        let waiting = Waiting::new(settings.held_answers, settings.hold_at_most);
        let waiting = waiting.ticking_every(TICK_MILLISECONDS);
        let _ = streams::tick_every(waiting.tick_milliseconds());
        let has_complained = Cell::new(false);
        Ok(Self { settings, waiting, counters: Counters::declare(), has_complained })
    }

    /// Judges every answer whose time is over.
    pub(crate) fn on_tick(&self) {
        for (_, attempt) in self.waiting.tick() {
            if let Ok(mut attempt) = attempt.try_borrow_mut() {
                attempt.overdue();
            }
        }
    }

    /// Says once what is wrong when a body that is waited for does not come. A client that sends none looks the
    /// same, so nothing else is concluded from it.
    pub(super) fn sees_no_body(&self) {
        if !self.has_complained.replace(true) {
            log::error!(
                "llm-mesh: attempt-guard: saw nothing of a body within hold_at_most ({:?}), so the model in it was not replaced; if clients send theirs, set allow_on_headers_stop_iteration: true in this plugin's configuration (Envoy 1.35 and later)",
                self.settings.hold_at_most
            );
        }
    }

    /// Whether no answer waits any more.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }
}

impl Counters {
    fn declare() -> Self {
        let limit = |name| Counter::declare("llm_limit_hits_total", &[("limit", name)]);
        let by = |name, label| Verdict::ALL.map(|v| Counter::declare(name, &[(label, v.as_str())]));
        Self {
            attempts: by("llm_guard_attempts_total", "outcome"),
            rewritten: by("llm_guard_rewritten_total", "reason"),
            answered: by("llm_guard_answered_total", "reason"),
            edits: Outcomes::declare("llm_guard_edits_total"),
            ends_added: Counter::declare("llm_guard_ends_added_total", &[]),
            held_answers: limit("guard_held_answers"),
            hold_bytes: limit("guard_hold_bytes"),
            hold_at_most: limit("guard_hold_at_most"),
            body_limit: limit("guard_body_limit"),
        }
    }

    /// Attempts with this verdict.
    pub(super) fn attempts(&self, verdict: Verdict) -> Counter {
        of(&self.attempts, verdict)
    }

    /// Answers whose status became one to try again for.
    pub(super) fn rewritten(&self, verdict: Verdict) -> Counter {
        of(&self.rewritten, verdict)
    }

    /// Errors given in a server's place.
    pub(super) fn answered(&self, verdict: Verdict) -> Counter {
        of(&self.answered, verdict)
    }
}

fn of(counters: &[Counter; Verdict::ALL.len()], verdict: Verdict) -> Counter {
    let [first, ..] = counters;
    let at = Verdict::ALL.iter().position(|other| *other == verdict);
    at.and_then(|at| counters.get(at)).copied().unwrap_or(*first)
}
