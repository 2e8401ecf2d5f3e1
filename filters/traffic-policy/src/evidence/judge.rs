//! Weighs what all workers have counted, and remembers how far it has read.
//!
//! Workers add to counts that only grow. Whoever holds the lease weighs what has come since the last look;
//! the record has both, so another worker goes on where this one has stopped, and nothing is weighed twice.
//!
//! # Counts that are not weighed
//! A stratum may only be as long as the versions' shares and the servers' troubles stay as they are. So the
//! counts of a whole past, of a judge that could not be read or had other gates, are taken over as they are
//! and weigh nothing; so are those that have begun anew.
//!
//! # Limits
//! When a step begins, what came since the last look belongs to the one before it: it was under way then. If
//! two workers look at the same time, one of the records is lost with what it has counted into metrics; that
//! is what the lease is for.

use super::{Evidence, Gate, Stratum, record};
use crate::record::{open, seal, take, varint};

const VERSION: u8 = 1;

/// Evidence, and the counts that are in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Judge {
    /// None: what has been counted until the next look is only taken over.
    seen: Option<Stratum>,
    step: u64,
    evidence: Evidence,
}

impl Judge {
    /// Goes on with a record. If there is none, nothing has been weighed yet.
    pub fn read(bytes: Option<&[u8]>, gates: &[Gate]) -> Self {
        let new = |seen| Self { seen, step: 0, evidence: Evidence::new(gates) };
        match bytes {
            None => new(Some(Stratum::default())),
            Some(bytes) => decode(bytes, gates).unwrap_or_else(|| new(None)),
        }
    }

    /// The record of it.
    pub fn write(&self) -> Vec<u8> {
        let mut out = vec![VERSION, u8::from(self.seen.is_some())];
        if let Some(seen) = &self.seen {
            record::put(&mut out, seen);
        }
        varint::put(&mut out, self.step);
        self.evidence.put(&mut out);
        seal(out)
    }

    /// What is known.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// Weighs what has been counted since the last look; the rollout is at this step. Whether anything has
    /// changed, so that there is something to write.
    pub fn look(&mut self, counts: &Stratum, step: usize) -> bool {
        let new = self.seen.map_or(Some(Stratum::default()), |seen| counts.since(&seen));
        let step = step as u64;
        let has_new = self.seen.as_ref() != Some(counts) || self.evidence.grows_older();
        self.seen = Some(*counts);
        if let Some(new) = new.filter(|_| has_new) {
            self.evidence.observe(&new);
        }
        let has_begun = step != self.step;
        if has_begun {
            self.step = step;
            self.evidence.begin_step();
        }
        has_new || has_begun
    }
}

fn decode(bytes: &[u8], gates: &[Gate]) -> Option<Judge> {
    let mut rest = open(bytes)?.strip_prefix(&[VERSION])?;
    let seen = match take(&mut rest)? {
        [0] => None,
        _ => Some(record::take(&mut rest)?),
    };
    let step = varint::take(&mut rest)?;
    let evidence = Evidence::take(&mut rest, gates)?;
    rest.is_empty().then_some(Judge { seen, step, evidence })
}

#[cfg(test)]
mod tests;
