//! The class of every character, as the patterns of the encodings see it.
//!
//! They come from the library that OpenAI's own encoder matches its patterns with, so that both
//! mean the same version of Unicode.

use std::error::Error;

use regex_syntax::hir::{Class, HirKind};

/// The number and the pattern of each class; what is in none is punctuation, class 0.
/// `src/exact/classes.rs` gives the numbers their names.
const CLASSES: [(u8, &str); 7] = [
    (1, r"[\s--[\r\n]]"),
    (2, r"[\r\n]"),
    (3, r"[\p{Lu}\p{Lt}]"),
    (4, r"\p{Ll}"),
    (5, r"[\p{Lm}\p{Lo}]"),
    (6, r"\p{M}"),
    (7, r"\p{N}"),
];

/// The class of each character in blocks of 256 that are kept once, and the block of each 256.
pub(super) fn blocks() -> Result<(Vec<u8>, Vec<u8>), Box<dyn Error>> {
    let mut classes = vec![0_u8; 0x11_0000];
    for (number, pattern) in CLASSES {
        let hir = regex_syntax::parse(pattern)?;
        let HirKind::Class(Class::Unicode(class)) = hir.kind() else {
            return Err(format!("{pattern} is no class of characters").into());
        };
        for range in class.ranges() {
            let range = range.start() as usize..=range.end() as usize;
            classes.get_mut(range).into_iter().flatten().for_each(|class| *class = number);
        }
    }
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut index = Vec::new();
    for block in classes.chunks(256) {
        let at = kept.iter().position(|known| *known == block).unwrap_or(kept.len());
        if at == kept.len() {
            kept.push(block);
        }
        index.push(u8::try_from(at)?);
    }
    Ok((index, kept.concat()))
}
