//! The parts that joining begins with.
//!
//! The encoder begins with single bytes. A character of two or three bytes is put together from
//! them first, unless a join across its border comes earlier; where no such join has a rank below
//! the character's own, it may as well be there from the beginning. In Chinese that saves up
//! to two joins for each character.

use super::vocabulary::{NONE, Vocabulary};

/// Calls `part` for each part: its place, its token, and what it joins to with the next one.
#[inline(always)]
pub(super) fn split(vocabulary: &Vocabulary, text: &[u8], mut part: impl FnMut(usize, u32, u32)) {
    let mut at = 0;
    let mut last: Option<(usize, u32, u8)> = None;
    while let Some(&byte) = text.get(at) {
        let whole = if byte < 0xc2 { None } else { char(vocabulary, text, at) };
        let (token, width) = whole.unwrap_or_else(|| (vocabulary.byte(byte), 1));
        if let Some((place, before, single)) = last {
            let join = if width == 1 && place + 1 == at {
                vocabulary.two_bytes(single, byte)
            } else {
                vocabulary.join(before, token)
            };
            part(place, before, join);
        }
        last = Some((at, token, byte));
        at += width;
    }
    if let Some((place, token, _)) = last {
        part(place, token, NONE);
    }
}

/// The token and the length of the character that begins here, if it can begin as a whole.
#[inline(always)]
fn char(vocabulary: &Vocabulary, text: &[u8], at: usize) -> Option<(u32, usize)> {
    let (code, width) = match *text.get(at..)? {
        [first @ 0xc2..0xe0, second, ..] => {
            (u32::from(first & 31) << 6 | u32::from(second & 63), 2)
        }
        [first @ 0xe0..0xf0, second, third, ..] => {
            let code = u32::from(first & 15) << 12 | u32::from(second & 63) << 6;
            (code | u32::from(third & 63), 3)
        }
        _ => return None,
    };
    let first = *text.get(at)?;
    let last = *text.get(at + width - 1)?;
    let before = at.checked_sub(1).and_then(|before| text.get(before));
    let before = before.map_or(NONE, |before| vocabulary.straddler(*before, first));
    let after = text.get(at + width).map_or(NONE, |after| vocabulary.straddler(last, *after));
    let token = vocabulary.char(code, before, after);
    (token != NONE).then_some((token, width))
}
