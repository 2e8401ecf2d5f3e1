//! One model's record among those that all workers share: found, read, and changed.
//!
//! It is changed by compare-and-swap: whoever lost learns again, from what the winner wrote, so that
//! no report is lost and none counts twice. What the shared values are is the caller's to say
//! ([`Store`]), so that the tests can let workers meet in every order.

use std::cell::Cell;

use super::record::Unreadable;
use super::slots::{Slot, slots};
use super::{Calibration, Estimate, Outcome};
use crate::record::fingerprint;

/// How often one report is tried to be learnt; each try has lost against another worker, or has
/// found a slot taken.
const TRIES: usize = 8;

/// The values that all workers share.
pub trait Store {
    /// What a slot holds, and a number that is another one after each change; none if nothing was
    /// ever put there.
    fn get(&self, slot: Slot) -> Option<(Vec<u8>, u32)>;

    /// Changes a slot, if nobody did since this number was read; without one, if it is still empty.
    fn set(&self, slot: Slot, value: &[u8], number: Option<u32>) -> Written;

    /// A record could not be read, and counts as none.
    fn unreadable(&self);
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It is there.
    Done,
    /// Somebody else was first.
    Lost,
    /// It cannot be there.
    Failed,
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learnt {
    /// The calibration has seen it.
    Seen(Outcome),
    /// All slots of the model are other models'.
    NoSlot,
    /// Others were first too often, or the value could not be set.
    Conflict,
}

/// Where a model's record is.
#[derive(Debug)]
pub struct Place {
    fingerprint: u64,
    slots: [Slot; 4],
    /// How many of its slots were found taken by other models. Slots are never given back, so the
    /// first that is not another's stays this model's.
    taken: Cell<usize>,
}

/// What is in a model's slot.
#[expect(clippy::large_enum_variant, reason = "lives as long as one call, on the stack")]
enum Found {
    /// Its calibration, or a new one; where, and the number with which to change it.
    Own(Calibration, Slot, Option<u32>),
    /// Another model's: the next slot is to be tried.
    Taken,
    /// There is none left for it.
    NoSlot,
}

impl Place {
    /// That of the model with this name.
    pub fn of(model: &str) -> Self {
        let fingerprint = fingerprint(model);
        Self { fingerprint, slots: slots(fingerprint), taken: Cell::new(0) }
    }

    /// What is known of the model; nothing at first.
    pub fn read(&self, store: &impl Store) -> Option<Calibration> {
        for _ in 0..self.slots.len() {
            match self.find(store) {
                Found::Own(calibration, ..) => return Some(calibration),
                Found::Taken => {}
                Found::NoSlot => break,
            }
        }
        None
    }

    /// Learns what a server reported.
    pub fn learn(&self, store: &impl Store, estimate: &Estimate, reported: u64) -> Learnt {
        for _ in 0..TRIES {
            let (mut calibration, slot, number) = match self.find(store) {
                Found::Own(calibration, slot, number) => (calibration, slot, number),
                Found::Taken => continue,
                Found::NoSlot => return Learnt::NoSlot,
            };
            let outcome = calibration.learn(estimate, reported);
            if outcome == Outcome::Implausible {
                return Learnt::Seen(outcome);
            }
            match store.set(slot, &calibration.encode(self.fingerprint), number) {
                Written::Done => return Learnt::Seen(outcome),
                Written::Lost => {}
                Written::Failed => break,
            }
        }
        Learnt::Conflict
    }

    fn find(&self, store: &impl Store) -> Found {
        let Some(slot) = self.slots.get(self.taken.get()).copied() else { return Found::NoSlot };
        let Some((bytes, number)) = store.get(slot) else {
            return Found::Own(Calibration::default(), slot, None);
        };
        match Calibration::decode(&bytes, self.fingerprint) {
            Ok(calibration) => Found::Own(calibration, slot, Some(number)),
            Err(Unreadable::Foreign) => {
                self.taken.set(self.taken.get() + 1);
                Found::Taken
            }
            Err(Unreadable::Broken) => {
                store.unreadable();
                Found::Own(Calibration::default(), slot, Some(number))
            }
        }
    }
}

#[cfg(test)]
mod tests;
