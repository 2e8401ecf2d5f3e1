//! Recognises events that differ from one before in little but their text.
//!
//! A stream's events are all alike: two hundred bytes that name the answer, the model and the place,
//! and a word of text. Once such an event was parsed, its bytes around the text are remembered. Another
//! one with the same bytes must mean the same, so it is compared instead, sixteen bytes at a time, and
//! only its text is looked at.
//!
//! Some members change from event to event and mean nothing here: counters, and the padding that hides
//! from eavesdroppers how long a word is. They are found by their names, which the grammar ignores
//! wherever they stand; what a string or a number of digits is replaced by is another one.
//!
//! # Why a quote and a name is a member
//! In JSON that was read, a quote without a backslash before it begins or ends a string. It cannot end
//! one here, because no letter may follow then; and the string that it begins is followed by a colon.
//!
//! # What is not recognised
//! Events that are cut by a frame's end, whose text is empty, or that say anything besides their text:
//! why the answer ended, a usage, an error. They are parsed, as is all else.

use memchr::memchr_iter;
use wide::u8x16;

use super::grammar::Channel;

/// Events with more bytes around their text are parsed.
const MOST: usize = 400;

/// So many places may differ.
const HOLES: usize = 6;

/// Members that mean nothing and change: numbers of digits, and strings.
const NUMBERS: [&[u8]; 3] = [b"\"created\":", b"\"index\":", b"\"sequence_number\":"];
const STRINGS: [&[u8]; 2] = [b"\"obfuscation\":", b"\"p\":"];

/// What may stand in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hole {
    /// The inside of the string that was generated.
    Text,
    /// That of another string.
    String,
    /// A number without a sign.
    Number,
}

/// An event without what changes.
#[derive(Clone, Debug)]
struct Template {
    bytes: Box<[u8]>,
    /// Where in these something else stands, in their order.
    holes: [Option<(u16, Hole)>; HOLES],
    channel: Channel,
}

/// Remembers one event.
#[derive(Clone, Debug, Default)]
pub(super) struct Learner {
    template: Option<Box<Template>>,
    /// So many events are let go by before another is remembered, and so many the time after that:
    /// where no two are alike, it would be for nothing.
    wait: u8,
    next_wait: u8,
}

/// An event that was recognised.
pub(super) struct Again<'a> {
    pub(super) channel: Channel,
    pub(super) text: &'a [u8],
    pub(super) rest: &'a [u8],
}

impl Learner {
    /// The event that the bytes begin with, if it is like the one that is remembered.
    #[inline]
    pub(super) fn recognise<'a>(&mut self, bytes: &'a [u8]) -> Option<Again<'a>> {
        let again = self.template.as_deref()?.take(bytes)?;
        self.wait = 0;
        self.next_wait = 0;
        Some(again)
    }

    /// Remembers an event with one text in it, which lies at this place.
    pub(super) fn learn(&mut self, event: &[u8], text: (usize, usize), channel: Channel) {
        if self.wait > 0 {
            self.wait -= 1;
            return;
        }
        self.wait = self.next_wait;
        self.next_wait = (self.next_wait * 2).clamp(1, 64);
        if let Some(template) = Template::of(event, text, channel) {
            self.template = Some(Box::new(template));
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.template.as_ref().map_or(0, |template| size_of::<Template>() + template.bytes.len())
    }
}

impl Template {
    fn of(event: &[u8], (at, length): (usize, usize), channel: Channel) -> Option<Self> {
        let end = at.checked_add(length)?;
        let (before, after) = (event.get(..at)?, event.get(end..)?);
        let is_string = before.ends_with(b"\"") && after.starts_with(b"\"");
        if !is_string || !after.ends_with(b"\n") || before.len() + after.len() > MOST {
            return None;
        }
        let mut template = Self { bytes: Box::default(), holes: [None; HOLES], channel };
        let mut holes = template.holes.iter_mut();
        let mut bytes = Vec::with_capacity(before.len() + after.len());
        let mut cut = |bytes: &Vec<u8>, hole| {
            let place = u16::try_from(bytes.len()).ok()?;
            *holes.next()? = Some((place, hole));
            Some(())
        };
        without_holes(before, &mut bytes, &mut cut)?;
        cut(&bytes, Hole::Text)?;
        without_holes(after, &mut bytes, &mut cut)?;
        template.bytes = bytes.into_boxed_slice();
        Some(template)
    }

