//! What a proxy publishes of its evidence, as numbers.

use std::collections::BTreeMap;

use crate::labels::{label, split};
use crate::model::metric::{MetricValue, Metrics};

/// The ratios that evidence is weighed for, as labels have them, and the weight of each.
pub(super) const GRID: [(&str, f64, f64); 6] = [
    ("1.5", 1.5, 0.04),
    ("2.25", 2.25, 0.08),
    ("3.5", 3.5, 0.16),
    ("6", 6.0, 0.52),
    ("11", 11.0, 0.15),
    ("20", 20.0, 0.05),
];

/// What a gate of a rollout is known by: pool, version, stable, start, signal.
pub(in super::super) type GateKey = [String; 5];

/// The names of these labels.
pub(super) const KEY: [&str; 5] = ["pool", "version", "stable", "start", "signal"];

/// What one proxy says of one gate.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in super::super) struct Reading {
    pub(super) samples: u64,
    /// In millionths.
    pub(super) bound: Option<u64>,
    pub(super) matters: Option<bool>,
    pub(super) sides: BTreeMap<String, Side>,
}

/// Evidence that is for one side.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Side {
    pub(super) events: u64,
    /// For each ratio, in millionths.
    pub(super) against: [u64; GRID.len()],
}

/// All that a proxy says of all gates.
pub(in super::super) type Readings = BTreeMap<GateKey, Reading>;

const PREFIX: &str = "llm_split_";

/// Picks the evidence out of a proxy's metrics.
pub(in super::super) fn readings(metrics: &Metrics) -> Readings {
    let mut all = Readings::new();
    for (name, value) in metrics.iter() {
        let (MetricValue::Counter(value) | MetricValue::Gauge(value)) = value else { continue };
        let Some(rest) = split(name, PREFIX) else { continue };
        let base = ["samples_total", "bound_micros", "matters", "events_total"];
        let base = base.into_iter().chain(["against_micros_total"]);
        let found = base.into_iter().find_map(|base| Some((base, rest.strip_prefix(base)?)));
        let Some((base, labels)) = found else { continue };
        let key = KEY.map(|key| label(labels, key).unwrap_or_default().to_owned());
        let gate = all.entry(key).or_default();
        let side = label(labels, "side").unwrap_or_default();
        match base {
            "samples_total" => gate.samples = *value,
            "bound_micros" => gate.bound = Some(*value),
            "matters" => gate.matters = Some(*value > 0),
            "events_total" => gate.sides.entry(side.to_owned()).or_default().events = *value,
            _ => {
                let ratio = label(labels, "ratio");
                let place = GRID.iter().position(|(name, ..)| Some(*name) == ratio);
                let side = gate.sides.entry(side.to_owned()).or_default();
                if let Some(against) = place.and_then(|place| side.against.get_mut(place)) {
                    *against = *value;
                }
            }
        }
    }
    all
}
