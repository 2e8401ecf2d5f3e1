//! Counts bits by their place in a byte, for millions of bytes.
//!
//! Eight features of a byte are eight bits, and each bit must be counted apart. To unpack them
//! would cost more than to find them, so they are added up where they stand: a number is kept for
//! each bit of sixteen bytes, with its binary digits in separate vectors, and a whole vector is
//! added by logic alone, as a carry-save adder does it. Only when the digits run out, every
//! sixty kilobytes, they are counted and put away.

use wide::u8x16;

const DIGITS: usize = 12;
/// So many vectors fit into the digits.
const FULL: u32 = (1 << DIGITS) - 1;
/// At most so many bytes can be added at a time.
pub(super) const MOST: usize = 16 * 16;

/// Eight counters, one for each bit of a byte.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    /// The binary digits of the numbers not yet put away, ones first.
    digits: [u8x16; DIGITS],
    /// How many vectors they hold.
    vectors: u32,
    counts: [u64; 8],
}

impl Default for Tally {
    fn default() -> Self {
        Self { digits: [u8x16::ZERO; DIGITS], vectors: 0, counts: [0; 8] }
    }
}

impl Tally {
    /// Counts the bits of at most [`MOST`] bytes, given 64 at a time. Returns those that occurred.
    #[inline(always)]
    pub(super) fn add(&mut self, blocks: impl Iterator<Item = [u8x16; 4]>) -> u8x16 {
        if self.vectors + 16 > FULL {
            self.counts = self.counts();
            self.digits = [u8x16::ZERO; DIGITS];
            self.vectors = 0;
        }
        self.vectors += 16;
        let [mut ones, mut twos, mut fours, mut eights, ..] = self.digits;
        // 15 and 16 more carry once at most, so `or` is enough.
        let mut carried = u8x16::ZERO;
        let mut any = u8x16::ZERO;
        for [a, b, c, d] in blocks {
            any = any | (a | b) | (c | d);
            let first = add(&mut ones, a, b);
            let second = add(&mut ones, c, d);
            let carry = add(&mut twos, first, second);
            let carry = add_one(&mut fours, carry);
            carried |= add_one(&mut eights, carry);
        }
        let [a, b, c, d, others @ ..] = &mut self.digits;
        (*a, *b, *c, *d) = (ones, twos, fours, eights);
        others.iter_mut().fold(carried, |carry, digit| add_one(digit, carry));
        any
    }

    /// The counts, lowest bit first.
    pub(super) fn counts(&self) -> [u64; 8] {
        let mut counts = self.counts;
        if self.vectors == 0 {
            return counts;
        }
        let mut worth = 1;
        for mut digit in self.digits {
            if digit.simd_eq(u8x16::ZERO).to_bitmask() == 0xffff {
                worth *= 2;
                continue;
            }
            for count in counts.iter_mut().rev() {
                *count += u64::from(digit.to_bitmask().count_ones()) * worth;
                digit += digit;
            }
            worth *= 2;
        }
        counts
    }
}

/// Adds one vector to a digit, and returns what is carried to the next.
#[inline(always)]
fn add_one(digit: &mut u8x16, a: u8x16) -> u8x16 {
    let carry = *digit & a;
    *digit ^= a;
    carry
}

/// Adds two vectors to a digit, and returns what is carried to the next.
#[inline(always)]
fn add(digit: &mut u8x16, a: u8x16, b: u8x16) -> u8x16 {
    let either = *digit ^ a;
    let carry = (*digit & a) | (either & b);
    *digit = either ^ b;
    carry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_is_counted_apart_however_many_there_are() {
        let mut tally = Tally::default();
        let mut wanted = [0; 8];
        let mut state = 1_u32;
        for round in 0..1_000 {
            let bytes: [u8; 256] = std::array::from_fn(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // Long stretches of ones are what overflows digits.
                if round < 500 { 0xff } else { (state >> 24) as u8 }
            });
            for byte in bytes {
                for (bit, count) in wanted.iter_mut().enumerate() {
                    *count += u64::from(byte >> bit & 1);
                }
            }
            let blocks = bytes.as_chunks::<64>().0.iter().map(|block| {
                let (lanes, _) = block.as_chunks::<16>();
                [lanes[0], lanes[1], lanes[2], lanes[3]].map(u8x16::new)
            });
            tally.add(blocks);
            assert_eq!(tally.counts(), wanted, "after {round} additions");
        }
    }
}
