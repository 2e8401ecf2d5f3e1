//! What a rollout is called, and shows: where it is, and what is asked. Its evidence is [`super::weighed`]'s.

use filter_shell::{Counter, Gauge};
use traffic_policy::rollout::{Phase, Rollout, State, Verdict};
use traffic_policy::split::Split;

use super::asking::Outcome;

/// What a rollout is known by, in labels and logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) pool: String,
    pub(super) candidate: String,
    pub(super) stable: String,
    /// Seconds since 1970.
    pub(super) start: String,
}

impl Names {
    pub(super) fn new(rollout: &Rollout, pool: &str, split: &Split) -> Self {
        let version =
            |arm: usize| split.arms().get(arm).map(|arm| arm.version.clone()).unwrap_or_default();
        Self {
            pool: pool.to_owned(),
            candidate: version(rollout.candidate()),
            stable: version(rollout.stable()),
            start: rollout.start().as_secs().to_string(),
        }
    }

    pub(super) fn labels(&self) -> [(&str, &str); 4] {
        [
            ("pool", &self.pool),
            ("version", &self.candidate),
            ("stable", &self.stable),
            ("start", &self.start),
        ]
    }

    /// The series that the rules of the manifests record.
    pub(super) fn query(&self) -> String {
        let quoted =
            |text: &str| text.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n");
        let labels = self.labels().map(|(name, value)| format!(r#"{name}="{}""#, quoted(value)));
        format!("rollout:llm_split_verdict{{{}}}", labels.join(","))
    }

    pub(super) fn with<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        self.labels().into_iter().chain(more.iter().copied()).collect()
    }
}

/// Where the rollout is, and what is asked.
pub(super) struct Metrics {
    started: Gauge,
    start: u64,
    step: Gauge,
    percent: Gauge,
    phases: [(Phase, Gauge); 5],
    verdicts: [(Verdict, Counter); 3],
    asks: [(Outcome, Counter); 5],
    pub(super) vetoes: Counter,
}

impl Metrics {
    // Compiled by itself; why is said at the profile `filter` in Cargo.toml.
    #[inline(never)]
    pub(super) fn declare(names: &Names, rollout: &Rollout) -> Self {
        let pool = [("pool", names.pool.as_str())];
        let phase = |phase: Phase| {
            let labels = [("pool", names.pool.as_str()), ("phase", phase.as_str())];
            (phase, Gauge::declare("llm_split_phase", &labels))
        };
        let verdict = |verdict: Verdict| {
            let labels = [("pool", names.pool.as_str()), ("verdict", verdict.as_str())];
            (verdict, Counter::declare("llm_split_verdicts_total", &labels))
        };
        let asks = |outcome: Outcome| {
            let labels = [("pool", names.pool.as_str()), ("outcome", outcome.as_str())];
            (outcome, Counter::declare("llm_split_asks_total", &labels))
        };
        Self {
            started: Gauge::declare("llm_split_rollout", &names.labels()),
            start: rollout.start().as_secs(),
            step: Gauge::declare("llm_split_step", &pool),
            percent: Gauge::declare("llm_split_percent", &pool),
            phases: Phase::ALL.map(phase),
            verdicts: [Verdict::Pass, Verdict::Fail, Verdict::Inconclusive].map(verdict),
            asks: Outcome::ALL.map(asks),
            vetoes: Counter::declare("llm_split_vetoes_total", &pool),
        }
    }

    /// Where it is now.
    pub(super) fn show(&self, state: &State) {
        self.started.set(self.start);
        self.step.set(state.step as u64);
        self.percent.set(u64::from(state.percent.unwrap_or(0)));
        for (phase, gauge) in self.phases {
            gauge.set(u64::from(phase == state.phase));
        }
    }

    /// There is none any more.
    pub(super) fn ends(&self) {
        let phases = self.phases.iter().map(|(_, gauge)| gauge);
        [&self.started, &self.step, &self.percent].into_iter().chain(phases).for_each(|g| g.set(0));
    }

    pub(super) fn asked(&self, outcome: Outcome) {
        count(&self.asks, outcome);
    }

    pub(super) fn judged(&self, verdict: Verdict) {
        count(&self.verdicts, verdict);
    }
}

fn count<T: PartialEq>(counters: &[(T, Counter)], of: T) {
    if let Some((_, counter)) = counters.iter().find(|(name, _)| *name == of) {
        counter.increment();
    }
}
