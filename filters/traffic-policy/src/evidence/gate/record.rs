//! What is known by one gate, as bytes.

use super::{Seen, Weighed};
use crate::evidence::process::{Process, RATIOS};
use crate::evidence::record::{put_counts, put_sizes, take_counts, take_sizes};
use crate::evidence::{Gate, Method};
use crate::record::{fingerprint, take, varint};

/// More cannot come from any number of requests, and sums of it stay finite.
const MOST_AGAINST: f64 = 1e100;

/// By which gates evidence is: by others what was seen would have come to something else. How many samples
/// each wants is no part of it.
pub(in crate::evidence) fn of_gates(gates: impl Iterator<Item = Gate>) -> u64 {
    let one = |gate: Gate| match gate.method {
        Method::Stable { max_ratio } => format!("{} {:x};", gate.name(), max_ratio.to_bits()),
        Method::Limit { bound, share } => {
            format!("{} {bound} {:x};", gate.name(), share.to_bits())
        }
    };
    fingerprint(&gates.map(one).collect::<String>())
}

impl Weighed {
    /// Behind a record.
    pub(in crate::evidence) fn put(&self, out: &mut Vec<u8>) {
        varint::put(out, self.samples);
        varint::put(out, self.all_samples);
        for process in [&self.more, &self.less] {
            put_process(out, process);
        }
        for seen in &self.seen {
            put_counts(out, seen.counts);
            put_sizes(out, &seen.histogram);
        }
    }

    /// From a record.
    pub(in crate::evidence) fn take(gate: Gate, rest: &mut &[u8]) -> Option<Self> {
        let (samples, all_samples) = (varint::take(rest)?, varint::take(rest)?);
        let (more, less) = (take_process(rest)?, take_process(rest)?);
        let mut seen = || Some(Seen { counts: take_counts(rest)?, histogram: take_sizes(rest)? });
        let seen = [seen()?, seen()?];
        Some(Self { gate, more, less, samples, all_samples, seen })
    }
}

/// Most gates have one side, and many have seen nothing yet.
fn put_process(out: &mut Vec<u8>, process: &Process) {
    let has_any = *process != Process::default();
    out.push(u8::from(has_any));
    if has_any {
        varint::put(out, process.events);
        process.against.iter().for_each(|against| out.extend(against.to_bits().to_le_bytes()));
    }
}

fn take_process(rest: &mut &[u8]) -> Option<Process> {
    let [has_any] = take(rest)?;
    if has_any == 0 {
        return Some(Process::default());
    }
    let events = varint::take(rest)?;
    let mut against = [0.0; RATIOS];
    for against in &mut against {
        let nats = f64::from_bits(u64::from_le_bytes(take(rest)?));
        *against = Some(nats).filter(|nats| (0.0..=MOST_AGAINST).contains(nats))?;
    }
    Some(Process { events, against })
}