    /// An event of this form at the beginning of the bytes.
    #[inline]
    fn take<'a>(&self, bytes: &'a [u8]) -> Option<Again<'a>> {
        let (mut rest, mut from, mut text) = (bytes, 0, None);
        for (to, hole) in self.holes.iter().flatten() {
            let to = usize::from(*to);
            rest = after_same(rest, self.bytes.get(from..to)?)?;
            let length = match hole {
                Hole::Text | Hole::String => inside_of_string(rest)?,
                Hole::Number => digits(rest)?,
            };
            let (inside, after) = rest.split_at_checked(length)?;
            if *hole == Hole::Text {
                text = Some(inside);
            }
            (rest, from) = (after, to);
        }
        rest = after_same(rest, self.bytes.get(from..)?)?;
        let text = text.filter(|text| !text.is_empty())?;
        Some(Again { channel: self.channel, text, rest })
    }
}

/// Copies a part of an event, and tells where it had something that changes. `None` if that is in too
/// many places.
fn without_holes(
    part: &[u8],
    bytes: &mut Vec<u8>,
    cut: &mut impl FnMut(&Vec<u8>, Hole) -> Option<()>,
) -> Option<()> {
    let mut from = 0;
    for quote in memchr_iter(b'"', part) {
        let is_escaped = quote.checked_sub(1).and_then(|at| part.get(at)) == Some(&b'\\');
        let Some((at, length, hole)) = hole_at(part, quote).filter(|_| !is_escaped) else {
            continue;
        };
        bytes.extend_from_slice(part.get(from..at)?);
        cut(bytes, hole)?;
        from = at + length;
    }
    bytes.extend_from_slice(part.get(from..)?);
    Some(())
}

/// Where the value of a member lies that changes, if its name begins here, and how long it is.
fn hole_at(part: &[u8], quote: usize) -> Option<(usize, usize, Hole)> {
    let name = part.get(quote..)?;
    let value_of = |names: &[&[u8]]| {
        let value = names.iter().find_map(|prefix| name.strip_prefix(*prefix))?;
        Some(value.strip_prefix(b" ").unwrap_or(value))
    };
    let place = |value: &[u8]| part.len() - value.len();
    if let Some(value) = value_of(&NUMBERS) {
        return Some((place(value), digits(value)?, Hole::Number));
    }
    let value = value_of(&STRINGS)?.strip_prefix(b"\"")?;
    Some((place(value), inside_of_string(value)?, Hole::String))
}

/// How many bytes come before the quote that ends a string; `None` if it does not end in this line.
#[inline]
fn inside_of_string(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = bytes.get(at..)?;
        at += match rest.first_chunk() {
            Some(chunk) => {
                let chunk = u8x16::new(*chunk);
                let is = |byte| chunk.simd_eq(u8x16::splat(byte));
                let any = is(b'"') | is(b'\\') | is(b'\n') | is(b'\r');
                match any.to_bitmask() {
                    0 => {
                        at += 16;
                        continue;
                    }
                    found => found.trailing_zeros() as usize,
                }
            }
            None => rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | b'\n' | b'\r'))?,
        };
        match (bytes.get(at)?, bytes.get(at + 1)) {
            (b'"', _) => return Some(at),
            (b'\\', Some(escaped)) if !matches!(escaped, b'\n' | b'\r') => at += 2,
            _ => return None,
        }
    }
}

/// How many bytes a number of digits has.
#[inline]
fn digits(bytes: &[u8]) -> Option<usize> {
    let length = bytes.iter().position(|byte| !byte.is_ascii_digit())?;
    (length == 1 || length > 1 && !bytes.starts_with(b"0")).then_some(length)
}

/// What follows `wanted`, if the bytes begin with it.
#[inline]
fn after_same<'a>(bytes: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    let (here, rest) = bytes.split_at_checked(wanted.len())?;
    let differs = |a: &[u8; 16], b: &[u8; 16]| u8x16::new(*a) ^ u8x16::new(*b);
    let is_same = match (here.last_chunk(), wanted.last_chunk()) {
        (Some(a), Some(b)) => {
            // The last sixteen bytes may be compared twice.
            let chunks = here.as_chunks().0.iter().zip(wanted.as_chunks().0);
            let any = chunks.fold(differs(a, b), |any, (a, b)| any | differs(a, b));
            any.simd_eq(u8x16::ZERO).to_bitmask() == 0xffff
        }
        _ => here.iter().zip(wanted).all(|(a, b)| a == b),
    };
    is_same.then_some(rest)
}

#[cfg(test)]
mod tests;
