//! `gates` as they are written, and the way to a [`Gate`].

use serde::Deserialize;

use crate::invalid::Invalid;
use crate::units::Span;

/// One gate, as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawGate {
    /// What it looks at.
    pub signal: Signal,
    /// How many times worse than the stable version the candidate may be: 1 for shares, 1.5 for times and
    /// lengths, if left out.
    pub max_ratio: Option<f64>,
    /// The share of requests that it may happen to, whatever the stable version does.
    pub max: Option<f64>,
    /// For times and lengths, what is too much: then `max` is the share that may be above it, 0.05 if left
    /// out. For `tokens_per_second`, what is too little.
    pub limit: Option<RawLimit>,
    /// How many requests of the candidate it has to have seen in a step before it passes.
    pub min_samples: Option<u32>,
}

/// A limit as it is written.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged, expecting = "a length of time such as 2s, or a number of tokens")]
pub enum RawLimit {
    /// For `first_token`.
    Time(Span),
    /// For `tokens_per_second` and `output_tokens`.
    Tokens(u32),
}

/// What a gate looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Requests that fail, inside of a 200 too.
    Failures,
    /// The time to the first token.
    FirstToken,
    /// How fast the tokens come after it.
    TokensPerSecond,
    /// Answers that are cut off at their longest.
    FinishLength,
    /// Answers that a filter of contents ends.
    FinishContentFilter,
    /// How long answers are: longer or shorter.
    OutputTokens,
}

impl Signal {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 6] = [
        Self::Failures,
        Self::FirstToken,
        Self::TokensPerSecond,
        Self::FinishLength,
        Self::FinishContentFilter,
        Self::OutputTokens,
    ];

    /// The word for labels and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failures => "failures",
            Self::FirstToken => "first_token",
            Self::TokensPerSecond => "tokens_per_second",
            Self::FinishLength => "finish_length",
            Self::FinishContentFilter => "finish_content_filter",
            Self::OutputTokens => "output_tokens",
        }
    }

    fn is_share(self) -> bool {
        matches!(self, Self::Failures | Self::FinishLength | Self::FinishContentFilter)
    }
}

/// What the candidate is compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    /// With the stable version.
    Stable {
        /// It may be so many times worse.
        max_ratio: f64,
    },
    /// With a limit.
    Limit {
        /// For times and lengths, what is too much; else without meaning.
        bound: u64,
        /// The share of requests that may be above it, or that it may happen to.
        share: f64,
    },
}

/// What a candidate is judged by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gate {
    /// What it looks at.
    pub signal: Signal,
    /// What it compares with.
    pub method: Method,
    /// How many requests of the candidate it has to have seen in a step before it passes.
    pub min_samples: u32,
}

/// The share of slow ones where only a limit is given: that of the 95th percentile.
const USUAL_SHARE: f64 = 0.05;

/// Reads `gates`; all of them, compared with the stable version, if left out.
///
/// # Errors
/// When a gate could never be used, or is there twice.
pub fn gates(raw: Option<Vec<RawGate>>, min_samples: u32) -> Result<Vec<Gate>, Invalid> {
    let raw = raw.unwrap_or_else(|| Signal::ALL.map(RawGate::of).into());
    if raw.is_empty() {
        let problem = "found no gate; allowed one or more; add one, or leave gates out for all";
        return Err(Invalid::new("gates", problem));
    }
    let mut gates: Vec<Gate> = Vec::with_capacity(raw.len());
    for (index, raw) in raw.into_iter().enumerate() {
        let at = format!("gates[{index}]");
        let gate = gate(&raw, min_samples).map_err(|e| e.under(&at))?;
        // One against the stable version and one against a limit may stand side by side.
        let is_same = |other: &Gate| {
            other.signal == gate.signal
                && matches!(other.method, Method::Limit { .. })
                    == matches!(gate.method, Method::Limit { .. })
        };
        if gates.iter().any(is_same) {
            let problem = format!(
                "found `{}` again; allowed once, and once with max; remove one",
                gate.signal.as_str()
            );
            return Err(Invalid::new("signal", problem).under(&at));
        }
        gates.push(gate);
    }
    Ok(gates)
}

impl RawGate {
    fn of(signal: Signal) -> Self {
        Self { signal, max_ratio: None, max: None, limit: None, min_samples: None }
    }
}

