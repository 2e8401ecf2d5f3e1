//! Reads JSON that arrives in pieces, and tells a visitor what it meets.
//!
//! # Why not a parser from a crate
//! Every JSON crate wants the document in one slice, or builds a value of it. A proxy sees the
//! body in frames, may not hold it, and is interested in a handful of fields; the rest must cost
//! next to nothing. So this reader keeps a state between slices, runs over strings with SIMD
//! search, and lets the visitor say of each value whether it wants to look inside, to get its
//! bytes, or neither.
//!
//! # What is checked
//! The structure is checked as RFC 8259 demands: brackets, commas, colons, literals, numbers. So
//! are the escapes of strings that are decoded: member names and captured values.
//! The inside of other strings is not: an unknown escape, a control character or invalid UTF-8 in
//! a megabyte of prompt is the server's to refuse, and finding it would mean to look at every
//! byte twice. A UTF-8 byte order mark at the beginning is passed over, because Python servers
//! do so; `NaN` and `Infinity`, which they also take, are refused.
//!
//! # Limits
//! Nesting deeper than `max_depth` and captured strings longer than `max_capture` are the only
//! things that would need memory. The first ends the reading, the second loses only that value.

mod capture;
mod malformed;
mod number;
mod strings;
mod visitor;

use std::ops::Range;

use capture::Capture;
pub use malformed::Malformed;
pub(crate) use number::Number;
use number::after_number;
use strings::Strings;
pub(crate) use visitor::{Content, Inside, Scalar, Visitor};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// At the very beginning, where these bytes of a byte order mark may still come.
    Start(&'static [u8]),
    /// Before the outermost value.
    Outermost,
    /// A value must follow.
    Value,
    /// After `[`: a value or `]`.
    FirstElement,
    /// After `{`: a name or `}`.
    FirstKey,
    /// After a comma in an object: a name.
    Key,
    /// After a name: a colon.
    Colon,
    /// After a value: a comma or the closing bracket.
    After,
    /// Inside a string.
    String(Purpose),
    /// Inside a number.
    Number,
    /// Inside `true`, `false` or `null`: which, and what must still come.
    Literal(Literal, &'static [u8]),
    /// After the outermost value.
    End,
}

/// A word that is a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Literal {
    True,
    False,
    Null,
}

