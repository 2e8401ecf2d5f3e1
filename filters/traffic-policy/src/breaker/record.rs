//! The members of a pool as bytes: version, members, checksum.
//!
//! Who is healthy and has nothing to be remembered for is left out. At most 64 members with four probes
//! each make 8 KiB; a pool of four endpoints in which all fail now and then has half a kilobyte.

use std::time::Duration;

use super::Phase;
use super::config::MOST_PROBES;
use super::member::Health;
use super::roster::{MOST_MEMBERS, Roster};
use crate::recent::{Pair, Recent};
use crate::record::{open, seal, take};

const VERSION: u8 = 1;

const PHASES: [Phase; 4] = [Phase::Healthy, Phase::Restoring, Phase::Probing, Phase::Ejected];

/// Members of whom nothing is known.
pub(super) fn empty(roster: &Roster) -> Vec<Health> {
    roster.all().map(|_| Health::default()).collect()
}

/// The record of these members.
pub(super) fn encode(members: &[Health], roster: &Roster) -> Vec<u8> {
    let mut out = vec![VERSION];
    for (health, fingerprint) in members.iter().zip(roster.fingerprints()) {
        if *health == Health::default() {
            continue;
        }
        out.extend(fingerprint.to_le_bytes());
        let phase = PHASES.iter().position(|phase| *phase == health.phase).unwrap_or(0);
        let probes = health.probes.iter().take(MOST_PROBES as usize);
        out.extend([phase as u8, health.times, probes.len() as u8]);
        out.extend(health.run.to_le_bytes());
        out.extend(micros(health.until).to_le_bytes());
        out.extend(micros(health.since).to_le_bytes());
        probes.for_each(|sent| out.extend(micros(*sent).to_le_bytes()));
        out.extend(health.recent.newest.to_le_bytes());
        let counts = health.recent.buckets.as_flattened().iter();
        counts.for_each(|n| out.extend(u32::try_from(*n).unwrap_or(u32::MAX).to_le_bytes()));
    }
    seal(out)
}

/// The members of this roster, in its order, by a record; none if it is not [`encode`]'s.
pub(super) fn decode(bytes: &[u8], roster: &Roster) -> Option<Vec<Health>> {
    let mut rest = open(bytes)?.strip_prefix(&[VERSION])?;
    let mut members = empty(roster);
    for _ in 0..MOST_MEMBERS {
        if rest.is_empty() {
            return Some(members);
        }
        let fingerprint = u64::from_le_bytes(take(&mut rest)?);
        let health = one(&mut rest)?;
        let place = roster.fingerprints().position(|known| known == fingerprint);
        if let Some(known) = place.and_then(|place| members.get_mut(place)) {
            *known = health;
        }
    }
    rest.is_empty().then_some(members)
}

fn one(rest: &mut &[u8]) -> Option<Health> {
    let [phase, times, probes] = take(rest)?;
    let run = u32::from_le_bytes(take(rest)?);
    let until = time(rest)?;
    let since = time(rest)?;
    let probes = (u32::from(probes) <= MOST_PROBES).then_some(probes)?;
    let probes = (0..probes).map(|_| time(rest)).collect::<Option<Vec<_>>>()?;
    let mut recent = Recent { newest: u64::from_le_bytes(take(rest)?), ..Recent::default() };
    for bucket in &mut recent.buckets {
        *bucket = pair(rest)?;
    }
    let phase = *PHASES.get(usize::from(phase))?;
    Some(Health { phase, times, run, until, since, recent, probes })
}

fn pair(rest: &mut &[u8]) -> Option<Pair> {
    let mut count = || Some(u64::from(u32::from_le_bytes(take(rest)?)));
    Some([count()?, count()?])
}

fn time(rest: &mut &[u8]) -> Option<Duration> {
    Some(Duration::from_micros(u64::from_le_bytes(take(rest)?)))
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
