//! Counts the features of text that arrives in pieces of any size.
//!
//! A feature depends on a byte and the three before it. Those are all that is kept from piece to
//! piece, so the counts are the same however the text was cut.

use wide::u8x16;

use super::features::{Counts, Features, UNICODE_ESCAPE, groups};
use super::lookup::{BEFORE, Group, Window, bytes, has_foreign, windows};
use super::tally::{MOST, Tally};

const BLANKS: [u8; BEFORE] = [b' '; BEFORE];
const ESCAPES: Group = groups::escapes.following(bytes("5", "c"));

/// Counts the features of one text after another.
#[derive(Clone, Debug)]
pub(super) struct Counter {
    words: Tally,
    marks: Tally,
    /// Most prompts have nothing of it, and a counter that is not there need not be cleared and
    /// moved about for every request.
    rare: Option<Box<Rare>>,
    /// The last bytes; blanks before the first.
    last: [u8; BEFORE],
}

/// Features of texts that are not ASCII, or hide that they are not.
#[derive(Clone, Debug, Default)]
struct Rare {
    scripts: Tally,
    more_scripts: Tally,
    escapes: Tally,
}

impl Default for Counter {
    fn default() -> Self {
        Self { words: Tally::default(), marks: Tally::default(), rare: None, last: BLANKS }
    }
}

impl Counter {
    /// A counter for text that follows these bytes.
    pub(super) fn after(last: [u8; BEFORE]) -> Self {
        Self { last, ..Self::default() }
    }

    /// The last bytes.
    pub(super) fn last(&self) -> [u8; BEFORE] {
        self.last
    }

    /// What was counted until now.
    pub(super) fn features(&self) -> Features {
        let rare = |counts: fn(&Rare) -> [u64; 8]| self.rare.as_deref().map_or([0; 8], counts);
        Features::new(Counts {
            words: self.words.counts(),
            marks: self.marks.counts(),
            scripts: rare(|rare| rare.scripts.counts()),
            more_scripts: rare(|rare| rare.more_scripts.counts()),
            escapes: rare(|rare| rare.escapes.counts()),
        })
    }

    /// The text ends: what comes next is not its neighbour.
    pub(super) fn end(&mut self) {
        self.last = BLANKS;
    }

    /// Counts the next bytes.
    pub(super) fn feed(&mut self, text: &[u8]) {
        let (head, tail) = text.split_at(text.len().min(64));
        let last = self.last;
        self.partial(last, head);
        if tail.is_empty() {
            return;
        }
        // From here on, the text itself holds the bytes before each window.
        let mut rest = text.get(64 - BEFORE..).unwrap_or_default();
        while rest.len() >= BEFORE + 64 {
            let whole = (rest.len() - BEFORE) / 64 * 64;
            let (stretch, _) = rest.split_at(whole.min(MOST) + BEFORE);
            self.stretch(stretch);
            rest = rest.get(stretch.len() - BEFORE..).unwrap_or_default();
        }
        if let Some((last, new)) = rest.split_first_chunk() {
            self.partial(*last, new);
        }
    }

    /// Counts at most 64 bytes. The rest of the window is zero, which is in no feature's set.
    fn partial(&mut self, last: [u8; BEFORE], new: &[u8]) {
        let mut window: Window = [0; BEFORE + 64];
        let (before, place) = window.split_at_mut(BEFORE);
        before.copy_from_slice(&last);
        if let Some(place) = place.get_mut(..new.len()) {
            place.copy_from_slice(new);
        }
        if let Some(last) = window.get(new.len()..).and_then(<[u8]>::first_chunk) {
            self.last = *last;
        }
        if !new.is_empty() {
            self.stretch(&window);
        }
    }

    /// Counts at most [`MOST`] bytes, all in windows.
    fn stretch(&mut self, text: &[u8]) {
        count(&mut self.words, groups::words, text);
        let marks = count(&mut self.marks, groups::marks, text);
        if has_foreign(text) {
            let rare = self.rare.get_or_insert_default();
            count(&mut rare.scripts, groups::scripts, text);
            count(&mut rare.more_scripts, groups::more_scripts, text);
        }
        let is_unicode = u8x16::splat(UNICODE_ESCAPE);
        let begun =
            text.starts_with(br"\u") || text.get(1..).is_some_and(|t| t.starts_with(br"\u"));
        if begun || (marks & is_unicode).simd_eq(is_unicode).to_bitmask() != 0 {
            let rare = self.rare.get_or_insert_default();
            count(&mut rare.escapes, ESCAPES, text);
        }
    }
}

#[inline(always)]
fn count(tally: &mut Tally, group: Group, text: &[u8]) -> u8x16 {
    tally.add(windows(text).map(|window| group.features(window)))
}

#[cfg(test)]
mod tests;
