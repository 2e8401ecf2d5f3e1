//! What happens next, in an order that does not depend on anything but what was planned.

use std::collections::BTreeMap;

use crate::host::Nanos;

/// A queue by time; what is planned for the same time happens in the order of planning.
#[derive(Debug)]
pub(crate) struct Timeline<T> {
    planned: BTreeMap<(Nanos, u64), T>,
    count: u64,
}

impl<T> Default for Timeline<T> {
    fn default() -> Self {
        Self { planned: BTreeMap::new(), count: 0 }
    }
}

impl<T> Timeline<T> {
    pub(crate) fn push(&mut self, at: Nanos, what: T) {
        self.count += 1;
        self.planned.insert((at, self.count), what);
    }

    pub(crate) fn next_at(&self) -> Option<Nanos> {
        self.planned.first_key_value().map(|((at, _), _)| *at)
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        self.planned.pop_first().map(|(_, what)| what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_comes_first_and_equal_times_keep_their_order() {
        let mut timeline = Timeline::default();
        for (at, name) in [(5, "c"), (1, "a"), (5, "d"), (3, "b")] {
            timeline.push(at, name);
        }
        assert_eq!(timeline.next_at(), Some(1));
        let order: Vec<&str> = std::iter::from_fn(|| timeline.pop()).collect();
        assert_eq!(order, ["a", "b", "c", "d"]);
    }
}
