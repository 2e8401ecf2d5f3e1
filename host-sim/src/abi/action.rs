//! What a filter answers to headers, data and trailers.
//!
//! The three enumerations share numbers and not meanings, so each phase has its own.
//! Numbers outside the enumeration are what Envoy makes of them: the strictest stop.

/// The answer to headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadersAction {
    /// Go on to the next filter.
    Continue,
    /// Hold the headers; whether data still reaches this filter is the plugin's configuration.
    StopIteration,
    /// In the ABI, but Envoy has no such thing: it continues.
    ContinueAndEndStream,
    /// Hold everything, up to the buffer limit.
    StopAllIterationAndBuffer,
    /// Hold everything, and stop reading when the buffer is full.
    StopAllIterationAndWatermark,
}

impl HeadersAction {
    /// Reads a guest's answer.
    #[must_use]
    pub fn from_number(number: u32) -> Self {
        match number {
            0 => Self::Continue,
            1 => Self::StopIteration,
            2 => Self::ContinueAndEndStream,
            3 => Self::StopAllIterationAndBuffer,
            _ => Self::StopAllIterationAndWatermark,
        }
    }
}

/// The answer to a piece of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataAction {
    /// Pass the data on, with all that was held before it.
    Continue,
    /// Hold the data; over the limit the stream is answered with an error.
    StopIterationAndBuffer,
    /// Hold the data; over the limit the peer is not read from.
    StopIterationAndWatermark,
    /// Hold nothing: the data is the filter's to keep or to lose.
    StopIterationNoBuffer,
}

impl DataAction {
    /// Reads a guest's answer.
    #[must_use]
    pub fn from_number(number: u32) -> Self {
        match number {
            0 => Self::Continue,
            1 => Self::StopIterationAndBuffer,
            2 => Self::StopIterationAndWatermark,
            _ => Self::StopIterationNoBuffer,
        }
    }
}

/// The answer to trailers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrailersAction {
    /// Pass the trailers on, with all that was held before them.
    Continue,
    /// Hold them.
    StopIteration,
}

impl TrailersAction {
    /// Reads a guest's answer.
    #[must_use]
    pub fn from_number(number: u32) -> Self {
        if number == 0 { Self::Continue } else { Self::StopIteration }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_outside_the_enumeration_are_the_strictest_stop() {
        assert_eq!(HeadersAction::from_number(5), HeadersAction::StopAllIterationAndWatermark);
        assert_eq!(DataAction::from_number(4), DataAction::StopIterationNoBuffer);
        assert_eq!(TrailersAction::from_number(2), TrailersAction::StopIteration);
    }

    #[test]
    fn the_same_number_means_another_thing_in_another_phase() {
        assert_eq!(HeadersAction::from_number(2), HeadersAction::ContinueAndEndStream);
        assert_eq!(DataAction::from_number(2), DataAction::StopIterationAndWatermark);
    }
}
