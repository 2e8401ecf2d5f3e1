//! Header maps: read whole in one call, edited one by one.
//!
//! One call that returns all pairs costs about as much as one that returns a single value, and a
//! filter needs four or five of them; so there is no way here to read a single header.

use std::ops::Range;

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

/// All headers of a map, as the host gave them: one allocation, and no copy of any of them.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    bytes: Vec<u8>,
}

impl Pairs {
    /// Takes the ABI's serialisation.
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// Names and values in order, as bytes: neither has to be UTF-8.
    ///
    /// They end before the first that is cut short; a host that follows the ABI cuts none.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let (count, rest) = split_u32(&self.bytes).unwrap_or_default();
        let (mut lengths, mut data) =
            rest.split_at_checked((count as usize).saturating_mul(8)).unwrap_or_default();
        std::iter::from_fn(move || {
            let (name_length, more) = split_u32(lengths)?;
            let (value_length, more) = split_u32(more)?;
            let (name, after_name) = split_terminated(data, name_length)?;
            let (value, after_value) = split_terminated(after_name, value_length)?;
            (lengths, data) = (more, after_value);
            Some((name, value))
        })
    }

    /// The same with the place of each value, for who wants to find it again without a search.
    pub(crate) fn places(&self) -> impl Iterator<Item = (&[u8], Range<usize>)> {
        let count = split_u32(&self.bytes).map_or(0, |(count, _)| count as usize);
        let mut at = count.saturating_mul(8).saturating_add(4);
        self.iter().map(move |(name, value)| {
            // Each is followed by a NUL.
            let start = at + name.len() + 1;
            at = start + value.len() + 1;
            (name, start..start + value.len())
        })
    }

    /// The bytes at a place.
    pub(crate) fn at(&self, place: Range<usize>) -> Option<&[u8]> {
        self.bytes.get(place)
    }
}

/// All headers, in order.
pub(crate) fn all(map: Map) -> Result<Pairs> {
    ffi::header_pairs(map as u32).map(Pairs::new)
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
        let read = Pairs::new(serialise(&pairs));
        assert!(read.iter().eq(pairs.iter().map(|(name, value)| (name.as_bytes(), *value))));
    }

    #[test]
    fn a_value_is_found_again_at_its_place() {
        let pairs = Pairs::new(serialise(&[("a", b"1"), ("empty", b""), ("last", b"two")]));
        let again: Vec<_> =
            pairs.places().map(|(name, place)| (name, pairs.at(place).unwrap())).collect();
        assert!(pairs.iter().eq(again));
    }

    #[test]
    fn bytes_that_are_cut_short_give_the_pairs_before_the_cut() {
        let whole = serialise(&[("a", b"1"), ("b", b"2")]);
        for end in 0..whole.len() {
            assert!(Pairs::new(whole[..end].to_vec()).iter().count() < 2, "cut at {end}");
        }
        assert_eq!(Pairs::new(vec![0xff; 16]).iter().count(), 0);
    }
}
