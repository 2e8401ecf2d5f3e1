//! Header maps: read whole in one call, edited one by one.
//!
//! One call that returns all pairs costs about as much as one that returns a single value, and a
//! filter needs four or five of them; so there is no way here to read a single header.

use super::{Result, ffi};

/// Which headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Map {
    /// Those of the request.
    Request = 0,
    /// Those of the response.
    Response = 2,
}

/// A header's name and value, as bytes: neither has to be UTF-8.
pub(crate) type Pair = (Vec<u8>, Vec<u8>);

/// All headers, in order.
pub(crate) fn all(map: Map) -> Result<Vec<Pair>> {
    ffi::header_pairs(map as u32).map(|bytes| parse(&bytes))
}

/// Adds a header, whether or not there is one of the name.
pub(crate) fn add(map: Map, name: &str, value: &[u8]) -> Result<()> {
    ffi::add_header(map as u32, name.as_bytes(), value)
}

/// Sets a header to this one value.
pub(crate) fn set(map: Map, name: &str, value: &[u8]) -> Result<()> {
    ffi::replace_header(map as u32, name.as_bytes(), value)
}

/// Removes every header of the name.
pub(crate) fn remove(map: Map, name: &[u8]) -> Result<()> {
    ffi::remove_header(map as u32, name)
}

/// The ABI's serialisation: a count, the lengths of all keys and values, then the bytes, each
/// followed by a NUL.
pub(crate) fn serialise(pairs: &[(&str, &[u8])]) -> Vec<u8> {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut out = u32::try_from(pairs.len()).unwrap_or(u32::MAX).to_le_bytes().to_vec();
    for (name, value) in pairs {
        out.extend(length(name.as_bytes()));
        out.extend(length(value));
    }
    for (name, value) in pairs {
        out.extend(name.as_bytes());
        out.push(0);
        out.extend(*value);
        out.push(0);
    }
    out
}

/// The pairs up to the first that is cut short; a host that follows the ABI cuts none.
fn parse(bytes: &[u8]) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let Some((count, rest)) = split_u32(bytes) else { return pairs };
    let Some((mut lengths, mut data)) = rest.split_at_checked((count as usize).saturating_mul(8))
    else {
        return pairs;
    };
    while let Some((key_length, more)) = split_u32(lengths) {
        let Some((value_length, more)) = split_u32(more) else { break };
        let Some((key, after_key)) = split_terminated(data, key_length) else { break };
        let Some((value, after_value)) = split_terminated(after_key, value_length) else { break };
        pairs.push((key.to_vec(), value.to_vec()));
        (lengths, data) = (more, after_value);
    }
    pairs
}

fn split_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    bytes.split_first_chunk::<4>().map(|(number, rest)| (u32::from_le_bytes(*number), rest))
}

fn split_terminated(bytes: &[u8], length: u32) -> Option<(&[u8], &[u8])> {
    let (text, rest) = bytes.split_at_checked(length as usize)?;
    Some((text, rest.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_survive_the_way_to_the_host_and_back() {
        let pairs: [(&str, &[u8]); 3] = [("a", b"1"), ("empty", b""), ("bytes", &[0, 0xff, 0x80])];
        let read: Vec<(Vec<u8>, Vec<u8>)> = parse(&serialise(&pairs));
        let expected: Vec<_> =
            pairs.iter().map(|(k, v)| (k.as_bytes().to_vec(), v.to_vec())).collect();
        assert_eq!(read, expected);
    }

    #[test]
    fn bytes_that_are_cut_short_give_the_pairs_before_the_cut() {
        let whole = serialise(&[("a", b"1"), ("b", b"2")]);
        for end in 0..whole.len() {
            assert!(parse(&whole[..end]).len() < 2, "cut at {end}");
        }
        assert!(parse(&[0xff; 16]).is_empty());
    }
}
