//! Requests that wait, each with a deadline, up to a limit.
//!
//! The root context's tick asks which deadlines have passed; a request that got its answer, or
//! went away, leaves. Everything is on one thread, so a cell suffices; borrows never overlap,
//! because nothing in here calls anything that could come back.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

/// What waits, by context id.
///
/// Time is counted in ticks, which come as often as [`Waiting::tick_milliseconds`] says: a request
/// that waits costs no look at a clock, and a deadline is met to within a quarter of the patience.
#[derive(Debug)]
pub(crate) struct Waiting<T> {
    entries: RefCell<BTreeMap<u32, (u64, T)>>,
    ticks: Cell<u64>,
    most: usize,
    patience: Duration,
    tick_milliseconds: u32,
}

impl<T: Clone> Waiting<T> {
    /// Room for `most` requests, each for `patience`.
    pub(crate) fn new(most: usize, patience: Duration) -> Self {
        let quarter = u32::try_from(patience.as_millis() / 4).unwrap_or(u32::MAX);
        let tick_milliseconds = quarter.clamp(20, 250);
        Self { entries: RefCell::default(), ticks: Cell::new(0), most, patience, tick_milliseconds }
    }

    /// The same with ticks so often, or more often.
    pub(crate) fn ticking_every(mut self, milliseconds: u32) -> Self {
        self.tick_milliseconds = self.tick_milliseconds.min(milliseconds);
        self
    }

    /// How often to look for passed deadlines: often enough that one is met to within a quarter of
    /// the patience, and never so often that idle ticks cost anything.
    pub(crate) fn tick_milliseconds(&self) -> u32 {
        self.tick_milliseconds
    }

    /// Lets a request wait. `false`: there is no room, it has to go without.
    pub(crate) fn add(&self, context: u32, entry: T) -> bool {
        self.add_for(context, entry, self.patience)
    }

    /// Lets a request wait with a patience of its own.
    pub(crate) fn add_for(&self, context: u32, entry: T, patience: Duration) -> bool {
        let Ok(mut entries) = self.entries.try_borrow_mut() else { return false };
        if entries.len() >= self.most {
            return false;
        }
        entries.insert(context, (self.ticks.get().saturating_add(self.in_ticks(patience)), entry));
        true
    }

    /// Ends the wait of a request, whether or not it was waiting.
    pub(crate) fn remove(&self, context: u32) -> Option<T> {
        let mut entries = self.entries.try_borrow_mut().ok()?;
        entries.remove(&context).map(|(_, entry)| entry)
    }

    /// A tick has come: takes out everything whose deadline has passed.
    pub(crate) fn tick(&self) -> Vec<(u32, T)> {
        let now = self.ticks.get().saturating_add(1);
        self.ticks.set(now);
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

    /// Ticks until the patience is over; one more than fit into it, because the first may come at
    /// once.
    fn in_ticks(&self, patience: Duration) -> u64 {
        let tick = u128::from(self.tick_milliseconds);
        u64::try_from(patience.as_millis() / tick).unwrap_or(u64::MAX).saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_passes_once() {
        let waiting = Waiting::new(10, Duration::from_secs(2));
        assert!(waiting.add(7, 'a'));
        for _ in 0..8 {
            assert!(
                waiting.tick().is_empty(),
                "eight ticks of 250 ms may be less than two seconds"
            );
        }
        assert_eq!(waiting.tick(), [(7, 'a')]);
        assert!(waiting.tick().is_empty());
        assert!(waiting.is_empty());
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let waiting = Waiting::new(1, Duration::from_secs(2));
        assert!(waiting.add(1, ()));
        assert!(!waiting.add(2, ()));
        assert_eq!(waiting.remove(1), Some(()));
        assert!(waiting.add(2, ()));
    }

    #[test]
    fn ticks_are_neither_hectic_nor_late() {
        let tick = |ms| Waiting::<()>::new(1, Duration::from_millis(ms)).tick_milliseconds();
        assert_eq!(tick(10), 20);
        assert_eq!(tick(400), 100);
        assert_eq!(tick(60_000), 250);
    }
}
