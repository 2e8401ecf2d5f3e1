//! Server-sent events as they stream by, by the rules of the WHATWG's HTML standard (9.2.6).
//!
//! Lines end with CR, LF or both, a byte order mark may come first, a colon begins a comment, one
//! blank after the colon belongs to nobody, several `data` lines are one text with line ends between
//! them, and an event is complete when a blank line says so. Any of these may be cut in two.
//!
//! Nothing is kept: what an event's text is made of goes to an [`EventSink`] in parts, as it comes. A
//! parser that hands out whole events would have to hold them, and a server decides how long they
//! are. The sink hears of an event's data before it can know whether the event will be completed;
//! what the standard says of a last event without its blank line, that it is none, is its to obey.
//!
//! `id` and `retry` mean something to clients that connect again, and nothing here; nor does `event`,
//! because the APIs that name their events do it in the data once more. `error` is no field of the
//! standard, but servers have written their errors so (llama.cpp), and it is told.
//!
//! Where an event's bytes begin and end is told by what is left of the slice there. Comments before its
//! first field are not part of it: they are sent to keep a connection open, and belong to nobody.

/// What a stream's events are told to.
pub trait EventSink {
    /// A part of the event's data.
    fn data(&mut self, part: &[u8]);

    /// The event is complete. Those without data are none, and are not told.
    fn dispatch(&mut self);

    /// A field begins that reports an error.
    fn error(&mut self) {}

    /// The first field of an event begins. So many bytes of the slice are left, its first included.
    fn begins(&mut self, _left: usize) {}

    /// A blank line ends the fields since [`begins`](Self::begins), after the dispatch if there was
    /// any. So many bytes of the slice are left; the second of CR and LF may be the first of them.
    fn ends(&mut self, _left: usize) {}
}

/// Reads a stream of events.
#[derive(Clone, Debug)]
pub struct EventParser {
    at: At,
    /// The line before has ended with CR, so that LF is the rest of its end.
    after_cr: bool,
    /// A line of data was read since the last event.
    has_data: bool,
    /// A field was begun since the last event.
    has_fields: bool,
}

/// Where in a line the reading is.
#[derive(Clone, Copy, Debug)]
enum At {
    /// At the very beginning; what of a byte order mark must still come.
    Start(&'static [u8]),
    Line,
    /// In a name that means something, of which these bytes must still come.
    Name(Field, &'static [u8]),
    /// Behind the colon.
    Colon,
    Value,
    /// In a comment, or in a field that means nothing here.
    Other,
}

/// A field that means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Data,
    Error,
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

impl Default for EventParser {
    fn default() -> Self {
        Self { at: At::Start(BYTE_ORDER_MARK), after_cr: false, has_data: false, has_fields: false }
    }
}

impl EventParser {
    /// Reads the next bytes.
    pub fn feed(&mut self, mut bytes: &[u8], sink: &mut impl EventSink) {
        while !bytes.is_empty() {
            bytes = self.event(bytes, sink);
        }
    }

    /// Reads the next bytes, at most up to the end of an event, and returns the others.
    pub(crate) fn event<'a>(&mut self, mut bytes: &'a [u8], sink: &mut impl EventSink) -> &'a [u8] {
        while let Some((&byte, after)) = bytes.split_first() {
            // What nearly all lines begin with is taken at once.
            if let (At::Line, [b'd', b'a', b't', b'a', b':', value @ ..]) = (self.at, bytes)
                && !value.is_empty()
            {
                self.after_cr = false;
                self.field_begins(bytes.len(), sink);
                self.begin(sink);
                self.at = At::Value;
                bytes = value.strip_prefix(b" ").unwrap_or(value);
                continue;
            }
            bytes = match (byte, self.at) {
                (b'\n', _) if std::mem::take(&mut self.after_cr) => {
                    if self.is_between() {
                        return after;
                    }
                    after
                }
                (b'\n' | b'\r', _) => {
                    let has_ended = self.line_ends(after.len(), sink);
                    self.after_cr = byte == b'\r';
                    if has_ended {
                        return after;
                    }
                    after
                }
                (_, At::Value | At::Other) => self.value(bytes, sink),
                (_, at) => {
                    self.after_cr = false;
                    let next = self.next(byte, at, bytes.len(), sink);
                    // A value that begins with this byte is read with those behind it.
                    if matches!((at, next), (At::Colon, At::Value)) && byte != b' ' {
                        self.at = next;
                        continue;
                    }
                    self.at = next;
                    after
                }
            };
        }
        bytes
    }

