//! What the deciding plugin and the gate tell each other.
//!
//! Both sides are this crate, but not always of the same build: while a fleet is being updated, a
//! new module may meet an old one. Hence the version bytes; what cannot be read is not acted on,
//! and the gate's deadline takes over.

use crate::edit::Edit;

const VERSION: u8 = 1;

/// A release with an edit. A gate that is too old to make edits does not know it, and lets the
/// request go at its deadline, rather than now and with the wrong body.
const VERSION_WITH_EDIT: u8 = 2;

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
    pub(crate) edit: Option<Edit>,
}

impl Release {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![if self.edit.is_some() { VERSION_WITH_EDIT } else { VERSION }];
        out.extend(self.context.to_le_bytes());
        if let Some(edit) = &self.edit {
            let (range, by) = edit.parts();
            out.extend(range.start.to_le_bytes());
            out.extend(range.end.to_le_bytes());
            push_field(&mut out, by);
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
        let edit = match *version {
            VERSION => None,
            VERSION_WITH_EDIT => {
                let (start, after) = rest.split_first_chunk::<4>()?;
                let (end, after) = after.split_first_chunk::<4>()?;
                let (by, after) = split_field(after)?;
                rest = after;
                let place = |bytes: &[u8; 4]| u64::from(u32::from_le_bytes(*bytes));
                Some(Edit::new(&(place(start)..place(end)), by.to_vec())?)
            }
            _ => return None,
        };
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
            edit: None,
        }
    }

    fn with_edit() -> Release {
        Release { edit: Edit::new(&(10..16), b"llama".to_vec()), ..release() }
    }

    #[test]
    fn messages_survive_the_way() {
        let ticket = Ticket { queue: 3, context: 70_000 };
        assert_eq!(Ticket::decode(&ticket.encode()), Some(ticket));
        assert_eq!(Release::decode(&release().encode()), Some(release()));
        assert_eq!(Release::decode(&with_edit().encode()), Some(with_edit()));
    }

    #[test]
    fn a_message_that_is_cut_short_or_of_another_version_is_not_read() {
        let whole = release().encode();
        for whole in [&whole, &with_edit().encode()] {
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
