//! Sets of bytes that are recognised for sixteen bytes at once.
//!
//! A byte is in a set if its high hexadecimal digit is in one set of digits and its low one in
//! another. Eight such sets make a table of sixteen bytes for each of the two digits, with one bit
//! a set; two shuffles and an `and` then say of sixteen bytes which of eight sets each is in.

use wide::u8x16;

/// A set of bytes: one bit for each hexadecimal digit that may stand in each place.
#[derive(Clone, Copy)]
pub(super) struct Bytes {
    high: u16,
    low: u16,
}

/// A set by its high and its low digits, such as `"46"` and `"1-f"`.
pub(super) const fn bytes(high: &str, low: &str) -> Bytes {
    Bytes { high: digits(high.as_bytes()), low: digits(low.as_bytes()) }
}

const fn digits(mut text: &[u8]) -> u16 {
    let mut set = 0;
    loop {
        (set, text) = match text {
            [first, b'-', last, rest @ ..] => (set | up_to(*last) & !(up_to(*first) >> 1), rest),
            [digit, rest @ ..] => (set | up_to(*digit) & !(up_to(*digit) >> 1), rest),
            [] => return set,
        };
    }
}

/// The digits up to this one.
const fn up_to(digit: u8) -> u16 {
    let value = if digit >= b'a' { digit - b'a' + 10 } else { digit - b'0' };
    u16::MAX >> (15 - value)
}

/// Which of eight sets a byte is in, by its digits.
#[derive(Clone, Copy)]
struct Lookup {
    high: u8x16,
    low: u8x16,
    /// Some set depends on the low digit.
    needs_low: bool,
}

impl Lookup {
    const fn new(sets: [Bytes; 8]) -> Self {
        let (mut high, mut low) = (0_u128, 0_u128);
        let mut needs_low = false;
        let mut rest: &[Bytes] = &sets;
        let mut bit = 0;
        while let [set, others @ ..] = rest {
            high |= spread(set.high) << bit;
            low |= spread(set.low) << bit;
            needs_low |= set.low != u16::MAX;
            bit += 1;
            rest = others;
        }
        let (high, low) = (high.to_le_bytes(), low.to_le_bytes());
        Self { high: u8x16::new(high), low: u8x16::new(low), needs_low }
    }

    #[inline(always)]
    fn sets(self, digits: Digits) -> u8x16 {
        let high = self.high.shuffle(digits.high);
        if self.needs_low { high & self.low.shuffle(digits.low) } else { high }
    }
}

/// Puts each bit into a byte of its own.
const fn spread(set: u16) -> u128 {
    let mut bytes = 0;
    let mut digit = 0;
    while digit < 16 {
        bytes |= ((set >> digit & 1) as u128) << (8 * digit);
        digit += 1;
    }
    bytes
}

/// The hexadecimal digits of sixteen bytes.
#[derive(Clone, Copy)]
struct Digits {
    high: u8x16,
    low: u8x16,
}

impl Digits {
    #[inline(always)]
    fn of(bytes: u8x16) -> Self {
        Self { high: bytes >> 4_u32, low: bytes & u8x16::splat(15) }
    }
}

/// Eight features: bytes of a set after bytes of a second, after bytes of a third.
#[derive(Clone, Copy)]
pub(super) struct Group {
    /// What stands before these, if it matters.
    first: Option<Lookup>,
    before: Lookup,
    after: Lookup,
    at: Lookup,
    needs_before: bool,
}

impl Group {
    pub(super) const fn new(before: [Bytes; 8], after: [Bytes; 8], at: [Bytes; 8]) -> Self {
        let mut needs_before = false;
        let mut rest: &[Bytes] = &before;
        while let [set, others @ ..] = rest {
            needs_before |= set.high != u16::MAX || set.low != u16::MAX;
            rest = others;
        }
        let (before, after, at) = (Lookup::new(before), Lookup::new(after), Lookup::new(at));
        Self { first: None, before, after, at, needs_before }
    }

    /// The same after a byte of a set.
    pub(super) const fn following(self, set: Bytes) -> Self {
        Self { first: Some(Lookup::new([set; 8])), ..self }
    }

    /// Which of the features each of 64 bytes has.
    #[inline(always)]
    pub(super) fn features(self, window: &Window) -> [u8x16; 4] {
        // Not `map` on an array: it is not always inlined, and then costs more than the lookup.
        [self.lane(window, 0), self.lane(window, 16), self.lane(window, 32), self.lane(window, 48)]
    }

