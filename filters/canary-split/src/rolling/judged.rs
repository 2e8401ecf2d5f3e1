//! What this proxy has seen itself says of the candidate.
//!
//! Whoever leads takes what was counted since the last look, weighs it, and writes down what it has come to, so that
//! the next one who leads goes on from there. What that adds to the logarithms of the evidence is added to counters
//! as well: they add up over all proxies of a fleet, which is all that Prometheus has to do.

use filter_shell::SharedRecord;
use traffic_policy::evidence::{Evidence, Judge, Standing};
use traffic_policy::rollout::{Rollout, Verdict};

use super::counted::Counting;
use super::metrics::Names;
use super::weighed::Weighed;

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
    record: SharedRecord,
    weighed: Weighed,
}

impl Judging {
    pub(super) fn new(key: &str, rollout: &Rollout, names: &Names) -> Self {
        let nothing = Evidence::new(rollout.gates()).tallies();
        Self {
            record: SharedRecord::of("canary-judge", key),
            weighed: Weighed::declare(names, rollout, &nothing),
        }
    }

    pub(super) fn in_force(&self) {
        self.weighed.in_force();
    }

    /// Weighs what is new. If nobody could be told of it, it is left for the next time.
    pub(super) fn look(&self, counting: &Counting, rollout: &Rollout, step: usize) -> Judged {
        let counts = counting.all();
        let alpha = rollout.alphas().local;
        let looked = self.record.update(|bytes| {
            let mut judge = Judge::read(bytes, rollout.gates());
            let before = judge.evidence().tallies();
            let is_new = judge.look(&counts, step);
            let after = judge.evidence().tallies();
            let verdict = judge.evidence().verdict(alpha);
            let standings = judge.evidence().standings(alpha).collect();
            (is_new.then(|| judge.write()), (before, after, Judged { verdict, standings }))
        });
        let Some((before, after, judged)) = looked else { return Judged::default() };
        self.weighed.add(&before, &after);
        judged
    }
}
