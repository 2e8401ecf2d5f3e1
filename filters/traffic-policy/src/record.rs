//! What records in the proxy's shared data have in common.
//!
//! They outlive the code that wrote them, and may be met by an older or a newer one. So each begins with a
//! version, has numbers in little-endian order, and ends with a checksum; what cannot be read counts as
//! absent. A proxy never forgets a key, so names do not become keys: a hash of the name chooses one of a
//! fixed number of slots.

pub(crate) mod varint;

/// A number for a name, the same in every build.
pub fn fingerprint(name: &str) -> u64 {
    // FNV-1a, and a last stir, because the low bits alone choose the slot.
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (hash ^ hash >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ hash >> 32
}

/// The record with its checksum behind it.
pub(crate) fn seal(mut record: Vec<u8>) -> Vec<u8> {
    record.extend(checksum(&record).to_le_bytes());
    record
}

/// The record without its checksum; none if that is not its own.
pub(crate) fn open(bytes: &[u8]) -> Option<&[u8]> {
    let (record, sum) = bytes.split_last_chunk::<4>()?;
    (u32::from_le_bytes(*sum) == checksum(record)).then_some(record)
}

/// The next field of a record; none if it ends before.
pub(crate) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (field, behind) = rest.split_first_chunk::<N>()?;
    *rest = behind;
    Some(*field)
}

/// Against what was cut or written by another version, not against forgers. Eight bytes at a time: it is
/// made of every record that is read, and byte by byte it takes half of that time.
fn checksum(bytes: &[u8]) -> u32 {
    let mix = |hash: u64, word: [u8; 8]| {
        (hash.rotate_left(29) ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    };
    let (words, rest) = bytes.as_chunks();
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let hash = words.iter().fold(bytes.len() as u64, |hash, word| mix(hash, *word));
    let hash = mix(hash, last);
    (hash ^ hash >> 32) as u32
}
