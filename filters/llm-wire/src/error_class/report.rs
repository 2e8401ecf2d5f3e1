//! What the JSON of an error says, as it comes.

use std::ops::Range;

use crate::json::{Content, Inside, Number, Reader, Scalar, Visitor};

/// The longest word that is known has 34 bytes; a number of a status has three.
const LONGEST_WORD: usize = 48;

/// What servers have to say they say at the beginning; what they quote comes later.
const LONGEST_MESSAGE: usize = 300;

/// Errors nest three levels. What is deeper is something else.
const MAX_DEPTH: usize = 64;

/// Reads one error report.
#[derive(Debug)]
pub(super) struct Report {
    reader: Reader,
    said: Said,
    /// What follows is not read.
    is_closed: bool,
}

/// What was found.
#[derive(Debug, Default)]
struct Said {
    open: Vec<Place>,
    named: Option<Place>,
    /// The place of the string that is being read.
    inside: Option<Place>,
    words: [Option<Vec<u8>>; WORDS],
    number: Option<u16>,
    message: Vec<u8>,
    /// The message is that of the error itself, not of what is around it.
    message_is_inner: bool,
    is_error: bool,
}

/// Where in the report something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Root,
    /// The object with the error in it: a response of Responses.
    Envelope,
    /// The error, as an object or as a string.
    Error,
    /// Azure's inner error.
    Inner,
    Word(Word),
    Message,
}

/// A field for programs, in the order in which they are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Code,
    InnerCode,
    Type,
    Status,
    /// The same two beside the error, or in its place.
    OuterCode,
    OuterType,
}

const WORDS: usize = 6;

impl Report {
    pub(super) fn new() -> Self {
        let reader = Reader::new(MAX_DEPTH, LONGEST_WORD);
        Self { reader, said: Said::default(), is_closed: false }
    }

    /// Reads on. What is no JSON any more says no more.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        self.is_closed = self.is_closed || self.reader.feed(bytes, &mut self.said).is_err();
    }

    /// What comes next is another report.
    pub(super) fn restart(&mut self) {
        *self = Self::new();
    }

    /// What comes next is none of it.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
    }

    pub(super) fn is_error(&self) -> bool {
        self.said.is_error
    }

    pub(super) fn words(&self) -> impl Iterator<Item = &[u8]> {
        self.said.words.iter().filter_map(Option::as_deref)
    }

    /// The status that stands in the report.
    pub(super) fn number(&self) -> Option<u16> {
        let in_words = || {
            let numbers =
                self.words().filter_map(|word| std::str::from_utf8(word).ok()?.parse().ok());
            numbers.into_iter().find(|number| is_status(*number))
        };
        self.said.number.or_else(in_words)
    }

    /// The beginning of the message as it stands in the JSON, lower-case, without what it quotes.
    pub(super) fn message(&self) -> Vec<u8> {
        let (mut out, mut quote, mut before) = (Vec::new(), None, b' ');
        for &byte in &self.said.message {
            let is_quote = matches!(byte, b'\'' | b'"' | b'`');
            match quote {
                Some(open) if byte == open => quote = None,
                Some(_) => {}
                // An apostrophe in a word opens nothing.
                None if is_quote && !before.is_ascii_alphanumeric() => quote = Some(byte),
                None => out.push(byte.to_ascii_lowercase()),
            }
            before = byte;
        }
        out
    }
}

impl Said {
    fn place(&self) -> Option<Place> {
        if self.open.is_empty() { Some(Place::Root) } else { self.named }
    }

    fn message_begins(&mut self, is_inner: bool) -> Content {
        if !self.message.is_empty() && self.message_is_inner >= is_inner {
            return Content::Nothing;
        }
        self.message.clear();
        self.message_is_inner = is_inner;
        self.inside = Some(Place::Message);
        Content::Bytes
    }

    fn is_inner(&self) -> bool {
        self.open.last() == Some(&Place::Error)
    }
}

impl Visitor for Said {
    fn key(&mut self, key: Option<&[u8]>) {
        self.named = key.zip(self.open.last()).and_then(|(key, object)| member(*object, key));
    }

    fn object(&mut self, _: u64) -> Inside {
        match self.place() {
            Some(place @ (Place::Root | Place::Envelope | Place::Error | Place::Inner)) => {
                self.is_error |= place == Place::Error;
                self.open.push(place);
                Inside::Events
            }
            _ => Inside::Nothing,
        }
    }

    fn array(&mut self) -> Inside {
        Inside::Nothing
    }

    fn close(&mut self) {
        self.open.pop();
    }

    fn string(&mut self) -> Content {
        match self.place() {
            Some(place @ Place::Word(_)) => {
                self.inside = Some(place);
                Content::Value
            }
            Some(Place::Error) => {
                self.is_error = true;
                self.message_begins(true)
            }
            Some(Place::Message) => self.message_begins(self.is_inner()),
            _ => Content::Nothing,
        }
    }

    fn value(&mut self, value: Option<&[u8]>, _: Range<u64>) {
        let (Some(Place::Word(word)), Some(value)) = (self.inside, value) else { return };
        self.is_error |= matches!(value, b"error" | b"response.failed");
        if let Some(place) = self.words.get_mut(word as usize) {
            *place = Some(value.to_vec());
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let room = LONGEST_MESSAGE.saturating_sub(self.message.len());
        self.message.extend(bytes.iter().take(room));
    }

    fn bytes_end(&mut self) {}

    fn scalar(&mut self, scalar: Scalar, _: Range<u64>) {
        if let (Some(Place::Word(_)), Scalar::Number(number)) = (self.place(), scalar) {
            self.number = status_of(number).or(self.number);
        }
    }
}

fn member(object: Place, name: &[u8]) -> Option<Place> {
    let word = |word| Some(Place::Word(word));
    match (object, name) {
        (Place::Root | Place::Envelope, b"error") => Some(Place::Error),
        (Place::Root, b"response") => Some(Place::Envelope),
        (Place::Root, b"message" | b"detail") | (Place::Error, b"message") => Some(Place::Message),
        (Place::Root, b"code" | b"statusCode") => word(Word::OuterCode),
        (Place::Root, b"type" | b"error_type" | b"object") => word(Word::OuterType),
        (Place::Error, b"code") => word(Word::Code),
        (Place::Error, b"type") => word(Word::Type),
        (Place::Error, b"status") => word(Word::Status),
        (Place::Error, b"innererror" | b"inner_error") => Some(Place::Inner),
        (Place::Inner, b"code") => word(Word::InnerCode),
        _ => None,
    }
}

fn status_of(number: Number) -> Option<u16> {
    number.count().and_then(|n| u16::try_from(n).ok()).filter(|n| is_status(*n))
}

fn is_status(number: u16) -> bool {
    (400..600).contains(&number)
}
