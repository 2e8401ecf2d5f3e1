//! What a character is to the patterns that cut text into pieces.

/// The class of a character, by the numbers of `build/classes.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Class(u8);

impl Class {
    /// Punctuation, symbols, control characters, what has no meaning yet.
    pub(super) const MARK: Self = Self(0);
    /// White space that ends no line.
    pub(super) const SPACE: Self = Self(1);
    /// CR or LF.
    pub(super) const NEWLINE: Self = Self(2);
    /// A capital, or a title letter.
    pub(super) const UPPER: Self = Self(3);
    /// A small letter.
    pub(super) const LOWER: Self = Self(4);
    /// A letter of a script without cases, or a modifier.
    pub(super) const LETTER: Self = Self(5);
    /// A mark that combines with the letter before.
    pub(super) const COMBINING: Self = Self(6);
    /// A digit or another number.
    pub(super) const NUMBER: Self = Self(7);
}

static INDEX: &[u8; 0x1100] = include_bytes!(concat!(env!("OUT_DIR"), "/classes.index"));
static BLOCKS: &[[u8; 256]] =
    include_bytes!(concat!(env!("OUT_DIR"), "/classes.blocks")).as_chunks().0;

/// A character of a text: its class, and where the next one begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Char {
    pub(super) class: Class,
    pub(super) end: usize,
}

/// The character that begins at a place; `None` where the text ends, or cuts it.
#[inline(always)]
pub(super) fn char_at(text: &[u8], at: usize) -> Option<Char> {
    let byte = *text.get(at)?;
    if byte < 0x80 {
        // The first block is ASCII's and Latin-1's.
        return Some(Char { class: class(0, byte), end: at + 1 });
    }
    long_char(text, at)
}

fn long_char(text: &[u8], at: usize) -> Option<Char> {
    let low = |byte: u8| u32::from(byte & 63);
    let (code, width) = match *text.get(at..)? {
        [a @ ..0xe0, b, ..] => (u32::from(a & 31) << 6 | low(b), 2),
        [a @ 0xe0..0xf0, b, c, ..] => (u32::from(a & 15) << 12 | low(b) << 6 | low(c), 3),
        [a, b, c, d, ..] => (u32::from(a & 7) << 18 | low(b) << 12 | low(c) << 6 | low(d), 4),
        _ => return None,
    };
    let block = INDEX.get((code >> 8) as usize).copied().unwrap_or_default();
    Some(Char { class: class(usize::from(block), code as u8), end: at + width })
}

#[inline(always)]
fn class(block: usize, at: u8) -> Class {
    Class(
        BLOCKS.get(block).and_then(|block| block.get(usize::from(at))).copied().unwrap_or_default(),
    )
}
