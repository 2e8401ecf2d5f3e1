//! Who of all workers does what one is enough for: asking for verdicts, weighing what all have counted.
//!
//! A record in shared data names a holder and a time. The holder renews it; once it is over, anybody may
//! take it. Nobody gives it back and nobody is asked: a worker whose VM has trapped says nothing any more,
//! and one that leads to nowhere must not stop the others.
//!
//! # Generations
//! When a configuration changes, the old one's root contexts tick on for as long as one of their streams
//! lasts. The new one takes the lease from them at once; they get it back only if the new one lets it run
//! out.
//!
//! # Clocks
//! A clock that goes back makes a lease end far in the future. One that ends later than twice its time from
//! now was made by another clock, and does not count. So such a jump costs at most two times the lease.
//! Nothing less is that: workers read the clock at slightly different moments.
//!
//! # Limits
//! It is worth as much as the compare-and-swap that writes it: who takes a lease has it only when the
//! record could be written, and until the time that it says, by the same clock. In between a slow holder
//! may still be at work when the next one begins; so what it does has to be harmless if done twice.

use std::time::Duration;

use crate::record::{open, seal, take};

const VERSION: u8 = 1;

/// Who does it, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// A number that each worker has drawn for itself.
    pub holder: u64,
    /// The number of the holder's configuration: a later one has a larger number.
    pub generation: u64,
    /// By the clock that all workers have.
    pub until: Duration,
}

impl Lease {
    /// Takes the lease, or keeps it: the record to be written in the place of this one. None if it is
    /// another's. What cannot be read is nobody's.
    pub fn take(
        bytes: Option<&[u8]>,
        me: u64,
        generation: u64,
        now: Duration,
        lasts: Duration,
    ) -> Option<Vec<u8>> {
        let mine = Self { holder: me, generation, until: now.saturating_add(lasts) };
        let is_anothers = |lease: &Self| {
            let is_over = lease.until <= now;
            let is_of_another_clock = lease.until.saturating_sub(now) > lasts.saturating_mul(2);
            let is_old = lease.generation < generation;
            lease.holder != me && !is_over && !is_of_another_clock && !is_old
        };
        let held = bytes.and_then(Self::read).filter(is_anothers);
        held.is_none().then(|| mine.write())
    }

    /// What a record says; none if it is no lease.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = open(bytes)?.strip_prefix(&[VERSION])?;
        let mut number = || take(&mut rest).map(u64::from_le_bytes);
        let (holder, generation, until) = (number()?, number()?, number()?);
        let until = Duration::from_micros(until);
        rest.is_empty().then_some(Self { holder, generation, until })
    }

    fn write(&self) -> Vec<u8> {
        let until = u64::try_from(self.until.as_micros()).unwrap_or(u64::MAX);
        let mut out = vec![VERSION];
        out.extend([self.holder, self.generation, until].into_iter().flat_map(u64::to_le_bytes));
        seal(out)
    }
}

/// The how many-th configuration it is: the record to be written, if it is a new one, and the number. Workers are told
/// of a configuration one after the other: the first one counts, and the others find it there.
pub fn generation(bytes: Option<&[u8]>, configuration: u64) -> (Option<Vec<u8>>, u64) {
    let [known, generation] = match bytes.map(<[u8]>::as_chunks) {
        Some(([known, generation], [])) => [*known, *generation].map(u64::from_le_bytes),
        _ => [0; 2],
    };
    if known == configuration {
        return (None, generation);
    }
    let next = generation.wrapping_add(1);
    (Some([configuration, next].map(u64::to_le_bytes).concat()), next)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LASTS: Duration = Duration::from_secs(5);

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn take(bytes: Option<&[u8]>, me: u64, generation: u64, now: u64) -> Option<Vec<u8>> {
        Lease::take(bytes, me, generation, at(now), LASTS)
    }

    /// A worker that reads the record and the clock at one moment, and writes at a later one.
    #[derive(Clone, Default)]
    struct Worker {
        read: Option<(u64, Option<Vec<u8>>, u64)>,
        /// Until when it thinks that it has the lease.
        until: u64,
    }

    proptest! {
        #[test]
        fn at_most_one_has_it_however_reads_and_writes_are_interleaved(
            moves in prop::collection::vec((0_usize..4, any::<bool>(), 0_u64..4_000), 0..200),
        ) {
            let mut workers = vec![Worker::default(); 4];
            let (mut record, mut version, mut now) = (None::<Vec<u8>>, 0_u64, 1_000_u64);
            for (number, reads, passes) in moves {
                now += passes;
                let worker = &mut workers[number];
                if reads {
                    worker.read = Some((now, record.clone(), version));
                } else if let Some((then, bytes, seen)) = worker.read.take()
                    && let Some(mine) = take(bytes.as_deref(), number as u64, 1, then)
                    && seen == version
                {
                    (record, version) = (Some(mine), version + 1);
                    worker.until = then + 5_000;
                }
                let holders = workers.iter().filter(|worker| worker.until > now).count();
                prop_assert!(holders <= 1, "{holders} at {now}");
            }
        }

        #[test]
        fn what_is_over_or_older_is_taken_and_what_is_not_is_left(
            now in 0_u64..100_000, passes in 0_u64..20_000, generations in (0_u64..3, 0_u64..3),
        ) {
            let (theirs, mine) = generations;
            let held = take(None, 1, theirs, now);
            let taken = take(held.as_deref(), 2, mine, now + passes);
            prop_assert_eq!(taken.is_some(), passes >= 5_000 || mine > theirs);
            let renewed = take(held.as_deref(), 1, mine, now + passes).unwrap();
            let until = Lease::read(&renewed).unwrap().until;
            prop_assert_eq!(until, at(now + passes) + LASTS);
        }

        #[test]
        fn a_clock_that_goes_back_or_ahead_locks_it_for_twice_its_time_at_most(
            before in any::<u64>(), after in any::<u64>(),
        ) {
            let held = Lease::take(None, 1, 7, Duration::from_micros(before), LASTS).unwrap();
            let after = Duration::from_micros(after).min(Duration::from_micros(u64::MAX) - LASTS * 3);
            let later = after + LASTS * 2;
            let at = |now| Lease::take(Some(&held), 2, 7, now, LASTS).is_some();
            prop_assert!(at(after) || at(later));
        }

        #[test]
        fn what_is_no_lease_is_nobodys(
            mut bytes in prop::collection::vec(any::<u8>(), 0..60), at in any::<prop::sample::Index>(),
        ) {
            prop_assert!(take(Some(&bytes), 1, 1, 0).is_some());
            bytes = take(None, 1, 1, 0).unwrap();
            let at = at.index(bytes.len());
            prop_assert_eq!(Lease::read(&bytes[..at]), None);
            bytes[at] ^= 1;
            prop_assert_eq!(Lease::read(&bytes), None);
        }
    }

    #[test]
    fn workers_of_one_configuration_have_one_generation_and_a_new_one_has_the_next() {
        let (first, number) = generation(None, 7);
        assert_eq!(number, 1);
        assert_eq!(generation(first.as_deref(), 7), (None, 1));
        let (second, number) = generation(first.as_deref(), 8);
        assert_eq!(number, 2);
        // The first one again is a third.
        assert_eq!(generation(second.as_deref(), 7).1, 3);
        assert_eq!(generation(Some(b"odd"), 7).1, 1);
    }
}
