use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Mutex;

use super::*;

/// A proxy's shared values: numbers go up with each change, and 1 is the first.
#[derive(Default)]
struct Shared {
    values: Mutex<BTreeMap<Slot, (Vec<u8>, u32)>>,
}

impl Shared {
    fn put(&self, slot: Slot, value: &[u8], number: Option<u32>) -> Written {
        let mut values = self.values.lock().unwrap();
        let now = values.get(&slot).map(|(_, number)| *number);
        if now != number {
            return Written::Lost;
        }
        values.insert(slot, (value.to_vec(), now.unwrap_or(0) + 1));
        Written::Done
    }
}

impl Store for &Shared {
    fn get(&self, slot: Slot) -> Option<(Vec<u8>, u32)> {
        self.values.lock().unwrap().get(&slot).cloned()
    }

    fn set(&self, slot: Slot, value: &[u8], number: Option<u32>) -> Written {
        self.put(slot, value, number)
    }

    fn unreadable(&self) {}
}

/// Lets another worker learn between reading and writing, so often.
struct Contended<'a> {
    shared: &'a Shared,
    rivals: RefCell<Vec<(Place, u64)>>,
    unreadable: Cell<u32>,
}

impl Store for Contended<'_> {
    fn get(&self, slot: Slot) -> Option<(Vec<u8>, u32)> {
        self.shared.get(slot)
    }

    fn set(&self, slot: Slot, value: &[u8], number: Option<u32>) -> Written {
        if let Some((rival, reported)) = self.rivals.borrow_mut().pop() {
            rival.learn(&self.shared, &PROMPT, reported);
        }
        self.shared.set(slot, value, number)
    }

    fn unreadable(&self) {
        self.unreadable.set(self.unreadable.get() + 1);
    }
}

const PROMPT: Estimate = Estimate { tokens: 1000, marks: 0, foreign: 0, frame: 0, definitions: 0 };

fn contended(shared: &Shared, rivals: Vec<(Place, u64)>) -> Contended<'_> {
    Contended { shared, rivals: RefCell::new(rivals), unreadable: Cell::new(0) }
}

fn samples(shared: &Shared, model: &str) -> u32 {
    Place::of(model).read(&shared).map_or(0, |calibration| calibration.samples())
}

#[test]
fn whoever_lost_learns_again_from_what_the_winner_wrote() {
    let shared = Shared::default();
    let rivals = (0..5).map(|_| (Place::of("llama"), 1200)).collect();
    let learnt = Place::of("llama").learn(&contended(&shared, rivals), &PROMPT, 1200);
    assert_eq!(learnt, Learnt::Seen(Outcome::Learnt));
    assert_eq!(samples(&shared, "llama"), 6);
}

#[test]
fn whoever_loses_too_often_says_so_and_has_changed_nothing() {
    let shared = Shared::default();
    let rivals = (0..TRIES).map(|_| (Place::of("llama"), 1200)).collect();
    let learnt = Place::of("llama").learn(&contended(&shared, rivals), &PROMPT, 1200);
    assert_eq!(learnt, Learnt::Conflict);
    assert_eq!(samples(&shared, "llama"), u32::try_from(TRIES).unwrap());
}

/// WASI has no threads to compete.
#[cfg(not(target_family = "wasm"))]
#[test]
fn workers_that_learn_at_once_lose_no_report_and_count_none_twice() {
    let shared = Shared::default();
    let seen = std::thread::scope(|scope| {
        let worker = || {
            let place = Place::of("llama");
            let learnt = (0..500).map(|_| place.learn(&&shared, &PROMPT, 1200));
            learnt.filter(|learnt| *learnt != Learnt::Conflict).count()
        };
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum::<usize>()
    });
    assert_eq!(samples(&shared, "llama"), u32::try_from(seen).unwrap());
}

/// A model whose slots were all taken but the last so many.
fn beside(model: &str, free: usize) -> (Shared, Place) {
    let (shared, place) = (Shared::default(), Place::of(model));
    for slot in place.slots.iter().take(place.slots.len() - free) {
        shared.put(*slot, &Calibration::default().encode(place.fingerprint ^ 1), None);
    }
    (shared, place)
}

#[test]
fn a_slot_that_is_another_models_is_left_alone_and_the_next_one_taken() {
    let (shared, place) = beside("llama", 2);
    assert_eq!(place.learn(&&shared, &PROMPT, 1200), Learnt::Seen(Outcome::Learnt));
    let others = place.slots.iter().take(2).map(|slot| (&shared).get(*slot).unwrap().1);
    assert_eq!(others.collect::<Vec<_>>(), [1, 1], "not written since");
    assert_eq!(samples(&shared, "llama"), 1, "who looks anew finds it");
}

#[test]
fn a_model_without_a_slot_learns_nothing_and_corrects_nothing() {
    let (shared, place) = beside("llama", 0);
    assert_eq!(place.learn(&&shared, &PROMPT, 1200), Learnt::NoSlot);
    assert!(place.read(&&shared).is_none());
}

#[test]
fn a_slot_that_another_model_takes_meanwhile_stays_that_models() {
    let (shared, mut other) = (Shared::default(), Place::of("qwen"));
    other.slots = Place::of("llama").slots;
    let store = contended(&shared, vec![(other, 800)]);
    assert_eq!(Place::of("llama").learn(&store, &PROMPT, 1200), Learnt::Seen(Outcome::Learnt));
    let first = (&shared).get(Place::of("llama").slots[0]).unwrap();
    assert!(Calibration::decode(&first.0, fingerprint("qwen")).is_ok());
    assert_eq!(samples(&shared, "llama"), 1);
}

#[test]
fn a_record_that_cannot_be_read_is_begun_anew_and_told() {
    let shared = Shared::default();
    let place = Place::of("llama");
    shared.put(place.slots[0], b"from another version", None);
    let store = contended(&shared, Vec::new());
    assert_eq!(place.learn(&store, &PROMPT, 1200), Learnt::Seen(Outcome::Learnt));
    assert_eq!((samples(&shared, "llama"), store.unreadable.get()), (1, 1));
}
