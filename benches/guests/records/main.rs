//! What the breaker does with its record, as a program of its own: prints the record's size, and the
//! nanoseconds of the fastest turn for a request that is admitted and for an outcome that is written.
//!
//! Without a proxy around it: reading and writing the bytes as shared data is the proxy's, and its cost is
//! not in here.

use std::hint::black_box;
use std::time::{Duration, Instant};

use traffic_policy::breaker::{Group, Kind, Policy, RawBreaker, Roster, Signal};

const TURNS: usize = 100;
const TIMES: u32 = 200;

/// By the clock that all workers have.
const NOW: Duration = Duration::from_secs(1_000);

fn main() {
    let Ok(policy) = Policy::try_from(RawBreaker::default()) else { return };
    for endpoints in [1, 4, 48] {
        let names: Vec<String> = (0..endpoints).map(|n| format!("10.0.0.{n}:8000")).collect();
        let Ok(roster) = Roster::new("gpu-large", &[], &names) else { return };
        let record = record(&roster, &policy);
        let admits = fastest(|| admit(&record, &roster, &policy));
        let learns = fastest(|| learn(Some(&record), &roster, &policy));
        println!("| {endpoints} | {} | {admits} | {learns} |", record.len());
    }
}

/// The record of a pool in which all servers have answered lately.
fn record(roster: &Roster, policy: &Policy) -> Vec<u8> {
    let mut group = Group::read(None, roster, policy, NOW);
    for member in std::iter::once(roster.pool()).chain(roster.of(Kind::Endpoint)) {
        group.observe(member, NOW, 0, Signal::Success { first_token: None });
    }
    group.write()
}

/// A request that asks for all of them.
fn admit(record: &[u8], roster: &Roster, policy: &Policy) -> usize {
    let mut group = Group::read(Some(record), roster, policy, NOW);
    black_box(group.admit(roster.pool(), 7));
    let members: Vec<_> = roster.of(Kind::Endpoint).collect();
    group.standing(&members, 7).usable.len()
}

/// An answer of one of them.
fn learn(record: Option<&[u8]>, roster: &Roster, policy: &Policy) -> usize {
    let mut group = Group::read(record, roster, policy, NOW);
    for member in roster.of(Kind::Endpoint).take(1).chain([roster.pool()]) {
        group.observe(member, NOW, 0, Signal::Success { first_token: None });
    }
    group.write().len()
}

fn fastest(mut run: impl FnMut() -> usize) -> u128 {
    let turn = |_| {
        let start = Instant::now();
        for _ in 0..TIMES {
            black_box(run());
        }
        start.elapsed().as_nanos() / u128::from(TIMES)
    };
    (0..TURNS).map(turn).min().unwrap_or_default()
}
