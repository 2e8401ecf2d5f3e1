//! A number of tokens, where it comes from, and how far off it may be.

/// How a number of tokens was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TokenSource {
    /// The model's own vocabulary was used.
    Exact,
    /// An estimate, corrected by what servers of this model reported before.
    Calibrated,
    /// An estimate from the text alone.
    #[default]
    Estimated,
}

impl TokenSource {
    /// The word for headers, metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Calibrated => "calibrated",
            Self::Estimated => "estimated",
        }
    }
}

/// A number of tokens with its source and its error bound. By default none, as estimated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenCount {
    /// The best guess.
    pub tokens: u64,
    /// The true number lies within this many percent of `tokens` for 95 of 100 texts; 0 when exact.
    pub error_percent: u32,
    /// How `tokens` was found.
    pub source: TokenSource,
}

impl TokenCount {
    /// The lowest number of tokens within the error bound.
    #[must_use]
    pub fn low(self) -> u64 {
        self.tokens.saturating_sub(self.margin())
    }

    /// The highest number of tokens within the error bound.
    #[must_use]
    pub fn high(self) -> u64 {
        self.tokens.saturating_add(self.margin())
    }

    fn margin(self) -> u64 {
        // Divided first where the product would not fit: the bound needs no last digit there.
        let percent = u64::from(self.error_percent);
        self.tokens
            .checked_mul(percent)
            .map_or_else(|| (self.tokens / 100).saturating_mul(percent), |p| p.div_ceil(100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_rounded_away_from_the_count_and_never_overflows() {
        let count =
            |tokens| TokenCount { tokens, error_percent: 15, source: TokenSource::Estimated };
        assert_eq!((count(10).low(), count(10).high()), (8, 12));
        assert_eq!((count(0).low(), count(0).high()), (0, 0));
        assert_eq!(count(u64::MAX).high(), u64::MAX);
    }
}
