//! Counts features of JSON-escaped text that arrives in pieces of any size.
//!
//! Everything counted depends on a byte and on what stands before it, never on what follows, and
//! of what stands before it the last 64 bits of each class are kept. So the counts are the same
//! however the text was cut.
//!
//! An escape is one character: its backslash belongs to no class, its second byte to that of the
//! character meant, and what stands "before" that byte is what stands before the backslash.

use super::block::{Block, Bytes};
use super::features::Features;

/// A class in the block and in the 64 bytes before it.
#[derive(Clone, Copy)]
struct Class {
    now: u64,
    past: u64,
    /// Second bytes of escapes.
    escaped: u64,
}

impl Class {
    /// Bytes with one of this class so many bytes before them.
    #[inline(always)]
    fn bytes_before(self, distance: u32) -> u64 {
        self.now << distance | self.past >> (64 - distance)
    }

    /// Characters with one of this class before them.
    #[inline(always)]
    fn before(self) -> u64 {
        let plain = self.bytes_before(1);
        if self.escaped == 0 {
            return plain;
        }
        plain & !self.escaped | self.bytes_before(2) & self.escaped
    }

    /// Characters of this class with none before them.
    #[inline(always)]
    fn starts(self) -> u64 {
        self.now & !self.before()
    }
}

/// The classes of the 64 bytes before a block; bit 63 is the last one.
#[derive(Clone, Copy, Debug, Default)]
struct Past {
    letter: u64,
    small: u64,
    digit: u64,
    blank: u64,
    blank_pair: u64,
    mark: u64,
    mark_start: u64,
    line_end: u64,
    foreign: u64,
    /// Backslashes that begin an escape.
    opener: u64,
    /// The `u` of `\u`.
    unicode: u64,
}

/// Counts the features of one text after another.
#[derive(Clone, Debug, Default)]
pub(super) struct TextCounter {
    features: Features,
    past: Past,
    /// The last byte, which may be the first digit of a `\u` escape.
    last: u8,
}

impl TextCounter {
    /// What was counted until now.
    pub(super) fn features(&self) -> &Features {
        &self.features
    }

    /// The text ends: what comes next is not its neighbour.
    pub(super) fn end(&mut self) {
        self.past = Past::default();
        self.last = 0;
    }

    /// Counts the next bytes.
    pub(super) fn feed(&mut self, text: &[u8]) {
        let (blocks, rest) = text.as_chunks::<64>();
        for block in blocks {
            self.block(block, 64);
        }
        if !rest.is_empty() {
            let mut block = [0; 64];
            for (to, from) in block.iter_mut().zip(rest) {
                *to = *from;
            }
            // At most 63, so the conversion cannot fail.
            self.block(&block, u32::try_from(rest.len()).unwrap_or_default());
        }
    }

    /// Counts the first `length` bytes of a block; there is at least one.
    #[inline(always)]
    fn block(&mut self, block: &[u8; 64], length: u32) {
        let bytes = Bytes::new(block);
        let valid = u64::MAX >> (64 - length);
        let classes = bytes.classes();
        let mut now = Past::default();
        let mut plain = valid;
        let mut escaped = 0;
        if classes.backslash != 0 || self.past.is_in_escape() {
            (plain, escaped) = self.escapes(block, bytes, &classes, valid, &mut now);
        }
        now.letter = classes.letter & plain;
        now.small = now.letter & !classes.capital;
        now.digit = classes.digit & plain;
        now.blank |= classes.blank & plain;
        now.foreign |= classes.foreign & plain;
        now.mark |= plain & !(now.letter | now.digit | now.blank | now.foreign);
        self.tally(&classes, &mut now, escaped);
        if classes.foreign & valid != 0 {
            self.foreign(bytes);
        }
        self.past = self.past.then(&now, length);
        self.last = last(block, length);
    }

    /// Tells escapes from plain bytes, and gives their second bytes their class.
    ///
    /// Returns the plain bytes, and the second bytes of escapes.
    #[inline(always)]
    fn escapes(
        &mut self,
        block: &[u8; 64],
        bytes: Bytes,
        classes: &Block,
        valid: u64,
        now: &mut Past,
    ) -> (u64, u64) {
        let pending = self.past.opener >> 63;
        now.opener = openers(classes.backslash & valid, pending);
        let escaped = (now.opener << 1 | pending) & valid;
        let meant = bytes.escapes();
        now.line_end = meant.line_end & escaped;
        now.blank = meant.tab & escaped;
        now.unicode = meant.unicode & escaped;
        now.mark = escaped & !(now.line_end | now.blank | now.unicode);
        let mut plain = valid & !(now.opener | escaped);
        let unicode = Class { now: now.unicode, past: self.past.unicode, escaped: 0 };
        let [first, second, third, fourth] = [1, 2, 3, 4].map(|n| unicode.bytes_before(n) & valid);
        let digits = first | second | third | fourth;
        if now.unicode | digits != 0 {
            plain &= !digits;
            now.foreign = now.unicode | digits;
            self.unicode_escapes(block, second);
        }
        (plain, escaped)
    }

