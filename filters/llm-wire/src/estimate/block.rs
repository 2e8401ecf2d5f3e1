//! Says of 64 bytes at once which class each belongs to.
//!
//! A class is a 64-bit number with one bit for each byte. Runs, neighbours and lengths then are
//! shifts and ands on one register, which is why these masks are worth their making.

use wide::u8x16;

/// The classes of the bytes of a block; bit 0 is the first byte.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Block {
    pub(super) letter: u64,
    pub(super) capital: u64,
    pub(super) rare: u64,
    pub(super) h: u64,
    pub(super) digit: u64,
    /// Space and control characters.
    pub(super) blank: u64,
    pub(super) backslash: u64,
    /// Any byte of a non-ASCII character.
    pub(super) foreign: u64,
}

/// Those classes that matter only after a backslash.
#[derive(Clone, Copy, Debug)]
pub(super) struct Escapes {
    /// `n` and `r`.
    pub(super) line_end: u64,
    /// `t`.
    pub(super) tab: u64,
    /// `u`.
    pub(super) unicode: u64,
}

/// 64 bytes in registers.
#[derive(Clone, Copy)]
pub(super) struct Bytes([u8x16; 4]);

impl Bytes {
    #[inline(always)]
    pub(super) fn new(bytes: &[u8; 64]) -> Self {
        let mut lanes = [u8x16::ZERO; 4];
        for (lane, chunk) in lanes.iter_mut().zip(bytes.as_chunks::<16>().0) {
            *lane = u8x16::new(*chunk);
        }
        Self(lanes)
    }

    /// Collects the highest bit of what `class` makes of each byte.
    #[inline(always)]
    fn mask(self, class: impl Fn(u8x16) -> u8x16) -> u64 {
        let [a, b, c, d] = self.0.map(|lane| u64::from(class(lane).to_bitmask()));
        a | b << 16 | c << 32 | d << 48
    }

    /// Bytes from `first` on, `count` of them.
    #[inline(always)]
    fn range(self, first: u8, count: u8, fold: u8) -> u64 {
        // What lies in the range is lifted to at most 0x7f, what lies outside it beyond.
        let lift = u8x16::splat(0x80 - count);
        let (first, fold) = (u8x16::splat(first), u8x16::splat(fold));
        !self.mask(|lane| ((lane | fold) - first).saturating_add(lift))
    }

    #[inline(always)]
    fn equal(self, byte: u8) -> u64 {
        let byte = u8x16::splat(byte);
        self.mask(|lane| equal(lane, byte))
    }

    #[inline(always)]
    pub(super) fn classes(self) -> Block {
        let rare = |lane| {
            let jk = equal(lane | u8x16::splat(0x21), u8x16::splat(b'k'));
            let xz = equal(lane | u8x16::splat(0x22), u8x16::splat(b'z'));
            jk | xz
        };
        let h = |lane| equal(lane | u8x16::splat(0x20), u8x16::splat(b'h'));
        Block {
            letter: self.range(b'a', 26, 0x20),
            capital: self.range(b'A', 26, 0),
            rare: self.mask(rare),
            h: self.mask(h),
            digit: self.range(b'0', 10, 0),
            blank: self.range(0, b' ' + 1, 0),
            backslash: self.equal(b'\\'),
            foreign: self.mask(|lane| lane),
        }
    }

    #[inline(always)]
    pub(super) fn escapes(self) -> Escapes {
        let line_end = |lane| equal(lane, u8x16::splat(b'n')) | equal(lane, u8x16::splat(b'r'));
        Escapes { line_end: self.mask(line_end), tab: self.equal(b't'), unicode: self.equal(b'u') }
    }

    /// How many bytes are at least each of these, in ascending order.
    #[inline(always)]
    pub(super) fn at_least<const N: usize>(self, bounds: [u8; N]) -> [u32; N] {
        bounds.map(|bound| {
            let bound = u8x16::splat(bound);
            self.mask(|lane| equal(lane.max(bound), lane)).count_ones()
        })
    }
}

#[inline(always)]
fn equal(left: u8x16, right: u8x16) -> u8x16 {
    left.simd_eq(right)
}