impl From<Literal> for Scalar {
    fn from(literal: Literal) -> Self {
        match literal {
            Literal::True => Self::Bool(true),
            Literal::False => Self::Bool(false),
            Literal::Null => Self::Null,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Key,
    Value(Content),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bracket {
    Object,
    Array,
}

/// The state between two slices.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    state: State,
    open: Vec<Bracket>,
    max_depth: usize,
    /// The depth of the container that the visitor does not look into; 0: it looks everywhere.
    closed_at: usize,
    /// Whether the visitor gets that container's bytes.
    wants_bytes: bool,
    strings: Strings,
    /// The place in the body that follows the first byte of the value that began last.
    value_at: u64,
    /// Where in the body the slice ends.
    slice_end: u64,
    capture: Capture,
    number: Number,
}

const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

impl Reader {
    pub(crate) fn new(max_depth: usize, max_capture: usize) -> Self {
        Self {
            state: State::Start(BYTE_ORDER_MARK),
            open: Vec::new(),
            max_depth,
            closed_at: 0,
            wants_bytes: false,
            strings: Strings::default(),
            value_at: 0,
            slice_end: 0,
            capture: Capture::new(max_capture),
            number: Number::default(),
        }
    }

    /// Begins anew, with the memory that there is.
    pub(crate) fn restart(&mut self) {
        self.state = State::Start(BYTE_ORDER_MARK);
        self.open.clear();
        self.closed_at = 0;
        self.wants_bytes = false;
        self.slice_end = 0;
    }

    /// What it holds besides itself.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.open.capacity().saturating_add(self.capture.heap_bytes())
    }

    /// True when the outermost value has not begun.
    pub(crate) fn is_blank(&self) -> bool {
        matches!(self.state, State::Start(_) | State::Outermost)
    }

    /// True when the outermost value is complete.
    pub(crate) fn is_complete(&self) -> bool {
        self.state == State::End
    }

    /// Reads a slice.
    ///
    /// # Errors
    /// How many bytes of the slice could be read, and why not more. The reader must not be used
    /// again after that.
    pub(crate) fn feed<V: Visitor>(
        &mut self,
        chunk: &[u8],
        visitor: &mut V,
    ) -> Result<(), (usize, Malformed)> {
        let mut rest = chunk;
        self.slice_end = self.slice_end.saturating_add(length(chunk));
        // What has been read since the visitor began to want bytes, and what follows it.
        let mut since = chunk;
        while !rest.is_empty() {
            let before = rest;
            let wanted = self.wants_bytes;
            rest = match self.step(rest, visitor) {
                Ok(after) => after,
                Err((at, why)) => {
                    if wanted {
                        visitor.bytes(up_to(since, at));
                    }
                    return Err((chunk.len().saturating_sub(at.len()), why));
                }
            };
            if wanted != self.wants_bytes {
                if wanted {
                    visitor.bytes(up_to(since, rest));
                    visitor.bytes_end();
                }
                since = before;
            }
        }
        if self.wants_bytes {
            visitor.bytes(since);
        }
        Ok(())
    }

    /// Reads one token, or as much of it as there is.
    #[inline]
    fn step<'a, V: Visitor>(&mut self, input: &'a [u8], visitor: &mut V) -> Step<'a> {
        match self.state {
            State::String(purpose) => return self.string(purpose, input, visitor),
            State::Number => return self.number(input, visitor),
            State::Literal(literal, wanted) => {
                return self.literal(literal, wanted, input, visitor);
            }
            State::Start(wanted) => return self.start(wanted, input),
            _ => {}
        }
        let Some((&byte, rest)) = input.split_first() else { return Ok(input) };
        match (self.state, byte) {
            (_, b' ' | b'\n' | b'\r' | b'\t') => return Ok(after_whitespace(rest)),
            (State::Outermost, b'{') => {
                self.value_at = self.slice_end.saturating_sub(length(rest));
                self.open(Bracket::Object, visitor)
            }
            (State::Outermost, _) => Err(Malformed::NotAnObject),
            (State::FirstKey | State::Key, b'"') => {
                self.begin_string(Purpose::Key);
                Ok(())
            }
            (State::Colon, b':') => {
                self.state = State::Value;
                Ok(())
            }
            (State::After, b',') => {
                self.state = match self.open.last() {
                    Some(Bracket::Object) => State::Key,
                    _ => State::Value,
                };
                // What nearly always comes next is taken at once.
                if let (State::Key, [b'"', name @ ..]) = (self.state, rest) {
                    self.begin_string(Purpose::Key);
                    return Ok(name);
                }
                Ok(())
            }
            (State::After | State::FirstKey, b'}') => self.close(Bracket::Object, visitor),
            (State::After | State::FirstElement, b']') => self.close(Bracket::Array, visitor),
            (State::Value | State::FirstElement, b'-' | b'0'..=b'9') => {
                if self.closed_at != 0
                    && let Some(rest) = self.numbers(input)
                {
                    return Ok(rest);
                }
                self.value_at = self.slice_end.saturating_sub(length(rest));
                self.number = Number::default();
                self.state = State::Number;
                return Ok(input);
            }
            (State::Value | State::FirstElement, _) => {
                self.value_at = self.slice_end.saturating_sub(length(rest));
                self.value(byte, visitor)
            }
            (State::End, _) => Err(Malformed::TrailingBytes),
            _ => Err(Malformed::UnexpectedByte),
        }
        .map_or_else(|why| Err((input, why)), |()| Ok(rest))
    }

    /// Passes over a byte order mark.
    fn start<'a>(&mut self, wanted: &'static [u8], input: &'a [u8]) -> Step<'a> {
        let (rest, later) = common_prefix(input, wanted);
        self.state = match later {
            [] => State::Outermost,
            _ if rest.is_empty() => State::Start(later),
            _ if later == BYTE_ORDER_MARK => State::Outermost,
            _ => return Err((rest, Malformed::NotAnObject)),
        };
        Ok(rest)
    }

    /// Begins the value whose first byte is `byte`; it is no number.
    fn value<V: Visitor>(&mut self, byte: u8, visitor: &mut V) -> Result<(), Malformed> {
        match byte {
            b'"' => {
                let content = self.wanted_of_string(visitor);
                self.begin_string(Purpose::Value(content));
            }
            b'{' => self.open(Bracket::Object, visitor)?,
            b'[' => self.open(Bracket::Array, visitor)?,
            b't' => self.state = State::Literal(Literal::True, b"rue"),
            b'f' => self.state = State::Literal(Literal::False, b"alse"),
            b'n' => self.state = State::Literal(Literal::Null, b"ull"),
            _ => return Err(Malformed::UnexpectedByte),
        }
        Ok(())
    }

    fn begin_string(&mut self, purpose: Purpose) {
        self.strings = Strings::default();
        self.capture.clear();
        self.state = State::String(purpose);
    }

    fn open<V: Visitor>(&mut self, bracket: Bracket, visitor: &mut V) -> Result<(), Malformed> {
        if self.open.len() >= self.max_depth {
            return Err(Malformed::TooDeep);
        }
        self.open.push(bracket);
        self.state = match bracket {
            Bracket::Object => State::FirstKey,
            Bracket::Array => State::FirstElement,
        };
        if self.closed_at == 0 {
            let inside = match bracket {
                Bracket::Object => visitor.object(self.value_at),
                Bracket::Array => visitor.array(),
            };
            if inside != Inside::Events {
                self.closed_at = self.open.len();
                self.wants_bytes = inside == Inside::Bytes;
            }
        }
        Ok(())
    }

    fn close<V: Visitor>(&mut self, bracket: Bracket, visitor: &mut V) -> Result<(), Malformed> {
        let depth = self.open.len();
        if self.open.pop() != Some(bracket) {
            return Err(Malformed::UnexpectedByte);
        }
        if self.closed_at == 0 {
            visitor.close();
        } else if self.closed_at == depth {
            self.closed_at = 0;
            self.wants_bytes = false;
        }
        self.state = if self.open.is_empty() { State::End } else { State::After };
        Ok(())
    }

    /// Reads a string, and the strings that follow it as names and values: most of an object is that,
    /// and to look at the state for each of them would cost more than to read them.
    fn string<'a, V: Visitor>(
        &mut self,
        mut purpose: Purpose,
        mut input: &'a [u8],
        visitor: &mut V,
    ) -> Step<'a> {
        loop {
            let Some(rest) = self.one_string(purpose, input, visitor)? else { return Ok(&[]) };
            (purpose, input) = match (self.state, rest) {
                (State::Colon, [b':', b'"', value @ ..]) => {
                    self.value_at = self.slice_end.saturating_sub(length(value));
                    (Purpose::Value(self.wanted_of_string(visitor)), value)
                }
                (State::Colon, [b':', value @ ..]) => {
                    self.state = State::Value;
                    return Ok(value);
                }
                (State::After, [b',', b'"', name @ ..])
                    if self.open.last() == Some(&Bracket::Object) =>
                {
                    (Purpose::Key, name)
                }
                _ => return Ok(rest),
            };
            self.begin_string(purpose);
        }
    }

    /// Reads a string, and returns what follows it, if it ends here.
    #[inline(always)]
    fn one_string<'a, V: Visitor>(
        &mut self,
        purpose: Purpose,
        input: &'a [u8],
        visitor: &mut V,
    ) -> Result<Option<&'a [u8]>, (&'a [u8], Malformed)> {
        let (content, after) = match purpose {
            Purpose::Key if self.closed_at == 0 => (Content::Value, State::Colon),
            Purpose::Key => (Content::Nothing, State::Colon),
            Purpose::Value(content) => (content, State::After),
        };
        let (bytes, rest) = self.strings.up_to_quote(input);
        match content {
            Content::Nothing => {}
            Content::Bytes => visitor.bytes(bytes),
            Content::Value => self
                .capture
                .push(bytes, rest.is_some())
                .map_err(|at| (input.get(at..).unwrap_or_default(), Malformed::BadEscape))?,
        }
        let Some(rest) = rest else { return Ok(None) };
        match (purpose, content) {
            (_, Content::Nothing) => {}
            (_, Content::Bytes) => visitor.bytes_end(),
            (Purpose::Key, Content::Value) => visitor.key(self.capture.decoded(bytes)),
            (Purpose::Value(_), Content::Value) => {
                let quote = self.slice_end.saturating_sub(length(rest)).saturating_sub(1);
                visitor.value(self.capture.decoded(bytes), self.value_at..quote);
            }
        }
        self.state = after;
        Ok(Some(rest))
    }

    /// What the visitor wants of the string that begins.
    fn wanted_of_string<V: Visitor>(&self, visitor: &mut V) -> Content {
        if self.closed_at == 0 { visitor.string() } else { Content::Nothing }
    }

    /// Passes over numbers that nobody wants, as far as they are whole: embeddings are thousands.
    fn numbers<'a>(&mut self, input: &'a [u8]) -> Option<&'a [u8]> {
        let mut rest = after_number(input)?;
        if self.open.last() == Some(&Bracket::Array) {
            while let [b',', next @ ..] = rest
                && let Some(after) = after_number(after_whitespace(next))
            {
                rest = after;
            }
        }
        self.state = State::After;
        Some(rest)
    }

    /// The place of a value without quotes or brackets that ends before `rest`.
    fn place_up_to(&self, rest: &[u8]) -> Range<u64> {
        self.value_at.saturating_sub(1)..self.slice_end.saturating_sub(length(rest))
    }

    fn number<'a, V: Visitor>(&mut self, input: &'a [u8], visitor: &mut V) -> Step<'a> {
        let rest = self.number.read(input);
        if !rest.is_empty() {
            if !self.number.is_complete() {
                return Err((rest, Malformed::BadLiteral));
            }
            self.state = State::After;
            if self.closed_at == 0 {
                visitor.scalar(Scalar::Number(self.number), self.place_up_to(rest));
            }
        }
        Ok(rest)
    }

    fn literal<'a, V: Visitor>(
        &mut self,
        literal: Literal,
        wanted: &'static [u8],
        input: &'a [u8],
        visitor: &mut V,
    ) -> Step<'a> {
        let (rest, later) = common_prefix(input, wanted);
        if later.is_empty() {
            self.state = State::After;
            if self.closed_at == 0 {
                visitor.scalar(literal.into(), self.place_up_to(rest));
            }
        } else if rest.is_empty() {
            self.state = State::Literal(literal, later);
        } else {
            return Err((rest, Malformed::BadLiteral));
        }
        Ok(rest)
    }
}

/// What follows a token, or where and why there is none.
type Step<'a> = Result<&'a [u8], (&'a [u8], Malformed)>;

/// What is left of both after the bytes they begin with alike.
fn common_prefix<'a>(input: &'a [u8], wanted: &'static [u8]) -> (&'a [u8], &'static [u8]) {
    let (mut input, mut wanted) = (input, wanted);
    while let ([byte, rest @ ..], [same, later @ ..]) = (input, wanted)
        && byte == same
    {
        (input, wanted) = (rest, later);
    }
    (input, wanted)
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// What `from` holds before its suffix `rest`.
fn up_to<'a>(from: &'a [u8], rest: &[u8]) -> &'a [u8] {
    from.get(..from.len().saturating_sub(rest.len())).unwrap_or_default()
}

/// JSON's idea of whitespace, which is not ASCII's.
#[inline]
fn after_whitespace(mut input: &[u8]) -> &[u8] {
    while let [b' ' | b'\n' | b'\r' | b'\t', rest @ ..] = input {
        input = rest;
    }
    input
}

#[cfg(test)]
mod tests;
