//! Which of this worker's requests are probes, until their answers begin.
//!
//! A probe's outcome counts as soon as its first token is there, and only a probe's: so it has to be known
//! which requests are.

use std::cell::RefCell;
use std::time::Duration;

use traffic_policy::breaker::Probed;

/// So many probes of one worker are known for what they are.
const MOST: usize = 64;

/// The probes by the time at which they were sent.
#[derive(Debug, Default)]
pub(super) struct Probes(RefCell<Vec<(Duration, Probed)>>);

impl Probes {
    pub(super) fn keep(&self, sent: Duration, probed: Probed) {
        if let Ok(mut probes) = self.0.try_borrow_mut() {
            // Those whose answer never came make room.
            let excess = (probes.len() + 1).saturating_sub(MOST);
            probes.drain(..excess);
            probes.push((sent, probed));
        }
    }

    pub(super) fn take(&self, sent: Duration) -> Option<Probed> {
        let mut probes = self.0.try_borrow_mut().ok()?;
        let place = probes.iter().position(|(at, _)| *at == sent)?;
        Some(probes.swap_remove(place).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_known_once_and_those_without_an_answer_make_room() {
        let probes = Probes::default();
        let probed = Probed { pool: true, ..Probed::default() };
        let at = |n| Duration::from_millis(n);
        (0..100).for_each(|n| probes.keep(at(n), probed));
        assert_eq!(probes.take(at(99)), Some(probed));
        assert_eq!(probes.take(at(99)), None);
        assert_eq!(probes.take(at(35)), None, "the oldest were forgotten");
        assert_eq!(probes.take(at(36)), Some(probed));
    }
}
