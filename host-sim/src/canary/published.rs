//! What a proxy's filters publish of a rollout: their metrics.

use std::collections::BTreeMap;

use crate::labels::{label, split};
use crate::model::metric::{MetricValue, Metrics};

/// Where a rollout is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Phase {
    /// It has not begun, or nobody says anything of it.
    #[default]
    Waiting,
    /// The candidate has the share of a step.
    Running,
    /// The candidate has the share of the last one for good.
    Done,
    /// The candidate gets nothing any more.
    RolledBack,
    /// The candidate keeps what it has until somebody decides.
    Held,
}

impl Phase {
    /// In the order in which they come.
    pub const ALL: [Self; 5] =
        [Self::Waiting, Self::Running, Self::Done, Self::RolledBack, Self::Held];

    /// Its name in metrics and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::RolledBack => "rolled_back",
            Self::Held => "held",
        }
    }

    /// Whether only a new configuration begins again.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::RolledBack | Self::Held)
    }
}

/// The state of a rollout on one proxy.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Published {
    /// Where it is.
    pub phase: Phase,
    /// Its step, from 0.
    pub step: u64,
    /// The candidate's share, of a hundred.
    pub percent: u64,
    /// Weights by version.
    pub weights: BTreeMap<String, u64>,
    /// How often there was which verdict.
    pub verdicts: BTreeMap<String, u64>,
    /// How often this proxy stopped the candidate by what it had seen itself.
    pub vetoes: u64,
    /// What became of questions.
    pub asks: BTreeMap<String, u64>,
    /// The logarithm of the evidence of each gate, as this proxy has it.
    pub evidence: BTreeMap<String, Evidence>,
}

/// The evidence of one gate.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Evidence {
    /// Its logarithm.
    pub log: f64,
    /// Where the gate fails, if that is published.
    pub bound: Option<f64>,
}

impl Published {
    /// Reads the metrics of one pool.
    pub(super) fn read(metrics: &Metrics, pool: &str) -> Self {
        let mut found = Self::default();
        for (name, value) in metrics.iter() {
            let (MetricValue::Counter(value) | MetricValue::Gauge(value)) = value else { continue };
            let Some(rest) = split(name, "llm_split_") else { continue };
            let Some(at) = rest.find("pool=.=") else { continue };
            let (base, labels) = rest.split_at(at);
            if label(labels, "pool") == Some(pool) {
                found.take(base, labels, *value);
            }
        }
        found
    }

    fn take(&mut self, base: &str, labels: &str, value: u64) {
        let of = |name: &str| label(labels, name).unwrap_or_default().to_owned();
        match base {
            "step" => self.step = value,
            "percent" => self.percent = value,
            "phase" if value > 0 => {
                let phase = Phase::ALL.into_iter().find(|phase| phase.name() == of("phase"));
                self.phase = phase.unwrap_or_default();
            }
            "weight" => _ = self.weights.insert(of("version"), value),
            "verdicts_total" => _ = self.verdicts.insert(of("verdict"), value),
            "vetoes_total" => self.vetoes += value,
            "asks_total" => _ = self.asks.insert(of("outcome"), value),
            "evidence_micros" => self.evidence.entry(of("signal")).or_default().log = micros(value),
            "bound_micros" => {
                self.evidence.entry(of("signal")).or_default().bound = Some(micros(value));
            }
            _ => {}
        }
    }

    /// Whether the candidate gets nothing more on this proxy: for good, or by its veto.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.phase == Phase::RolledBack || self.vetoes > 0
    }

    /// The share of a version, of a hundred.
    #[must_use]
    pub fn share(&self, version: &str) -> f64 {
        let sum: u64 = self.weights.values().sum();
        let own = self.weights.get(version).copied().unwrap_or(0);
        #[expect(clippy::cast_precision_loss, reason = "weights")]
        let share = 100.0 * own as f64 / sum.max(1) as f64;
        share
    }

    /// What tells one moment of the rollout from the next.
    pub(super) fn state(&self) -> (Phase, u64, u64, u64, &BTreeMap<String, u64>) {
        (self.phase, self.step, self.percent, self.vetoes, &self.weights)
    }
}

fn micros(value: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "millionths of a small number")]
    let value = value as f64;
    value / 1e6
}
