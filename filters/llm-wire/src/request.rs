//! Reads a request body as it streams by, and says what kind of request it is.
//!
//! [`RequestScanner`] is fed with slices of any size. After each of them [`facts`] holds what is
//! known so far, so that a request can be routed before its body has ended. Nothing of the body
//! is kept but the model's name, within a limit; prompt text goes to a [`TextSink`].
//!
//! # What is looked for, and where
//! The fields of each [`Api`] at the depth where that API has them ([`grammar`] is the list). The
//! same names elsewhere, in a message's text or in a tool's schema, mean nothing. Fields of the
//! wrong type count as absent: the server will say what is wrong with them.
//!
//! # Duplicate keys
//! The last one wins, as in Python's, Go's and JavaScript's parsers, and
//! [`RequestFacts::has_duplicate_keys`] tells that there were some: whoever decides before the end
//! of the body may want to refuse such a request, since its meaning can still change. Text of
//! duplicate fields is all counted, which makes the count an upper bound.
//!
//! [`facts`]: RequestScanner::facts

mod asking;
mod facts;
mod grammar;
mod part;
mod reading;

pub use asking::{Insertion, UsagePlace};
pub use facts::RequestFacts;
use reading::Reading;

use crate::api::Api;
use crate::estimate::Estimator;
pub use crate::json::Malformed;
use crate::json::Reader;
use crate::text::TextSink;

/// What a scanner may use, whatever the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanLimits {
    /// A longer model name is not kept, and [`RequestFacts::model_too_long`] says so.
    pub max_model_bytes: usize,
    /// Brackets nested deeper end the reading. Some fifty bytes of memory a level.
    pub max_depth: usize,
}

impl Default for ScanLimits {
    /// As deep as Python's own parser reads, which most model servers use; the longest model names
    /// in use have about 100 bytes.
    fn default() -> Self {
        Self { max_model_bytes: 256, max_depth: 1000 }
    }
}

/// How far the reading is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More must come.
    Reading,
    /// The body's JSON is complete; only whitespace may follow.
    Complete,
    /// The body is no JSON object, or one beyond the limits. The facts are those seen before.
    Malformed {
        /// How many bytes of the body could be read.
        at: u64,
        /// What is wrong with the next one.
        why: Malformed,
    },
}

/// Reads one request body.
#[derive(Debug)]
pub struct RequestScanner<S = Estimator> {
    reader: Reader,
    reading: Reading<S>,
    progress: Progress,
}

impl RequestScanner<Estimator> {
    /// A scanner that estimates the prompt's tokens.
    #[must_use]
    pub fn new(api: Api, limits: ScanLimits) -> Self {
        Self::with_sink(api, limits, Estimator::default())
    }
}

impl<S: TextSink> RequestScanner<S> {
    /// A scanner that hands the prompt to a sink of the caller's choice.
    #[must_use]
    pub fn with_sink(api: Api, limits: ScanLimits, sink: S) -> Self {
        // Member names are captured too, and the longest that matters must fit.
        let capture = limits.max_model_bytes.max(grammar::LONGEST_NAME);
        Self {
            reader: Reader::new(limits.max_depth, capture),
            reading: Reading::new(api, limits.max_model_bytes, sink),
            progress: Progress::Reading,
        }
    }

    /// Reads the next bytes of the body. After a malformed byte it does nothing.
    pub fn feed(&mut self, chunk: &[u8]) -> Progress {
        if !matches!(self.progress, Progress::Malformed { .. }) {
            let before = self.reading.facts.bytes_read;
            self.progress = match self.reader.feed(chunk, &mut self.reading) {
                Ok(()) => {
                    self.reading.facts.bytes_read = before.saturating_add(length(chunk.len()));
                    if self.reader.is_complete() { Progress::Complete } else { Progress::Reading }
                }
                Err((good, why)) => {
                    let at = before.saturating_add(length(good));
                    self.reading.facts.bytes_read = at;
                    Progress::Malformed { at, why }
                }
            };
        }
        self.progress
    }

    /// Says that the body has ended. A body that ends too early is [`Malformed::Truncated`].
    pub fn finish(&mut self) -> Progress {
        if self.progress == Progress::Reading {
            let at = self.reading.facts.bytes_read;
            self.progress = Progress::Malformed { at, why: Malformed::Truncated };
        }
        self.progress
    }

    /// How far the reading is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// What is known until now.
    ///
    /// Adds up what the sink has counted, which costs more than the reading of a short message: so
    /// it is done here, when somebody asks, and not with each slice.
    pub fn facts(&mut self) -> &RequestFacts {
        self.reading.update_count();
        &self.reading.facts
    }

    /// What is known, without the scanner.
    #[must_use]
    pub fn into_facts(self) -> RequestFacts {
        self.into_parts().0
    }

    /// What is known, and the sink.
    #[must_use]
    pub fn into_parts(mut self) -> (RequestFacts, S) {
        self.reading.update_count();
        (self.reading.facts, self.reading.sink)
    }

    /// The sink, for what it knows beyond the count.
    #[must_use]
    pub fn sink(&self) -> &S {
        &self.reading.sink
    }
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
