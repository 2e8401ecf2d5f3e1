//! Lists of pairs as they cross the boundary: header maps, and the map-valued properties.
//!
//! `u32le count | count times (u32le key length, u32le value length) | key NUL value NUL ...`
//!
//! Decoding is as strict and as silent as in Envoy: what is longer than [`BYTES_MAX`], has more
//! than [`COUNT_MAX`] pairs, is cut short, lacks a NUL or has bytes behind it counts as an *empty*
//! list, without an error. So a plugin that sets a header map which is too large wipes it.

/// Key and value; neither need be text.
pub type Pair = (Vec<u8>, Vec<u8>);

/// The largest list that a host reads from a guest, in bytes.
pub const BYTES_MAX: usize = 1024 * 1024;

/// The most pairs that a host reads from a guest.
pub const COUNT_MAX: usize = 1024;

/// Encodes a list for a guest; an empty list is no bytes at all.
#[must_use]
pub fn encode(pairs: &[Pair]) -> Vec<u8> {
    if pairs.is_empty() {
        return Vec::new();
    }
    let text: usize = pairs.iter().map(|(key, value)| key.len() + value.len() + 2).sum();
    let mut bytes = Vec::with_capacity(4 + 8 * pairs.len() + text);
    bytes.extend(length(pairs.len()));
    for (key, value) in pairs {
        bytes.extend(length(key.len()));
        bytes.extend(length(value.len()));
    }
    for (key, value) in pairs {
        for part in [key, value] {
            bytes.extend_from_slice(part);
            bytes.push(0);
        }
    }
    bytes
}

/// Lengths are those of a 32-bit guest; what does not fit cannot be stored in one either.
fn length(len: usize) -> [u8; 4] {
    u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes()
}

/// Decodes a guest's list; over the limits or malformed, it is empty.
#[must_use]
pub fn decode(bytes: &[u8]) -> Vec<Pair> {
    if bytes.len() > BYTES_MAX { Vec::new() } else { try_decode(bytes).unwrap_or_default() }
}

fn try_decode(bytes: &[u8]) -> Option<Vec<Pair>> {
    let (count, rest) = number(bytes)?;
    if count > COUNT_MAX {
        return None;
    }
    let (mut lengths, mut text) = rest.split_at_checked(8 * count)?;
    let mut pairs = Vec::with_capacity(count);
    for _ in 0..count {
        let (key_len, after_key) = number(lengths)?;
        let (value_len, after_value) = number(after_key)?;
        lengths = after_value;
        let (key, after_key) = terminated(text, key_len)?;
        let (value, after_value) = terminated(after_key, value_len)?;
        text = after_value;
        pairs.push((key.to_vec(), value.to_vec()));
    }
    text.is_empty().then_some(pairs)
}

fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((usize::try_from(u32::from_le_bytes(*number)).ok()?, rest))
}

fn terminated(bytes: &[u8], len: usize) -> Option<(&[u8], &[u8])> {
    let (part, rest) = bytes.split_at_checked(len)?;
    let (nul, rest) = rest.split_first()?;
    (*nul == 0).then_some((part, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pair(key: &[u8], value: &[u8]) -> Pair {
        (key.to_vec(), value.to_vec())
    }

    #[test]
    fn the_layout_is_the_specification_s() {
        let bytes = encode(&[pair(b"a", b"bc"), pair(b"", b"")]);
        assert_eq!(bytes, b"\x02\0\0\0\x01\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0a\0bc\0\0\0".to_vec());
    }

    #[test]
    fn an_empty_list_is_no_bytes_and_four_zero_bytes_are_an_empty_list() {
        assert!(encode(&[]).is_empty());
        assert!(decode(&[]).is_empty());
        assert!(decode(&[0; 4]).is_empty());
    }

    #[test]
    fn a_byte_behind_the_last_nul_empties_the_list() {
        let mut bytes = encode(&[pair(b"k", b"v")]);
        assert_eq!(decode(&bytes).len(), 1);
        bytes.push(0);
        assert!(decode(&bytes).is_empty());
    }

    #[test]
    fn a_missing_nul_empties_the_list() {
        let mut bytes = encode(&[pair(b"k", b"v")]);
        *bytes.last_mut().unwrap() = b'x';
        assert!(decode(&bytes).is_empty());
    }

    #[test]
    fn a_thousand_and_twenty_four_pairs_are_read_and_one_more_are_none() {
        assert_eq!(decode(&encode(&vec![pair(b"k", b"v"); COUNT_MAX])).len(), COUNT_MAX);
        assert!(decode(&encode(&vec![pair(b"k", b"v"); COUNT_MAX + 1])).is_empty());
    }

    #[test]
    fn a_list_over_a_megabyte_is_empty() {
        let overhead = encode(&[pair(b"k", b"")]).len();
        let fits = vec![b'v'; BYTES_MAX - overhead];
        assert_eq!(decode(&encode(&[pair(b"k", &fits)])).len(), 1);
        let larger = vec![b'v'; BYTES_MAX - overhead + 1];
        assert!(decode(&encode(&[pair(b"k", &larger)])).is_empty());
    }

    #[test]
    fn lengths_that_lie_empty_the_list() {
        let mut bytes = encode(&[pair(b"k", b"v")]);
        bytes[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(decode(&bytes).is_empty());
        bytes[0..4].copy_from_slice(&1000u32.to_le_bytes());
        assert!(decode(&bytes).is_empty());
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(pairs in proptest::collection::vec(any::<Pair>(), 0..20)) {
            prop_assert_eq!(decode(&encode(&pairs)), pairs);
        }

        #[test]
        fn no_bytes_make_the_decoder_fail(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode(&bytes);
        }
    }
}