    #[inline(always)]
    fn lane(self, window: &Window, at: usize) -> u8x16 {
        let here = self.at.sets(Digits::of(lane(window, at + 3)));
        let mut features = here & self.after.sets(Digits::of(lane(window, at + 2)));
        if self.needs_before {
            features &= self.before.sets(Digits::of(lane(window, at + 1)));
        }
        match self.first {
            Some(first) => features & first.sets(Digits::of(lane(window, at))),
            None => features,
        }
    }
}

/// So many bytes before a byte decide what it is.
pub(super) const BEFORE: usize = 3;

/// 64 bytes with those before them in front.
pub(super) type Window = [u8; BEFORE + 64];

/// The windows of a text, whose first three bytes are only looked back at.
#[inline(always)]
pub(super) fn windows(text: &[u8]) -> impl Iterator<Item = &Window> {
    let mut rest = text;
    std::iter::from_fn(
        #[inline(always)]
        move || {
            let window = rest.first_chunk()?;
            rest = rest.get(64..)?;
            Some(window)
        },
    )
}

/// Sixteen bytes from a place on, which is at most 51.
#[inline(always)]
fn lane(window: &Window, at: usize) -> u8x16 {
    let bytes = window.get(at..).and_then(<[u8]>::first_chunk::<16>);
    bytes.map_or(u8x16::ZERO, |bytes| u8x16::new(*bytes))
}

/// Whether any of the bytes, or the one before them, is not ASCII.
#[inline(always)]
pub(super) fn has_foreign(text: &[u8]) -> bool {
    let any = windows(text).fold(u8x16::ZERO, |any, window| {
        let middle = lane(window, 18) | lane(window, 34) | lane(window, 50);
        any | lane(window, 2) | middle | lane(window, 51)
    });
    any.to_bitmask() != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Bytes {
        fn has(self, byte: u8) -> bool {
            self.high >> (byte >> 4) & 1 == 1 && self.low >> (byte & 15) & 1 == 1
        }
    }

    fn members(set: Bytes) -> String {
        (0..128_u8).filter(|&byte| set.has(byte)).map(char::from).collect()
    }

    #[test]
    fn sets_are_given_by_digits_and_ranges_of_digits() {
        assert_eq!(members(bytes("46", "1-f")), "ABCDEFGHIJKLMNOabcdefghijklmno");
        assert_eq!(members(bytes("57", "0-a")), "PQRSTUVWXYZpqrstuvwxyz");
        assert_eq!(members(bytes("3", "0-9")), "0123456789");
        assert_eq!(members(bytes("24-6", "0")), " @P`");
        assert_eq!(bytes("0-f", "0-f").high, u16::MAX);
        assert_eq!(members(bytes("5", "c")), "\\");
    }

    #[test]
    fn a_group_tells_what_each_byte_is_by_itself_and_those_before_it() {
        let any = bytes("0-f", "0-f");
        let (letter, blank, mark) = (bytes("4-7", "0-f"), bytes("2", "0"), bytes("2", "1-f"));
        let sets = [
            (any, any, letter),
            (any, blank, letter),
            (letter, blank, letter),
            (mark, letter, blank),
            (any, any, bytes("c-f", "0-f")),
            (any, mark, mark),
            (any, letter, mark),
            (blank, blank, any),
        ];
        let group = Group::new(sets.map(|s| s.0), sets.map(|s| s.1), sets.map(|s| s.2));
        let mut state = 1_u32;
        let window: Window = std::array::from_fn(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b" a.Z\xc3\xe4 .(bz"[(state >> 24) as usize % 11]
        });
        for (group, first) in [(group, any), (group.following(mark), mark)] {
            let found = group.features(&window).into_iter().flat_map(u8x16::to_array);
            for (at, found) in found.enumerate() {
                let [f, b, a, h] = [0, 1, 2, 3].map(|place| window[at + place]);
                let wanted =
                    sets.iter().enumerate().fold(0, |bits, (bit, (before, after, here))| {
                        let has = first.has(f) && before.has(b) && after.has(a) && here.has(h);
                        bits | u8::from(has) << bit
                    });
                assert_eq!(found, wanted, "byte {at} of {window:?}");
            }
        }
    }
}
