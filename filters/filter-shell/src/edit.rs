//! Changes to a request's body: some of its bytes replaced by others.
//!
//! The proxy replaces what a body begins with, and nothing in its middle, so edits write the
//! beginning anew up to the end of the last one. What follows is not touched and need not have
//! arrived yet.

use std::ops::Range;

use crate::host::{self, Status, body};

/// Replaces some ranges of a body, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Edit {
    changes: Vec<Change>,
}

/// One range, and what is to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) range: Range<u32>,
    pub(crate) by: Vec<u8>,
}

impl Edit {
    /// Adds a change. Left out is one that reaches beyond what any proxy holds, whose text is longer
    /// than a name, or that meets another.
    pub(crate) fn add(&mut self, range: &Range<u64>, by: Vec<u8>) {
        let (Ok(start), Ok(end)) = (u32::try_from(range.start), u32::try_from(range.end)) else {
            return;
        };
        let meets = |other: &Change| start < other.range.end && other.range.start < end;
        if start > end || by.len() > usize::from(u16::MAX) || self.changes.iter().any(meets) {
            return;
        }
        let at = self.changes.partition_point(|other| other.range.start <= start);
        self.changes.insert(at, Change { range: start..end, by });
    }

    /// Sets the model, given where its name stands between its quotes.
    pub(crate) fn set_model(&mut self, place: &Range<u64>, name: &str) {
        let json = serde_json::to_vec(name).unwrap_or_default();
        if let Some(by) = json.strip_prefix(b"\"").and_then(|json| json.strip_suffix(b"\"")) {
            self.add(place, by.to_vec());
        }
    }

    /// The changes, in the body's order.
    pub(crate) fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Nothing is to be changed.
    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The length of a body after the edit.
    pub(crate) fn length(&self, before: u64) -> u64 {
        self.changes.iter().fold(before, |length, change| {
            let removed = u64::from(change.range.end.saturating_sub(change.range.start));
            let added = u64::try_from(change.by.len()).unwrap_or(u64::MAX);
            length.saturating_sub(removed).saturating_add(added)
        })
    }

    /// Changes the body that the proxy holds, or hands over, in this callback.
    pub(crate) fn apply(&self) -> host::Result<()> {
        let end = self.changes.last().map_or(0, |change| change.range.end as usize);
        let before = body::beginning(end)?;
        body::replace_beginning(end, &self.write(&before).ok_or(Status::BadArgument)?)
    }

    /// The beginning of a body as it is to be; none if it is too short.
    fn write(&self, before: &[u8]) -> Option<Vec<u8>> {
        let mut after = Vec::with_capacity(before.len());
        let mut at = 0;
        for Change { range, by } in &self.changes {
            after.extend(before.get(at..range.start as usize)?);
            after.extend(by);
            at = range.end as usize;
        }
        after.extend(before.get(at..)?);
        Some(after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(changes: &[(Range<u64>, &str)]) -> Edit {
        let mut edit = Edit::default();
        changes.iter().for_each(|(range, by)| edit.add(range, by.as_bytes().to_vec()));
        edit
    }

    #[test]
    fn a_models_name_is_written_as_json() {
        let mut edit = Edit::default();
        edit.set_model(&(10..12), "a\"b");
        assert_eq!(edit.changes(), [Change { range: 10..12, by: br#"a\"b"#.to_vec() }]);
        assert_eq!(edit.length(100), 102);
    }

    #[test]
    fn several_changes_are_made_at_once_in_whatever_order_they_came() {
        let edit = edit(&[(5..7, "FG-"), (1..1, "+")]);
        assert_eq!(edit.write(b"abcdefgh").as_deref(), Some(b"a+bcdeFG-h".as_slice()));
        assert_eq!(edit.length(8), 10);
        assert_eq!(edit.write(b"abcdef"), None);
    }

    #[test]
    fn a_place_that_no_held_body_reaches_is_not_edited() {
        assert!(edit(&[(1 << 40..1 << 40, "")]).is_empty());
    }

    #[test]
    fn of_two_changes_to_the_same_bytes_the_first_is_made() {
        assert_eq!(edit(&[(2..4, "x"), (3..5, "y")]).write(b"abcdef").unwrap(), b"abxef");
    }
}
