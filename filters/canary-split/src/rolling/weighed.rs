//! The evidence, as metrics.
//!
//! For each gate the candidate's events and, for each ratio of the grid, what speaks against it: counters that only
//! grow. The logarithm of the evidence is made of them, and what they grow by adds up over all proxies to the
//! evidence of the fleet; so Prometheus needs only sums, and nothing that a rate would have to guess.

use filter_shell::{Counter, Gauge};
use traffic_policy::evidence::process::{GRID, Ratio};
use traffic_policy::evidence::{Side, Tally};
use traffic_policy::rollout::{Analysis, Rollout};

use super::metrics::Names;

/// The evidence of one rollout.
pub(super) struct Weighed {
    gates: Vec<Gate>,
}

struct Gate {
    /// The logarithm of this proxy's own evidence.
    log: Gauge,
    /// For the fleet's sum, where there is one.
    fleet: Option<Fleet>,
}

struct Fleet {
    /// Where the fleet's evidence is enough, and its gauge.
    bound: (u64, Gauge),
    samples: Counter,
    events: Counter,
    against: Vec<Counter>,
    matters: Gauge,
}

/// Logarithms are counted in millionths.
const MICROS: f64 = 1e6;

impl Weighed {
    // Compiled by itself; why is said at the profile `filter` in Cargo.toml.
    #[inline(never)]
    pub(super) fn declare(names: &Names, rollout: &Rollout, nothing: &[Tally]) -> Self {
        let is_shared = rollout.analysis() != Analysis::Local;
        let gate = |tally: &Tally| {
            let labels = [("pool", names.pool.as_str()), ("signal", tally.signal)];
            let fleet = is_shared.then(|| Fleet::declare(names, tally, rollout));
            let log = Gauge::declare("llm_split_evidence_micros", &labels);
            Gate { log, fleet }
        };
        Self { gates: nothing.iter().map(gate).collect() }
    }

    pub(super) fn in_force(&self) {
        for fleet in self.gates.iter().filter_map(|gate| gate.fleet.as_ref()) {
            let (bound, gauge) = &fleet.bound;
            gauge.set(*bound);
            // As long as nothing was measured it does.
            fleet.matters.set(1);
        }
    }

    /// What has become of one look is added.
    pub(super) fn add(&self, before: &[Tally], after: &[Tally]) {
        for (gate, (before, after)) in self.gates.iter().zip(before.iter().zip(after)) {
            gate.log.set(micros(after.log));
            if let Some(fleet) = &gate.fleet {
                fleet.add(before, after);
            }
        }
    }
}

impl Fleet {
    fn declare(names: &Names, tally: &Tally, rollout: &Rollout) -> Self {
        let signal = ("signal", tally.signal);
        let side = ("side", tally.side.as_str());
        let counter = |name, more: &[(&str, &str)]| Counter::declare(name, &names.with(more));
        let against = |ratio: &Ratio| {
            let ratio = ratio.ratio.to_string();
            counter("llm_split_against_micros_total", &[signal, side, ("ratio", &ratio)])
        };
        let gauge = |name| Gauge::declare(name, &names.with(&[signal]));
        let bound = micros(tally.bound(rollout.alphas().fleet));
        Self {
            bound: (bound, gauge("llm_split_bound_micros")),
            samples: counter("llm_split_samples_total", &[signal]),
            events: counter("llm_split_events_total", &[signal, side]),
            against: GRID.iter().map(against).collect(),
            matters: gauge("llm_split_matters"),
        }
    }

    fn add(&self, before: &Tally, after: &Tally) {
        self.events.add(after.events.saturating_sub(before.events));
        // A gate with two sides has its samples once.
        if after.side == Side::More {
            self.samples.add(after.samples.saturating_sub(before.samples));
        }
        for (counter, (before, after)) in
            self.against.iter().zip(before.against.iter().zip(after.against))
        {
            // What was added before is rounded in the same way, so that nothing is lost in the long run.
            counter.add(micros(after).saturating_sub(micros(*before)));
        }
        self.matters.set(u64::from(after.matters));
    }
}

/// In millionths; what is negative is 0.
fn micros(value: f64) -> u64 {
    (value * MICROS).round().max(0.0) as u64
}
