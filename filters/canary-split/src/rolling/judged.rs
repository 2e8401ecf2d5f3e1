//! What this proxy has seen itself says of the candidate.

use std::cell::RefCell;

use traffic_policy::evidence::{Evidence, Standing, Stratum};
use traffic_policy::rollout::{Rollout, Verdict};

use super::counted::Counting;
use super::metrics::Names;

/// How the candidate stands.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    pub(super) standings: Vec<Standing>,
}

impl Judged {
    pub(super) fn has_failed(&self) -> bool {
        self.verdict == Verdict::Fail
    }
}

/// Weighs what was counted.
pub(super) struct Judging {
    state: RefCell<(Stratum, Evidence, usize)>,
}

impl Judging {
    pub(super) fn new(_key: &str, rollout: &Rollout, _names: &Names) -> Self {
        Self { state: RefCell::new((Stratum::default(), Evidence::new(rollout.gates()), 0)) }
    }

    pub(super) fn look(&self, counting: &Counting, rollout: &Rollout, step: usize) -> Judged {
        let counts = counting.all();
        let alpha = rollout.alphas().local;
        let mut state = self.state.borrow_mut();
        let (seen, evidence, at) = &mut *state;
        if step != *at {
            *at = step;
            evidence.begin_step();
        }
        if let Some(new) = counts.since(seen) {
            evidence.observe(&new);
        }
        *seen = counts;
        Judged { verdict: evidence.verdict(alpha), standings: evidence.standings(alpha).collect() }
    }
}
