//! Counts the tokens of one long piece, window by window.
//!
//! A piece is encoded as a whole, so its tokens could depend on each other over any distance. But
//! tokens side by side are the encoder's choice if and only if each two neighbours are, taken by
//! themselves: so two windows may be encoded apart if the second begins with a token of the first,
//! and makes the same token there. That is nearly always so at the first try; where it is not, a
//! place further back is tried. A text whose windows never agree (a chain of a thousand bytes of
//! which each depends on the next can be constructed) is counted as two, and called inexact.

use super::long::{Long, MOST};
use super::vocabulary::Vocabulary;

/// So much of a window's end depends on what follows: nearly always the first, hardly ever more.
const MARGINS: [usize; 4] = [64, 256, 512, 768];

/// The tokens of a piece longer than a window.
pub(super) fn count(vocabulary: &Vocabulary, mut text: &[u8], long: &mut Long) -> (u32, bool) {
    let mut tokens = 0;
    let mut is_exact = true;
    long.merge(vocabulary, text);
    while text.len() > MOST {
        let ends: Vec<usize> = long.ends().collect();
        let found = MARGINS.iter().find_map(|margin| {
            let at = ends.iter().rposition(|end| *end <= MOST - margin)?;
            let [begin, end, ..] = ends.get(at..)? else { return None };
            long.merge(vocabulary, text.get(*begin..)?);
            (long.ends().next() == Some(end - begin)).then_some((at + 1, *begin))
        });
        let (more, next) = found.unwrap_or_else(|| {
            is_exact = false;
            long.merge(vocabulary, text.get(MOST..).unwrap_or_default());
            (ends.len(), MOST)
        });
        tokens += more;
        text = text.get(next..).unwrap_or_default();
    }
    ((tokens + long.ends().count()) as u32, is_exact)
}
