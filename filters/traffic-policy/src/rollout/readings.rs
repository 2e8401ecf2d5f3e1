//! What the recorded verdict series say at one instant, and what that comes to.
//!
//! Each gate has a series. It is negative where the evidence of the whole fleet has reached its bound, and
//! otherwise says how many requests of the candidate the gate has seen since the rollout began. One number
//! for both, so that one question is enough, and so that each proxy finds by itself whether a step has had
//! its samples: a rule cannot know when a step began.
//!
//! # Samples of a step
//! They are counted from the first instant that was evaluated when the step had begun, and not from 0 where
//! the series is missing then: that loses an interval at most, and nothing from before the step counts. If
//! a series falls, a part of the fleet or the rule's memory is gone; it has to rise again to what it was, as
//! nobody knows whether the rest comes back.
//!
//! # What cannot be
//! Not a number, infinite, and larger than any count: nothing was said. Series of gates that are not in the
//! configuration are not ours. Of two of one gate the smaller counts.

use super::{MOST_INSTANTS, Progress, Rollout, Verdict};
use crate::evidence::Gate;

/// One series at one instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading<'a> {
    /// Its label `signal`.
    pub signal: &'a str,
    /// What it says.
    pub value: f64,
}

/// All requests that there ever were are fewer, and counts up to here are whole numbers.
const MOST_SAMPLES: f64 = 1e15;

impl Verdict {
    /// What a question of the user's own says: it fails if one series is negative, and passes if there are
    /// some and all are positive. 0 and what is no finite number is inconclusive.
    pub fn of_values(values: impl IntoIterator<Item = f64>) -> Self {
        let one = |value: f64| match value {
            value if !value.is_finite() => Self::Inconclusive,
            value if value < 0.0 => Self::Fail,
            value if value > 0.0 => Self::Pass,
            _ => Self::Inconclusive,
        };
        values.into_iter().map(one).reduce(Self::and).unwrap_or_default()
    }
}

impl Progress {
    /// The verdict of an instant by what the series say then, which is folded in.
    pub fn readings(
        &mut self,
        rollout: &Rollout,
        number: u32,
        readings: &[Reading<'_>],
    ) -> Verdict {
        if number <= self.known() || number > MOST_INSTANTS {
            return Verdict::Inconclusive;
        }
        let one = |gate| self.one(gate, readings);
        let verdict = rollout.gates.iter().map(one).reduce(Verdict::and).unwrap_or_default();
        self.verdict(rollout, number, verdict);
        // By the step that there is now: without a delay it begins with these numbers.
        if !self.is_over() && rollout.evaluated_at(number) >= self.step_began_at(rollout) {
            for gate in &rollout.gates {
                self.begin_count(gate, readings);
            }
        }
        verdict
    }

    fn one(&self, gate: &Gate, readings: &[Reading<'_>]) -> Verdict {
        match (said(gate, readings), self.base(gate)) {
            (Some(value), _) if value < 0.0 => Verdict::Fail,
            (Some(samples), Some(base)) if samples - base >= f64::from(gate.min_samples) => {
                Verdict::Pass
            }
            _ => Verdict::Inconclusive,
        }
    }

    fn base(&self, gate: &Gate) -> Option<f64> {
        let place = gate.place();
        self.bases.iter().find(|(known, _)| *known == place).map(|(_, samples)| *samples)
    }

    fn begin_count(&mut self, gate: &Gate, readings: &[Reading<'_>]) {
        if let (None, Some(samples)) = (self.base(gate), said(gate, readings))
            && samples >= 0.0
        {
            self.bases.push((gate.place(), samples));
        }
    }
}

/// What the series of a gate say; none if nothing, or if one of several says what cannot be.
fn said(gate: &Gate, readings: &[Reading<'_>]) -> Option<f64> {
    let name = gate.name();
    let values = || readings.iter().filter(|reading| reading.signal == name).map(|r| r.value);
    let failed = values().find(|value| value.is_finite() && *value < 0.0);
    let samples = || {
        let can_be = |value: f64| (0.0..=MOST_SAMPLES).contains(&value);
        values().all(can_be).then(|| values().reduce(f64::min)).flatten()
    };
    failed.or_else(samples)
}

#[cfg(test)]
mod tests;
