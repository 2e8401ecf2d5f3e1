//! What kind of error a server reports, in one set of words for all of them.
//!
//! # What is believed
//! First the fields that are there for programs: `code`, an inner code, `type`, `status`. Then the status of
//! the answer, or the number that stands for it in an error inside a `200`. Last the message, and only
//! where all that leaves something open: a `400` may be a prompt that is too long, a `503` a server that has too
//! much to do. Messages quote what the client sent, so what stands in quotation marks is passed over, only
//! the beginning is looked at, and no message of a `400` makes a server overloaded. Fields are looked for
//! where the APIs have them; the same names in a list of what was wrong with the request (FastAPI's `detail`,
//! with the input in it) mean nothing.
//!
//! # What is open
//! An error without words inside a `200` is the server's: a request that it would not take had got a `4xx`.
//! A quota that is used up counts as a limit, for which another provider is the cure as well.

mod report;
mod words;

use crate::events::{EventParser, EventSink};
use crate::framing::Framing;
use report::Report;

/// What kind of error it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// This client, key or model has had enough for now, or for this month.
    RateLimited,
    /// The servers have too much to do.
    Overloaded,
    /// It failed, and says no more.
    ServerError,
    /// It took too long.
    Timeout,
    /// The prompt is too long for this model.
    ContextLength,
    /// This model will not answer that.
    ContentPolicy,
    /// The key is missing, wrong, or not allowed to.
    Authentication,
    /// Another error; the request is at fault, as far as can be told.
    Other,
}

impl ErrorClass {
    /// That of an answer with this status, by its body or by the beginning of it.
    ///
    /// ```
    /// use llm_wire::{ErrorClass, Framing};
    ///
    /// let body = br#"{"error":{"message":"...","type":"invalid_request_error","code":"context_length_exceeded"}}"#;
    /// assert_eq!(ErrorClass::of(400, Some(Framing::Json), body), ErrorClass::ContextLength);
    /// assert_eq!(ErrorClass::of(529, None, b""), ErrorClass::Overloaded);
    /// ```
    #[must_use]
    pub fn of(status: u16, framing: Option<Framing>, body: &[u8]) -> Self {
        let mut report = Report::new();
        match framing {
            // Servers report errors as JSON whatever they call it, and what is none says nothing.
            Some(Framing::Json) | None => report.read(body),
            Some(Framing::Events) => {
                EventParser::default().feed(body, &mut FirstError { report: &mut report });
            }
        }
        Self::of_report(status, &report)
    }

    fn of_report(status: u16, report: &Report) -> Self {
        let by_words = report.words().find_map(words::of_word);
        // That it has failed is what every server says that knows no better word.
        let is_vague = by_words == Some(Self::ServerError);
        if let Some(class) = by_words.filter(|_| !is_vague) {
            return class;
        }
        // A number in the error tells more than the 200 of a stream that began well.
        let status = if status >= 400 { status } else { report.number().unwrap_or(0) };
        let by_status = match Self::of_status(status) {
            Self::Other if is_vague => Self::ServerError,
            class => class,
        };
        let may_say_more = match status {
            500 | 503 => words::of_a_failure,
            0 if is_vague => words::of_a_failure,
            0 => words::of_any_error,
            400 | 413 | 422 => words::of_a_bad_request,
            _ => return by_status,
        };
        may_say_more(&report.message()).unwrap_or(by_status)
    }

    /// That of a status alone; 0 for an error that has none.
    fn of_status(status: u16) -> Self {
        match status {
            402 | 429 => Self::RateLimited,
            529 => Self::Overloaded,
            408 | 504 | 524 => Self::Timeout,
            401 | 403 | 407 => Self::Authentication,
            0 | 500.. => Self::ServerError,
            _ => Self::Other,
        }
    }
}

/// Reads a stream up to the first event that reports an error.
struct FirstError<'a> {
    report: &'a mut Report,
}

impl EventSink for FirstError<'_> {
    fn data(&mut self, part: &[u8]) {
        self.report.read(part);
    }

    fn dispatch(&mut self) {
        if self.report.is_error() {
            self.report.close();
        } else {
            self.report.restart();
        }
    }
}

#[cfg(test)]
mod tests;
