//! What requests of one version, or of two, came to.

use super::Histogram;

/// How many, and how many of them something is said about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All.
    pub all: u64,
    /// Those that it happened to.
    pub events: u64,
}

impl Counts {
    /// One more.
    pub fn record(&mut self, is_event: bool) {
        self.all = self.all.saturating_add(1);
        self.events = self.events.saturating_add(u64::from(is_event));
    }

    /// These and those.
    pub fn add(&mut self, more: Self) {
        self.all = self.all.saturating_add(more.all);
        self.events = self.events.saturating_add(more.events);
    }

    /// What has been added since.
    fn since(self, before: Self) -> Option<Self> {
        let all = self.all.checked_sub(before.all)?;
        Some(Self { all, events: self.events.checked_sub(before.events)? })
    }
}

/// What the requests of one version came to that ended in some stretch of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sample {
    /// Requests, and those that failed.
    pub failures: Counts,
    /// Answers that say why they end, and those that were cut off at their longest.
    pub finish_length: Counts,
    /// The same, and those that a filter of contents ended.
    pub finish_content_filter: Counts,
    /// Milliseconds to the first token.
    pub first_token: Histogram,
    /// Microseconds for each token after the first.
    pub per_token: Histogram,
    /// Tokens of an answer.
    pub output_tokens: Histogram,
}

/// The same stretch of time for both versions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stratum {
    /// The version that is tried.
    pub candidate: Sample,
    /// The version that it is compared with.
    pub stable: Sample,
}

impl Sample {
    fn counts(&self) -> [Counts; 3] {
        [self.failures, self.finish_length, self.finish_content_filter]
    }

    /// Whether there were so many requests, by any of its counts: not everybody has all of them.
    fn has(&self, least: u64) -> bool {
        let sizes = [&self.first_token, &self.per_token, &self.output_tokens];
        self.counts().iter().any(|counts| counts.all >= least)
            || sizes.iter().any(|sizes| sizes.total() >= least)
    }

    /// These requests and those.
    pub fn add(&mut self, more: &Self) {
        self.failures.add(more.failures);
        self.finish_length.add(more.finish_length);
        self.finish_content_filter.add(more.finish_content_filter);
        self.first_token.add(&more.first_token);
        self.per_token.add(&more.per_token);
        self.output_tokens.add(&more.output_tokens);
    }

    /// What has been added since an earlier state of the same counts. None if a count is smaller than it
    /// was: the counts began anew, and what was before cannot be taken from what is now.
    pub fn since(&self, before: &Self) -> Option<Self> {
        Some(Self {
            failures: self.failures.since(before.failures)?,
            finish_length: self.finish_length.since(before.finish_length)?,
            finish_content_filter: self
                .finish_content_filter
                .since(before.finish_content_filter)?,
            first_token: self.first_token.since(&before.first_token)?,
            per_token: self.per_token.since(&before.per_token)?,
            output_tokens: self.output_tokens.since(&before.output_tokens)?,
        })
    }
}

impl Stratum {
    /// Whether there were so many requests of each version.
    pub(super) fn has(&self, least: u64) -> bool {
        self.candidate.has(least) && self.stable.has(least)
    }

    /// Whether nothing happened more often than it could.
    pub(super) fn is_consistent(&self) -> bool {
        let mut counts = [&self.candidate, &self.stable].into_iter().flat_map(Sample::counts);
        counts.all(|counts| counts.events <= counts.all)
    }

    /// What other proxies have seen in the same stretch of time.
    pub fn add(&mut self, more: &Self) {
        self.candidate.add(&more.candidate);
        self.stable.add(&more.stable);
    }

    /// What has been added since; none if the counts of one version began anew.
    pub fn since(&self, before: &Self) -> Option<Self> {
        let candidate = self.candidate.since(&before.candidate)?;
        Some(Self { candidate, stable: self.stable.since(&before.stable)? })
    }
}
