//! Reads the few protobuf messages that hostcalls carry.
//!
//! Their schemas are three fields of scalars, so that a generator and its runtime would be more than
//! what they save. As in every reader of protobuf, unknown fields are skipped and the last one counts.

/// A message's fields, in order.
#[derive(Debug, Default)]
pub(crate) struct Message<'a>(Vec<(u64, Field<'a>)>);

#[derive(Clone, Copy, Debug)]
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Message<'a> {
    /// Reads a message; none if it is malformed.
    pub(crate) fn parse(mut bytes: &'a [u8]) -> Option<Self> {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let (key, rest) = varint(bytes)?;
            let (field, rest) = match key & 7 {
                0 => varint(rest).map(|(value, rest)| (Field::Number(value), rest))?,
                1 => fixed(rest, 8)?,
                2 => {
                    let (len, rest) = varint(rest)?;
                    let (bytes, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
                    (Field::Bytes(bytes), rest)
                }
                5 => fixed(rest, 4)?,
                _ => return None,
            };
            if key >> 3 == 0 {
                return None;
            }
            fields.push((key >> 3, field));
            bytes = rest;
        }
        Some(Self(fields))
    }

    /// A field of bytes, or of text; empty if it is not there.
    pub(crate) fn bytes(&self, field: u64) -> &'a [u8] {
        self.find(field).unwrap_or_default()
    }

    /// A field of bytes, or a message; none if it is not there.
    pub(crate) fn find(&self, field: u64) -> Option<&'a [u8]> {
        self.0.iter().rev().find_map(|(number, value)| match value {
            Field::Bytes(bytes) if *number == field => Some(*bytes),
            _ => None,
        })
    }

    /// A number, a choice or a boolean; 0 if it is not there.
    pub(crate) fn number(&self, field: u64) -> u64 {
        let value = self.0.iter().rev().find_map(|(number, value)| match value {
            Field::Number(value) if *number == field => Some(*value),
            _ => None,
        });
        value.unwrap_or(0)
    }
}

fn fixed(bytes: &[u8], len: usize) -> Option<(Field<'_>, &[u8])> {
    let (bytes, rest) = bytes.split_at_checked(len)?;
    Some((Field::Bytes(bytes), rest))
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (place, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(place + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_several_equal_fields_counts_and_others_are_skipped() {
        let message =
            Message::parse(b"\x0a\x01a\x0a\x02bc\x18\x96\x01\x21........\x2d....").unwrap();
        assert_eq!(message.bytes(1), b"bc");
        assert_eq!(message.number(3), 150);
        assert_eq!((message.bytes(2), message.number(9)), (&b""[..], 0));
    }

    #[test]
    fn what_is_cut_short_or_no_message_is_none() {
        for bytes in
            [&b"\xff"[..], b"\x0a\x7fshort", b"\x0a", b"\x03", b"\x02\x00", b"grpc", b"\x21."]
        {
            assert!(Message::parse(bytes).is_none(), "{bytes:?}");
        }
    }
}
