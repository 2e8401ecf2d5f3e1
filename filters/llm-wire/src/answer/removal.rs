//! Takes events out of a stream while it flows by.
//!
//! An event that has nothing but the usage is known as such at its end. Until then its bytes are held,
//! but only if it is still unfinished where a frame ends, and only while it may turn out to be one: what
//! every other event has, a choice, comes before any text.
//!
//! What goes is all from the event's first field to the end of its blank line, with its `event` and
//! `id` lines and with comments between them. Comments before its first field stay, because they may
//! have been sent long before it; they belong to no event and do not need its blank line. All other
//! bytes pass as they are.

/// At most so many bytes are held; a longer event stays.
const MOST: usize = 4096;

/// What is done with the events of a stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Removal {
    /// The unfinished event's bytes in frames before.
    held: Vec<u8>,
    in_event: bool,
    /// Where in the frame the event begins, and how many bytes of it were before.
    from: usize,
    before: usize,
    /// An event was taken out that ended with CR at a frame's end: LF would be the rest of its line.
    after_cr: bool,
    /// What the frame becomes, as far as that is known.
    out: Option<Vec<u8>>,
    /// From here on the frame's bytes are not yet in it.
    rest: usize,
}

/// What an event turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Stays,
    Removed,
    TooLong,
}

impl Removal {
    pub(super) fn frame_begins(&mut self, frame: &[u8]) {
        self.from = 0;
        self.rest = 0;
        if !frame.is_empty() && std::mem::take(&mut self.after_cr) && frame.starts_with(b"\n") {
            self.leave_out(frame, 0, 1);
        }
    }

    pub(super) fn event_begins(&mut self, at: usize) {
        self.in_event = true;
        self.from = at;
        self.before = 0;
    }

    /// The event is finished. The LF of its blank line may still follow.
    pub(super) fn event_ends(&mut self, frame: &[u8], end: usize, is_usage: bool) -> Ended {
        self.in_event = false;
        if !is_usage {
            self.release();
            return Ended::Stays;
        }
        if self.length(end) > MOST {
            self.release();
            return Ended::TooLong;
        }
        self.held = Vec::new();
        let by_cr = end.checked_sub(1).and_then(|last| frame.get(last)) == Some(&b'\r');
        let end = match frame.get(end) {
            Some(b'\n') if by_cr => end + 1,
            Some(_) => end,
            None => {
                self.after_cr = by_cr;
                end
            }
        };
        self.leave_out(frame, self.from, end);
        Ended::Removed
    }

    /// What the frame becomes; `None` if it stays as it is.
    pub(super) fn frame_ends(&mut self, frame: &[u8], may_be_usage: bool) -> Option<Vec<u8>> {
        if self.in_event {
            let length = self.length(frame.len());
            if may_be_usage && length <= MOST {
                self.leave_out(frame, self.from, frame.len());
                self.held.extend_from_slice(frame.get(self.from..).unwrap_or_default());
            } else {
                self.release();
            }
            self.before = length;
        }
        let mut out = self.out.take()?;
        out.extend_from_slice(frame.get(self.rest..).unwrap_or_default());
        Some(out)
    }

    /// The stream has ended.
    pub(super) fn finish(&mut self) -> Option<Vec<u8>> {
        let held = std::mem::take(&mut self.held);
        (!held.is_empty()).then_some(held)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.held.capacity()
    }

    /// How long the event is up to here.
    fn length(&self, end: usize) -> usize {
        self.before.saturating_add(end.saturating_sub(self.from))
    }

    fn leave_out(&mut self, frame: &[u8], from: usize, to: usize) {
        let out = self.out.get_or_insert_default();
        out.extend_from_slice(frame.get(self.rest..from).unwrap_or_default());
        self.rest = to;
    }

    /// What is held goes its way. Its event is the first in the frame, so nothing was before it.
    fn release(&mut self) {
        if !self.held.is_empty() {
            self.out = Some(std::mem::take(&mut self.held));
        }
    }
}
