//! How the versions behave: the stable one well, with a few errors, and the candidate as it was told.

use std::str::FromStr;
use std::time::Duration;

use super::answers::Ending;
use crate::draw::{self, Purpose};

/// What is wrong with the candidate; shares are of its requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Candidate {
    /// Nothing: it fails as often as the stable version.
    Good,
    /// This share fails: half of them with a status, half inside a 200.
    Error(f64),
    /// First tokens take so many times as long.
    Latency(f64),
    /// This share ends in the middle.
    Truncation(f64),
    /// With every minute this share more fails.
    Leak(f64),
    /// This share fails for a minute, a minute after the rollout has begun.
    Blip(f64),
}

const BLIP: std::ops::Range<Duration> = Duration::from_secs(60)..Duration::from_secs(120);
/// What leaks and blips have when nothing is said.
const LEAK: f64 = 0.01;
const BLIP_SHARE: f64 = 0.3;

/// What is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "found `{0}`; allowed good, error=0.06, latency=2x, truncation=0.05, leak, leak=0.01, blip, blip=0.3; a \
     share is a number from 0 to 1, and latency is 1x to 100x"
)]
pub struct UnknownCandidate(String);

impl FromStr for Candidate {
    type Err = UnknownCandidate;

    fn from_str(text: &str) -> Result<Self, UnknownCandidate> {
        let unknown = || UnknownCandidate(text.to_owned());
        let (name, value) = text.split_once('=').map_or((text, None), |(n, v)| (n, Some(v)));
        let share = |value: Option<&str>, default: Option<f64>| match value {
            Some(value) => {
                let share = value.parse().ok().filter(|share| (0.0..=1.0).contains(share));
                share.ok_or_else(unknown)
            }
            None => default.ok_or_else(unknown),
        };
        match name {
            "good" if value.is_none() => Ok(Self::Good),
            "error" => share(value, None).map(Self::Error),
            "truncation" => share(value, None).map(Self::Truncation),
            "leak" => share(value, Some(LEAK)).map(Self::Leak),
            "blip" => share(value, Some(BLIP_SHARE)).map(Self::Blip),
            "latency" => {
                let times = value.map(|value| value.strip_suffix('x').unwrap_or(value));
                let times = times.and_then(|times| times.parse().ok());
                let times = times.filter(|times: &f64| (1.0..=100.0).contains(times));
                times.map(Self::Latency).ok_or_else(unknown)
            }
            _ => Err(unknown()),
        }
    }
}

impl std::fmt::Display for Candidate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Good => write!(f, "good"),
            Self::Error(share) => write!(f, "error={share}"),
            Self::Latency(times) => write!(f, "latency={times}x"),
            Self::Truncation(share) => write!(f, "truncation={share}"),
            Self::Leak(share) => write!(f, "leak={share}"),
            Self::Blip(share) => write!(f, "blip={share}"),
        }
    }
}

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fate {
    pub(super) ending: Ending,
    /// First tokens take so many times as long.
    pub(super) slower: f64,
}

/// What becomes of a request at the candidate, or without one at another version. What is drawn depends on the
/// request alone: it would fail at both, or at the worse one.
pub(super) fn fate(
    candidate: Option<Candidate>,
    stable_error: f64,
    rollout_began: Duration,
    (seed, number): (u64, usize),
) -> Fate {
    let mut random = draw::of(seed, Purpose::Fate, number);
    let (place, inside) = (random.f64(), random.bool());
    let minutes = rollout_began.as_secs_f64() / 60.0;
    let (errors, truncated, slower) = match candidate {
        None | Some(Candidate::Good) => (stable_error, 0.0, 1.0),
        Some(Candidate::Error(share)) => (share, 0.0, 1.0),
        Some(Candidate::Latency(times)) => (stable_error, 0.0, times),
        Some(Candidate::Truncation(share)) => (stable_error, share, 1.0),
        Some(Candidate::Leak(share)) => (stable_error + share * minutes, 0.0, 1.0),
        Some(Candidate::Blip(share)) if BLIP.contains(&rollout_began) => (share, 0.0, 1.0),
        Some(Candidate::Blip(_)) => (stable_error, 0.0, 1.0),
    };
    let ending = match place {
        place if place < errors && inside => Ending::ErrorEvent,
        place if place < errors => Ending::Refused,
        place if place < errors + truncated => Ending::Truncated,
        _ => Ending::Whole,
    };
    Fate { ending, slower }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_candidate_is_told_by_a_word_and_a_number() {
        let read = |text: &str| text.parse::<Candidate>();
        assert_eq!(read("good"), Ok(Candidate::Good));
        assert_eq!(read("error=0.06"), Ok(Candidate::Error(0.06)));
        assert_eq!(read("latency=2x"), Ok(Candidate::Latency(2.0)));
        assert_eq!(read("leak"), Ok(Candidate::Leak(0.01)));
        for wrong in ["", "bad", "good=1", "error", "error=2", "error=x", "latency=0x", "latency"] {
            let error = read(wrong).unwrap_err().to_string();
            assert!(error.starts_with(&format!("found `{wrong}`; allowed good")), "{error}");
        }
    }

    #[test]
    fn as_many_fail_as_was_asked_for_and_only_when() {
        let share = |candidate, seconds, is: fn(Ending) -> bool| {
            let at = Duration::from_secs(seconds);
            let fates = (0..20_000).map(|number| fate(candidate, 0.01, at, (1, number)).ending);
            fates.filter(|ending| is(*ending)).count()
        };
        let fails = |ending| matches!(ending, Ending::ErrorEvent | Ending::Refused);
        assert!((150..250).contains(&share(None, 0, fails)));
        assert!((1_100..1_300).contains(&share(Some(Candidate::Error(0.06)), 0, fails)));
        let inside = share(Some(Candidate::Error(0.06)), 0, |ending| ending == Ending::ErrorEvent);
        assert!((500..700).contains(&inside), "{inside}");
        assert!((2_050..2_350).contains(&share(Some(Candidate::Leak(0.01)), 600, fails)));
        let blip = Some(Candidate::Blip(0.3));
        let blips = [0, 90, 120].map(|seconds| share(blip, seconds, fails) > 5_000);
        assert_eq!(blips, [false, true, false]);
        let cut = share(Some(Candidate::Truncation(0.05)), 0, |e| e == Ending::Truncated);
        assert!((900..1_100).contains(&cut), "{cut}");
    }
}
