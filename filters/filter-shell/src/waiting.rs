//! Requests that wait, each with a deadline, up to a limit.
//!
//! The root context's tick asks which deadlines have passed; a request that got its answer, or
//! went away, leaves. Everything is on one thread, so a cell suffices; borrows never overlap,
//! because nothing in here calls anything that could come back.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What waits, by context id.
#[derive(Debug)]
pub(crate) struct Waiting<T> {
    entries: RefCell<BTreeMap<u32, (Instant, T)>>,
    most: usize,
    patience: Duration,
}

impl<T: Clone> Waiting<T> {
    /// Room for `most` requests, each for `patience`.
    pub(crate) fn new(most: usize, patience: Duration) -> Self {
        Self { entries: RefCell::default(), most, patience }
    }

    /// How often to look for passed deadlines: often enough that one is met to within a quarter of
    /// the patience, and never so often that idle ticks cost anything.
    pub(crate) fn tick_milliseconds(&self) -> u32 {
        let quarter = u32::try_from(self.patience.as_millis() / 4).unwrap_or(u32::MAX);
        quarter.clamp(20, 250)
    }

    /// Lets a request wait. `false`: there is no room, it has to go without.
    pub(crate) fn add(&self, context: u32, now: Instant, entry: T) -> bool {
        let Ok(mut entries) = self.entries.try_borrow_mut() else { return false };
        if entries.len() >= self.most {
            return false;
        }
        entries.insert(context, (now + self.patience, entry));
        true
    }

    /// Ends the wait of a request, whether or not it was waiting.
    pub(crate) fn remove(&self, context: u32) -> Option<T> {
        let mut entries = self.entries.try_borrow_mut().ok()?;
        entries.remove(&context).map(|(_, entry)| entry)
    }

    /// Takes out everything whose deadline has passed.
    pub(crate) fn overdue(&self, now: Instant) -> Vec<(u32, T)> {
        let Ok(mut entries) = self.entries.try_borrow_mut() else { return Vec::new() };
        let late = entries.iter().filter(|(_, (deadline, _))| *deadline <= now);
        let late: Vec<(u32, T)> =
            late.map(|(context, (_, entry))| (*context, entry.clone())).collect();
        for (context, _) in &late {
            entries.remove(context);
        }
        late
    }

    /// Whether nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.try_borrow().is_ok_and(|entries| entries.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_passes_once() {
        let start = Instant::now();
        let waiting = Waiting::new(10, Duration::from_secs(2));
        assert!(waiting.add(7, start, 'a'));
        assert!(waiting.overdue(start + Duration::from_millis(1999)).is_empty());
        assert_eq!(waiting.overdue(start + Duration::from_secs(2)), [(7, 'a')]);
        assert!(waiting.overdue(start + Duration::from_secs(9)).is_empty());
        assert!(waiting.is_empty());
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let waiting = Waiting::new(1, Duration::from_secs(2));
        assert!(waiting.add(1, Instant::now(), ()));
        assert!(!waiting.add(2, Instant::now(), ()));
        assert_eq!(waiting.remove(1), Some(()));
        assert!(waiting.add(2, Instant::now(), ()));
    }

    #[test]
    fn ticks_are_neither_hectic_nor_late() {
        let tick = |ms| Waiting::<()>::new(1, Duration::from_millis(ms)).tick_milliseconds();
        assert_eq!(tick(10), 20);
        assert_eq!(tick(400), 100);
        assert_eq!(tick(60_000), 250);
    }
}