    /// Whether the next byte can only be the first of an event or of a comment. Whole events may be
    /// left out there.
    pub(crate) fn is_between(&self) -> bool {
        matches!(self.at, At::Line) && !self.has_fields && !self.after_cr
    }

    /// Where one byte leads that does not end its line.
    fn next(&mut self, byte: u8, at: At, left: usize, sink: &mut impl EventSink) -> At {
        let is_mark = matches!(at, At::Start([wanted, ..]) if *wanted == byte);
        if matches!(at, At::Start(_) | At::Line) && byte != b':' && !is_mark {
            self.field_begins(left, sink);
        }
        match at {
            At::Start([wanted, rest @ ..]) if *wanted == byte => {
                if rest.is_empty() {
                    At::Line
                } else {
                    At::Start(rest)
                }
            }
            // A mark that was begun is a part of a name that means nothing.
            At::Start(rest) if rest.len() < BYTE_ORDER_MARK.len() => At::Other,
            At::Start(_) | At::Line if byte == b'd' => At::Name(Field::Data, b"ata"),
            At::Start(_) | At::Line if byte == b'e' => At::Name(Field::Error, b"rror"),
            At::Name(Field::Data, []) if byte == b':' => {
                self.begin(sink);
                At::Colon
            }
            At::Name(Field::Error, []) if byte == b':' => {
                sink.error();
                At::Other
            }
            At::Name(field, [wanted, rest @ ..]) if *wanted == byte => At::Name(field, rest),
            At::Start(_) | At::Line | At::Name(..) | At::Other => At::Other,
            At::Colon | At::Value => At::Value,
        }
    }

    /// A line begins that is no comment.
    fn field_begins(&mut self, left: usize, sink: &mut impl EventSink) {
        if !std::mem::replace(&mut self.has_fields, true) {
            sink.begins(left);
        }
    }

    /// The rest of the line, as far as it is here.
    fn value<'a>(&self, bytes: &'a [u8], sink: &mut impl EventSink) -> &'a [u8] {
        let end = memchr::memchr2(b'\n', b'\r', bytes).unwrap_or(bytes.len());
        let (here, rest) = bytes.split_at(end);
        if matches!(self.at, At::Value) {
            sink.data(here);
        }
        rest
    }

    /// One more line of data, which may be empty.
    fn begin(&mut self, sink: &mut impl EventSink) {
        if std::mem::replace(&mut self.has_data, true) {
            sink.data(b"\n");
        }
    }

    /// Returns whether that was the end of an event's fields.
    fn line_ends(&mut self, left: usize, sink: &mut impl EventSink) -> bool {
        let mut has_ended = false;
        match self.at {
            At::Line | At::Start(BYTE_ORDER_MARK) => {
                if std::mem::take(&mut self.has_data) {
                    sink.dispatch();
                }
                has_ended = std::mem::take(&mut self.has_fields);
                if has_ended {
                    sink.ends(left);
                }
            }
            // A line that is a name alone is a field without a value.
            At::Name(Field::Data, []) => self.begin(sink),
            At::Start(_) | At::Name(..) | At::Colon | At::Value | At::Other => {}
        }
        self.at = At::Line;
        has_ended
    }
}

#[cfg(test)]
mod tests;
