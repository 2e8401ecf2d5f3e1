//! Counts and evidence as bytes, for shared data.
//!
//! Most buckets are empty, and most of the others small, so only those with something are told, by how far
//! each is from the one before. The counts of a proxy under way have some three hundred bytes; 5.4 KB are the
//! most.

use super::gate::{Weighed, of_gates};
use super::{BUCKETS, Counts, Evidence, Gate, Histogram, Sample, Stratum};
use crate::record::{open, seal, take as field, varint};

const VERSION: u8 = 1;

impl Stratum {
    /// What a record says; none if it is not [`Stratum::write`]'s.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = open(bytes)?.strip_prefix(&[VERSION])?;
        let stratum = take(&mut rest)?;
        rest.is_empty().then_some(stratum)
    }

    /// The record of it.
    pub fn write(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put(&mut out, self);
        seal(out)
    }
}

impl Evidence {
    /// What a record says; none if it is not [`Evidence::write`]'s, or is by other gates.
    pub fn read(bytes: &[u8], gates: &[Gate]) -> Option<Self> {
        let mut rest = open(bytes)?.strip_prefix(&[VERSION])?;
        let evidence = Self::take(&mut rest, gates)?;
        rest.is_empty().then_some(evidence)
    }

    /// The record of it.
    pub fn write(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        self.put(&mut out);
        seal(out)
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.extend(of_gates(self.gates.iter().map(|gate| gate.gate)).to_le_bytes());
        put(out, &self.open);
        varint::put(out, self.age);
        self.gates.iter().for_each(|gate| gate.put(out));
    }

    pub(super) fn take(rest: &mut &[u8], gates: &[Gate]) -> Option<Self> {
        let fingerprint = u64::from_le_bytes(field(rest)?);
        if fingerprint != of_gates(gates.iter().copied()) {
            return None;
        }
        let (open, age) = (take(rest)?, varint::take(rest)?);
        let mut gate = |gate: &Gate| Weighed::take(*gate, rest);
        let gates = gates.iter().map(&mut gate).collect::<Option<_>>()?;
        Some(Self { gates, open, age })
    }
}

/// Both versions, behind a record.
pub(super) fn put(out: &mut Vec<u8>, stratum: &Stratum) {
    for sample in [&stratum.candidate, &stratum.stable] {
        let counts = [sample.failures, sample.finish_length, sample.finish_content_filter];
        counts.into_iter().for_each(|counts| put_counts(out, counts));
        let sizes = [&sample.first_token, &sample.per_token, &sample.output_tokens];
        sizes.into_iter().for_each(|sizes| put_sizes(out, sizes));
    }
}

/// Both versions, from a record.
pub(super) fn take(rest: &mut &[u8]) -> Option<Stratum> {
    Some(Stratum { candidate: sample(rest)?, stable: sample(rest)? })
}

fn sample(rest: &mut &[u8]) -> Option<Sample> {
    Some(Sample {
        failures: take_counts(rest)?,
        finish_length: take_counts(rest)?,
        finish_content_filter: take_counts(rest)?,
        first_token: take_sizes(rest)?,
        per_token: take_sizes(rest)?,
        output_tokens: take_sizes(rest)?,
    })
}

pub(super) fn put_counts(out: &mut Vec<u8>, counts: Counts) {
    varint::put(out, counts.all);
    varint::put(out, counts.events);
}

pub(super) fn take_counts(rest: &mut &[u8]) -> Option<Counts> {
    Some(Counts { all: varint::take(rest)?, events: varint::take(rest)? })
}

/// How many buckets have something; of each, how many empty ones are before it, and what it has.
pub(super) fn put_sizes(out: &mut Vec<u8>, sizes: &Histogram) {
    let filled = || sizes.counts.iter().enumerate().filter(|(_, count)| **count > 0);
    varint::put(out, filled().count() as u64);
    let mut next = 0;
    for (place, count) in filled() {
        varint::put(out, (place - next) as u64);
        varint::put(out, *count);
        next = place + 1;
    }
}

pub(super) fn take_sizes(rest: &mut &[u8]) -> Option<Histogram> {
    let mut sizes = Histogram::default();
    let filled = varint::take(rest)?;
    if filled > BUCKETS as u64 {
        return None;
    }
    let mut buckets = sizes.counts.iter_mut();
    for _ in 0..filled {
        let empty = usize::try_from(varint::take(rest)?).ok()?;
        *buckets.nth(empty)? = varint::take(rest)?;
    }
    Some(sizes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::evidence::tests::strata;

    proptest! {
        #[test]
        fn counts_are_read_as_they_were_written(stratum in strata()) {
            let bytes = stratum.write();
            prop_assert!(bytes.len() < 5_500, "{}", bytes.len());
            prop_assert_eq!(Stratum::read(&bytes), Some(stratum));
        }

        #[test]
        fn what_was_cut_or_changed_is_no_record(
            stratum in strata(), at in any::<prop::sample::Index>(), bit in 0..8_u32,
        ) {
            let mut bytes = stratum.write();
            prop_assert_eq!(Stratum::read(&bytes[..at.index(bytes.len())]), None);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(Stratum::read(&bytes), None);
        }

        #[test]
        fn bytes_with_a_right_checksum_are_read_to_an_end_whatever_they_are(
            mut bytes in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            bytes.insert(0, VERSION);
            if let Some(stratum) = Stratum::read(&seal(bytes)) {
                prop_assert_eq!(Stratum::read(&stratum.write()), Some(stratum));
            }
        }
    }

    #[test]
    fn few_requests_take_few_bytes() {
        let mut stratum = Stratum::default();
        assert!(stratum.write().len() < 30);
        for took in 0..1_000 {
            stratum.candidate.failures.record(took % 100 == 0);
            stratum.candidate.first_token.record(300 + took);
            stratum.candidate.output_tokens.record(took);
        }
        stratum.stable = stratum.candidate;
        let length = stratum.write().len();
        assert!(length < 300, "{length}");
    }
}
