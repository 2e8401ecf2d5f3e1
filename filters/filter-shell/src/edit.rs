//! A change to a request's body: some of its bytes replaced by others.
//!
//! The proxy replaces what a body begins with, and nothing in its middle, so an edit writes the
//! beginning anew up to its own end. What follows is not touched and need not have arrived yet.

use std::ops::Range;

use crate::host::{self, Status, body};

/// Replaces one range of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edit {
    range: Range<u32>,
    by: Vec<u8>,
}

impl Edit {
    /// `None`: no body that is held reaches so far, or the new bytes are no text of a name's size.
    pub(crate) fn new(range: &Range<u64>, by: Vec<u8>) -> Option<Self> {
        let (start, end) = (u32::try_from(range.start).ok()?, u32::try_from(range.end).ok()?);
        (start <= end && by.len() <= usize::from(u16::MAX))
            .then_some(Self { range: start..end, by })
    }

    /// The edit that sets the model, given where its name stands between its quotes.
    pub(crate) fn model(place: &Range<u64>, name: &str) -> Option<Self> {
        let json = serde_json::to_vec(name).ok()?;
        let by = json.strip_prefix(b"\"")?.strip_suffix(b"\"")?.to_vec();
        Self::new(place, by)
    }

    /// The place and the new bytes.
    pub(crate) fn parts(&self) -> (Range<u32>, &[u8]) {
        (self.range.clone(), &self.by)
    }

    /// The length of a body after the edit.
    pub(crate) fn length(&self, before: u64) -> u64 {
        let removed = u64::from(self.range.end.saturating_sub(self.range.start));
        let added = u64::try_from(self.by.len()).unwrap_or(u64::MAX);
        before.saturating_sub(removed).saturating_add(added)
    }

    /// Changes the body that the proxy holds, or hands over, in this callback.
    pub(crate) fn apply(&self) -> host::Result<()> {
        let end = self.range.end as usize;
        let mut beginning = body::beginning(end)?;
        if beginning.len() < end {
            return Err(Status::BadArgument);
        }
        beginning.splice(self.range.start as usize..end, self.by.iter().copied());
        body::replace_beginning(end, &beginning)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_models_name_is_written_as_json() {
        let edit = Edit::model(&(10..12), "a\"b").unwrap();
        assert_eq!(edit.parts(), (10..12, br#"a\"b"#.as_slice()));
        assert_eq!(edit.length(100), 102);
    }

    #[test]
    fn a_place_that_no_held_body_reaches_is_not_edited() {
        assert_eq!(Edit::new(&(0..1 << 40), vec![]), None);
    }
}
