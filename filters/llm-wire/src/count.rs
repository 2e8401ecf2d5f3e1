//! A number of tokens, where it comes from, and how far off it may be.

use crate::media::MediaTokens;

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

    /// The same with tokens of media, and with their doubt.
    #[must_use]
    pub fn with_media(self, media: MediaTokens) -> Self {
        if media == MediaTokens::default() {
            return self;
        }
        let MediaTokens { tokens, doubt } = media;
        let all = self.tokens.saturating_add(tokens);
        let margin = self.margin().saturating_add(doubt);
        let percent = u128::from(margin) * 100;
        let percent = percent.div_ceil(u128::from(all.max(1)));
        Self {
            tokens: all,
            error_percent: u32::try_from(percent).unwrap_or(u32::MAX),
            source: match self.source {
                TokenSource::Exact => TokenSource::Estimated,
                source => source,
            },
        }
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

    #[test]
    fn media_bring_their_own_doubt_and_are_never_exact() {
        let text = TokenCount { tokens: 100, error_percent: 0, source: TokenSource::Exact };
        let with = |tokens, doubt| text.with_media(MediaTokens { tokens, doubt });
        assert_eq!(with(0, 0), text);
        let both = with(300, 30);
        assert_eq!((both.tokens, both.source), (400, TokenSource::Estimated));
        assert_eq!((both.low(), both.high()), (368, 432));
        let text = TokenCount { error_percent: 15, source: TokenSource::Calibrated, ..text };
        let with = |tokens, doubt| text.with_media(MediaTokens { tokens, doubt });
        let both = with(100, 100);
        assert_eq!((both.error_percent, both.source), (58, TokenSource::Calibrated));
        assert_eq!(with(u64::MAX, u64::MAX).high(), u64::MAX);
    }
}