    /// Counts what can be told from the classes alone.
    #[inline(always)]
    fn tally(&mut self, classes: &Block, now: &mut Past, escaped: u64) {
        let class = |now, past| Class { now, past, escaped };
        let past = &self.past;
        let letter = class(now.letter, past.letter);
        let digit = class(now.digit, past.digit);
        let blank = class(now.blank, past.blank);
        let mark = class(now.mark, past.mark);
        let line_end = class(now.line_end, past.line_end);
        let foreign = class(now.foreign, past.foreign);

        now.mark_start = mark.starts();
        let mark_start = class(now.mark_start, past.mark_start);
        now.blank_pair = blank.now & blank.before();
        let blank_pair = class(now.blank_pair, past.blank_pair);

        let word = letter.starts();
        let late = letter.bytes_before(1)
            & letter.bytes_before(2)
            & letter.bytes_before(3)
            & letter.bytes_before(4);
        let small_before = class(now.small, past.small).before();
        let line_end_run = line_end.starts();

        let f = &mut self.features;
        f.letters += count(letter.now);
        f.late_letters += count(letter.now & late);
        f.rare_letters += count(classes.rare & letter.now);
        f.h_letters += count(classes.h & letter.now);
        f.words += count(word & !foreign.before());
        f.glued_words += count(word & (mark.before() | digit.before()));
        f.marked_words += count(word & mark_start.before());
        f.switches += count(word & foreign.before());
        f.humps += count(classes.capital & letter.now & small_before);
        f.digits += count(digit.now);
        f.numbers += count(digit.starts());
        f.marks += count(mark.now);
        f.mark_runs += count(now.mark_start);
        f.spaced_marks += count(now.mark_start & blank.before());
        f.indents += count(blank_pair.starts());
        f.line_ends += count(line_end.now);
        f.line_end_runs += count(line_end_run);
        f.marked_line_ends += count(line_end_run & mark.before());
        f.foreign_runs += count(foreign.starts());
    }

    /// Counts non-ASCII characters by script, which their first byte tells well enough.
    #[inline(always)]
    fn foreign(&mut self, bytes: Bytes) {
        let bounds = [0xc0, 0xca, 0xd6, 0xe0, 0xe1, 0xe2, 0xe3, 0xe4, 0xea, 0xee, 0xf0];
        let [latin, greek, semitic, indic, far_latin, symbols, kana, han, hangul, other, astral] =
            bytes.at_least(bounds).map(u64::from);
        let f = &mut self.features;
        f.latin += latin - greek;
        f.greek += greek - semitic;
        f.semitic += semitic - indic;
        f.indic += indic - far_latin;
        f.far_latin += far_latin - symbols;
        f.symbols += symbols - kana;
        f.kana += kana - han;
        f.han += han - hangul;
        f.hangul += hangul - other;
        f.compatibility += other - astral;
        f.astral += astral;
    }

    /// Counts characters written as `\uXXXX`, told by their first two digits.
    ///
    /// `second` are the places of the second ones.
    #[inline(always)]
    fn unicode_escapes(&mut self, block: &[u8; 64], mut second: u64) {
        while second != 0 {
            let at = second.trailing_zeros();
            second &= second - 1;
            let high = if at == 0 { self.last } else { last(block, at) };
            let low = last(block, at + 1);
            let f = &mut self.features;
            let (count, amount) = match (high, low) {
                (b'0', b'0'..=b'2') => (&mut f.latin, 1),
                (b'0', b'3'..=b'5') => (&mut f.greek, 1),
                (b'0', b'6'..=b'8') => (&mut f.semitic, 1),
                (b'0', _) => (&mut f.indic, 1),
                (b'1', _) => (&mut f.far_latin, 1),
                (b'2', _) => (&mut f.symbols, 1),
                (b'3', _) => (&mut f.kana, 1),
                (b'4'..=b'9', _) => (&mut f.han, 1),
                // Half of a pair: the other half adds nothing.
                (b'd' | b'D', b'8'..=b'9' | b'a' | b'b' | b'A' | b'B') => (&mut f.astral, 1),
                (b'd' | b'D', b'c'..=b'f' | b'C'..=b'F') => (&mut f.astral, 0),
                (b'a'..=b'd' | b'A'..=b'D', _) => (&mut f.hangul, 1),
                _ => (&mut f.compatibility, 1),
            };
            *count += amount;
        }
    }
}

impl Past {
    /// The next byte may belong to an escape that began before it.
    fn is_in_escape(&self) -> bool {
        self.opener >> 63 != 0 || self.unicode >> 60 != 0
    }

    /// What is past after `length` more bytes.
    #[inline(always)]
    fn then(&self, now: &Self, length: u32) -> Self {
        if length == 64 {
            return *now;
        }
        let join = |past: u64, now: u64| past >> length | now << (64 - length);
        Self {
            letter: join(self.letter, now.letter),
            small: join(self.small, now.small),
            digit: join(self.digit, now.digit),
            blank: join(self.blank, now.blank),
            blank_pair: join(self.blank_pair, now.blank_pair),
            mark: join(self.mark, now.mark),
            mark_start: join(self.mark_start, now.mark_start),
            line_end: join(self.line_end, now.line_end),
            foreign: join(self.foreign, now.foreign),
            opener: join(self.opener, now.opener),
            unicode: join(self.unicode, now.unicode),
        }
    }
}

/// Which backslashes begin an escape, if the first byte is (`pending`) itself escaped or not.
#[inline(always)]
fn openers(backslashes: u64, pending: u64) -> u64 {
    if backslashes & (backslashes << 1 | pending) == 0 {
        return backslashes;
    }
    let mut left = backslashes & !pending;
    let mut openers = 0;
    while left != 0 {
        let opener = left & left.wrapping_neg();
        openers |= opener;
        left &= !(opener | opener << 1);
    }
    openers
}

/// The last of the first `length` bytes.
#[inline(always)]
fn last(block: &[u8; 64], length: u32) -> u8 {
    usize::try_from(length)
        .ok()
        .and_then(|length| block.get(length.wrapping_sub(1)))
        .copied()
        .unwrap_or_default()
}

#[inline(always)]
fn count(mask: u64) -> u64 {
    u64::from(mask.count_ones())
}

#[cfg(test)]
mod tests;
