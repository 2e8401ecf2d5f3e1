//! A progress as bytes, for shared data.

use super::{Course, Progress};
use crate::evidence::Gate;
use crate::record::{fingerprint, open, seal, take, varint};
use crate::rollout::{Analysis, MOST_INSTANTS, Rollout};

const VERSION: u8 = 1;

const COURSES: [Course; 3] = [Course::Running, Course::Passed, Course::Failed];

/// A gate of each signal against the stable version and against a limit.
const MOST_GATES: u64 = 12;

impl Progress {
    /// What a record says; the beginning if there is none or if it cannot be read.
    ///
    /// If it was made by another schedule, it is the beginning too, unless it has failed.
    pub fn read(rollout: &Rollout, bytes: Option<&[u8]>) -> Self {
        let begin = Self::begin(rollout);
        let last_step = rollout.steps.len().saturating_sub(1);
        match bytes.and_then(decode) {
            Some(known) if known.schedule == begin.schedule && known.step <= last_step => known,
            Some(failed) if failed.course == Course::Failed => {
                let step = failed.step.min(last_step);
                Self { step, schedule: begin.schedule, ..failed }
            }
            _ => begin,
        }
    }

    /// The record of it.
    pub fn write(&self) -> Vec<u8> {
        let course = COURSES.iter().position(|course| *course == self.course).unwrap_or(0);
        let mut out = vec![VERSION, course as u8];
        out.extend(self.schedule.to_le_bytes());
        for number in [u64::from(self.known), self.step as u64, u64::from(self.since)] {
            varint::put(&mut out, number);
        }
        varint::put(&mut out, self.bases.len() as u64);
        for (gate, samples) in &self.bases {
            out.push(*gate);
            out.extend(samples.to_bits().to_le_bytes());
        }
        seal(out)
    }
}

fn decode(bytes: &[u8]) -> Option<Progress> {
    let mut rest = open(bytes)?.strip_prefix(&[VERSION])?;
    let [course] = take(&mut rest)?;
    let course = *COURSES.get(usize::from(course))?;
    let schedule = u64::from_le_bytes(take(&mut rest)?);
    let mut number = || varint::take(&mut rest);
    let (known, step, since, gates) = (number()?, number()?, number()?, number()?);
    if known > u64::from(MOST_INSTANTS) || since > known || gates > MOST_GATES {
        return None;
    }
    let mut base = || {
        let [gate] = take(&mut rest)?;
        let samples = f64::from_bits(u64::from_le_bytes(take(&mut rest)?));
        (samples.is_finite() && samples >= 0.0).then_some((gate, samples))
    };
    let bases = (0..gates).map(|_| base()).collect::<Option<Vec<_>>>()?;
    let (known, step) = (u32::try_from(known).ok()?, usize::try_from(step).ok()?);
    let since = u32::try_from(since).ok()?;
    rest.is_empty().then_some(Progress { known, course, step, since, bases, schedule })
}

impl Rollout {
    /// All that verdicts and what they come to depend on; of what this proxy sees itself nothing can be
    /// asked again, so there the gates may change under way.
    pub(in crate::rollout) fn schedule(&self) -> u64 {
        let (start, interval) = (self.start.as_micros(), self.interval.as_micros());
        let mut text = format!("{start};{interval};{:?};", self.steps);
        if self.analysis != Analysis::Local {
            let query = self.prometheus.as_ref().and_then(|prometheus| prometheus.query.as_deref());
            let gate = |gate: &Gate| format!("{} {};", gate.name(), gate.min_samples);
            text.extend(self.gates.iter().map(gate));
            text.push_str(&format!("{};{}", self.delay().as_micros(), query.unwrap_or_default()));
        }
        fingerprint(&text)
    }
}
