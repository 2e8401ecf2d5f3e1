//! What the deciding plugin and the gate tell each other.
//!
//! Both sides are this crate, but not always of the same build: while a fleet is being updated, a
//! new module may meet an old one. Hence the version bytes; what cannot be read is not acted on,
//! and the gate's deadline takes over.

use crate::edit::Edit;

const VERSION: u8 = 1;

/// A release with one change of the body. A gate that is too old to make edits does not know it, and lets the
/// request go at its deadline, rather than now and with the wrong body.
const VERSION_WITH_EDIT: u8 = 2;

/// A release with several.
const VERSION_WITH_EDITS: u8 = 3;

/// Where to send the decision on a request that is held: a queue, and the request's context there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) queue: u32,
    pub(crate) context: u32,
}

impl Ticket {
    pub(crate) fn encode(self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend(self.queue.to_le_bytes());
        out.extend(self.context.to_le_bytes());
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&[VERSION])?;
        let (queue, rest) = rest.split_first_chunk::<4>()?;
        let (context, _) = rest.split_first_chunk::<4>()?;
        Some(Self { queue: u32::from_le_bytes(*queue), context: u32::from_le_bytes(*context) })
    }
}

/// Lets a held request go, with these headers set and its body changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Release {
    pub(crate) context: u32,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) edit: Edit,
}

impl Release {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let changes = self.edit.changes();
        let mut out = vec![match changes.len() {
            0 => VERSION,
            1 => VERSION_WITH_EDIT,
            _ => VERSION_WITH_EDITS,
        }];
        out.extend(self.context.to_le_bytes());
        if changes.len() > 1 {
            // There is a change for each field that is edited.
            out.push(u8::try_from(changes.len()).unwrap_or(u8::MAX));
        }
        for change in changes.iter().take(usize::from(u8::MAX)) {
            out.extend(change.range.start.to_le_bytes());
            out.extend(change.range.end.to_le_bytes());
            push_field(&mut out, &change.by);
        }
        for (name, value) in &self.headers {
            push_field(&mut out, name.as_bytes());
            push_field(&mut out, value);
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (context, mut rest) = rest.split_first_chunk::<4>()?;
        let changes = match *version {
            VERSION => 0,
            VERSION_WITH_EDIT => 1,
            VERSION_WITH_EDITS => {
                let (number, after) = rest.split_first()?;
                rest = after;
                *number
            }
            _ => return None,
        };
        let mut edit = Edit::default();
        for _ in 0..changes {
            let (start, after) = rest.split_first_chunk::<4>()?;
            let (end, after) = after.split_first_chunk::<4>()?;
            let (by, after) = split_field(after)?;
            rest = after;
            let place = |bytes: &[u8; 4]| u64::from(u32::from_le_bytes(*bytes));
            edit.add(&(place(start)..place(end)), by.to_vec());
        }
        if edit.changes().len() != usize::from(changes) {
            return None;
        }
        let mut headers = Vec::new();
        while !rest.is_empty() {
            let (name, after) = split_field(rest)?;
            let (value, after) = split_field(after)?;
            headers.push((String::from_utf8(name.to_vec()).ok()?, value.to_vec()));
            rest = after;
        }
        Some(Self { context: u32::from_le_bytes(*context), headers, edit })
    }
}

/// Names and values that come from a configuration are far below 64 KiB.
fn push_field(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    out.extend(length.to_le_bytes());
    out.extend(bytes.iter().take(usize::from(length)));
}

fn split_field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release() -> Release {
        Release {
            context: 70_000,
            headers: vec![("x-llm-pool".into(), b"gpu".to_vec()), ("x-llm-reason".into(), vec![])],
            edit: Edit::default(),
        }
    }

    fn with_edits(number: u64) -> Release {
        let mut edit = Edit::default();
        (0..number).for_each(|n| edit.add(&(10 * n..10 * n + 6), b"llama".to_vec()));
        Release { edit, ..release() }
    }

    #[test]
    fn messages_survive_the_way() {
        let ticket = Ticket { queue: 3, context: 70_000 };
        assert_eq!(Ticket::decode(&ticket.encode()), Some(ticket));
        assert_eq!(Release::decode(&release().encode()), Some(release()));
        for number in 1..4 {
            assert_eq!(Release::decode(&with_edits(number).encode()), Some(with_edits(number)));
        }
    }

    #[test]
    fn a_message_that_is_cut_short_or_of_another_version_is_not_read() {
        let whole = release().encode();
        for whole in [&whole, &with_edits(1).encode(), &with_edits(2).encode()] {
            for end in 6..whole.len() {
                let read = Release::decode(&whole[..end]);
                // A cut between two headers leaves a shorter message; anywhere else there is none.
                assert!(read.is_none_or(|r| r.headers.len() < 2), "cut at {end}");
            }
        }
        let mut other = whole;
        other[0] = 9;
        assert_eq!(Release::decode(&other), None);
        assert_eq!(Ticket::decode(&[]), None);
    }
}