impl Gate {
    /// A number for its name, in records.
    pub(crate) fn place(&self) -> u8 {
        let signal = Signal::ALL.iter().position(|signal| *signal == self.signal).unwrap_or(0);
        let is_limit = matches!(self.method, Method::Limit { .. });
        signal as u8 * 2 + u8::from(is_limit)
    }

    /// The word for labels: one against a limit may stand beside one against the stable version.
    pub fn name(&self) -> &'static str {
        match (self.method, self.signal) {
            (Method::Stable { .. }, signal) => signal.as_str(),
            (Method::Limit { .. }, Signal::Failures) => "failures_limit",
            (Method::Limit { .. }, Signal::FirstToken) => "first_token_limit",
            (Method::Limit { .. }, Signal::TokensPerSecond) => "tokens_per_second_limit",
            (Method::Limit { .. }, Signal::FinishLength) => "finish_length_limit",
            (Method::Limit { .. }, Signal::FinishContentFilter) => "finish_content_filter_limit",
            (Method::Limit { .. }, Signal::OutputTokens) => "output_tokens_limit",
        }
    }

    /// Its part of `alpha`: failures have half of it, if there are other gates; a gate that is none of
    /// failures has a tenth, so that with all six they come to one.
    pub(super) fn part(&self) -> f64 {
        if self.signal == Signal::Failures { 5.0 } else { 1.0 }
    }
}

fn gate(raw: &RawGate, min_samples: u32) -> Result<Gate, Invalid> {
    let signal = raw.signal;
    let name = signal.as_str();
    let share = |share: f64| match share {
        share if (1e-6..=0.999).contains(&share) => Ok(share),
        share => {
            let problem = format!("found `{share}`; allowed 0.000001 to 0.999; write 0.05 for 5 %");
            Err(Invalid::new("max", problem))
        }
    };
    let method = match (raw.max_ratio, raw.max, raw.limit) {
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
            let problem = "found it beside a limit; allowed one of the two; make two gates of it";
            return Err(Invalid::new("max_ratio", problem));
        }
        (ratio, None, None) => {
            let least = if signal.is_share() { 1.0 } else { 1.1 };
            let ratio = ratio.unwrap_or(if signal.is_share() { 1.0 } else { 1.5 });
            if !(least..=100.0).contains(&ratio) {
                let cure = if ratio > 100.0 { "lower it" } else { "raise it" };
                let problem = format!("found `{ratio}`; allowed {least} to 100; {cure}");
                return Err(Invalid::new("max_ratio", problem));
            }
            Method::Stable { max_ratio: ratio }
        }
        (None, Some(max), None) if signal.is_share() => {
            Method::Limit { bound: 0, share: share(max)? }
        }
        (None, Some(_), None) => {
            let problem =
                format!("found none beside max; allowed what is too much for {name}; write it");
            return Err(Invalid::new("limit", problem));
        }
        (None, max, Some(limit)) => Method::Limit {
            bound: bound(signal, limit)?,
            share: share(max.unwrap_or(USUAL_SHARE))?,
        },
    };
    Ok(Gate { signal, method, min_samples: raw.min_samples.unwrap_or(min_samples) })
}

/// A limit in the unit of the signal's histogram.
fn bound(signal: Signal, limit: RawLimit) -> Result<u64, Invalid> {
    let refused = |allowed: &str| {
        let found = match limit {
            RawLimit::Time(span) => span.to_string(),
            RawLimit::Tokens(tokens) => tokens.to_string(),
        };
        Err(Invalid::new("limit", format!("found `{found}`; allowed {allowed}; change it")))
    };
    match (signal, limit) {
        (Signal::FirstToken, RawLimit::Time(Span(time))) => match u64::try_from(time.as_millis()) {
            Ok(milliseconds @ 1..=600_000) => Ok(milliseconds),
            _ => refused("1ms to 10m"),
        },
        (Signal::FirstToken, _) => refused("1ms to 10m"),
        (Signal::TokensPerSecond, RawLimit::Tokens(tokens @ 1..=1_000_000)) => {
            Ok(1_000_000 / u64::from(tokens))
        }
        (Signal::TokensPerSecond, _) => refused("1 to 1000000 tokens"),
        (Signal::OutputTokens, RawLimit::Tokens(tokens @ 1..=1_000_000)) => Ok(u64::from(tokens)),
        (Signal::OutputTokens, _) => refused("1 to 1000000 tokens"),
        _ => refused(&format!("none for {}, whose limit is max", signal.as_str())),
    }
}
