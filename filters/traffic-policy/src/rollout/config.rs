//! `rollout` as it is written, and the way to a [`Rollout`].

use std::time::Duration;

use serde::Deserialize;

use super::{Moment, Rollout};
use crate::evidence::{Gate, RawGate, gates};
use crate::invalid::Invalid;
use crate::split::Split;
use crate::units::Span;

/// The section `rollout` of one pool.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRollout {
    /// The version that is tried; of two the second if left out.
    pub candidate: Option<String>,
    /// The version that it is compared with, and goes back to; of two the first if left out.
    pub stable: Option<String>,
    /// When the first step begins.
    pub start_at: Moment,
    /// The time between two verdicts.
    pub interval: Span,
    /// The candidate's shares, of a hundred that it and the stable version have together.
    pub candidate_steps: Vec<i64>,
    /// What a failure leads to.
    #[serde(default)]
    pub on_fail: OnFail,
    /// How many requests of the candidate a gate has to have seen before it passes, unless it says so
    /// itself.
    #[serde(default = "min_samples")]
    pub min_samples: u32,
    /// How likely a candidate that is no worse may be rolled back, all looks of all proxies together.
    #[serde(default = "alpha")]
    pub alpha: f64,
    /// How many proxies may veto by what they have seen themselves.
    #[serde(default = "fleet_size")]
    pub fleet_size: u32,
    /// Where verdicts come from; `both` where there is a Prometheus, if left out.
    pub analysis: Option<Analysis>,
    /// The Prometheus that is asked; with analysis `local` none is.
    pub prometheus: Option<RawPrometheus>,
    /// What the candidate is judged by; all of them if left out.
    pub gates: Option<Vec<RawGate>>,
}

fn min_samples() -> u32 {
    200
}

fn alpha() -> f64 {
    0.005
}

fn fleet_size() -> u32 {
    100
}

/// What a failure leads to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFail {
    /// The candidate gets nothing any more.
    #[default]
    Rollback,
    /// The candidate keeps what it has.
    Hold,
}

/// Where verdicts come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Analysis {
    /// From Prometheus, for all proxies alike.
    Prometheus,
    /// From what this proxy has seen.
    Local,
    /// From Prometheus; and what this proxy has seen may stop the candidate here.
    Both,
}

/// The Prometheus that is asked, as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawPrometheus {
    cluster: String,
    #[serde(default = "host")]
    host: String,
    #[serde(default = "evaluation_delay")]
    evaluation_delay: Span,
    #[serde(default = "timeout")]
    timeout: Span,
    query: Option<String>,
}

fn host() -> String {
    "prometheus".into()
}

fn evaluation_delay() -> Span {
    Span(Duration::from_secs(30))
}

fn timeout() -> Span {
    Span(Duration::from_secs(2))
}

/// The Prometheus that is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prometheus {
    /// The proxy's cluster that leads to it.
    pub cluster: String,
    /// What `host` says.
    pub host: String,
    /// How late scrapes may arrive.
    pub evaluation_delay: Duration,
    /// How long to wait for an answer.
    pub timeout: Duration,
    /// The question; ours if there is none.
    pub query: Option<String>,
}

/// How likely a candidate that is no worse may be stopped, by each of those who judge.
///
/// Both together may not do so more often than the whole says. Half is for the verdicts that all proxies
/// share, and half for the vetoes, of which every proxy of the fleet has an equal part: whatever they have
/// seen in common, the parts add up to the half.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alphas {
    /// By the verdicts that all proxies share.
    pub fleet: f64,
    /// By the veto of this one.
    pub local: f64,
}

impl TryFrom<(RawRollout, &Split)> for Rollout {
    type Error = Invalid;

    fn try_from((raw, split): (RawRollout, &Split)) -> Result<Self, Invalid> {
        let (candidate, stable) = versions(&raw, split)?;
        let interval = span("interval", raw.interval, [SECOND, 86_400])?;
        let steps = steps(&raw.candidate_steps)?;
        if !(1e-9..=0.5).contains(&raw.alpha) {
            let problem = format!("found `{}`; allowed 1e-9 to 0.5; 0.005 is usual", raw.alpha);
            return Err(Invalid::new("alpha", problem));
        }
        if !(1..=MOST_PROXIES).contains(&raw.fleet_size) {
            let problem = format!(
                "found `{}`; allowed 1 to {MOST_PROXIES}; set it to how many proxies there may be",
                raw.fleet_size
            );
            return Err(Invalid::new("fleet_size", problem));
        }
        let prometheus = raw
            .prometheus
            .map(|raw| prometheus(raw).map_err(|e| e.under("prometheus")))
            .transpose()?;
        let analysis = match (raw.analysis, prometheus.is_some()) {
            (Some(Analysis::Prometheus | Analysis::Both), false) => {
                let problem = "found none; allowed its cluster; add it, or set analysis to `local`";
                return Err(Invalid::new("prometheus", problem));
            }
            (Some(analysis), _) => analysis,
            (None, true) => Analysis::Both,
            (None, false) => Analysis::Local,
        };
        // One that is not asked delays nothing.
        let prometheus = prometheus.filter(|_| analysis != Analysis::Local);
        let gates: Vec<Gate> = gates(raw.gates, raw.min_samples)?;
        let alphas = Alphas::new(analysis, raw.alpha, raw.fleet_size);
        let (start, on_fail) = (raw.start_at.0, raw.on_fail);
        Ok(Self {
            candidate,
            stable,
            start,
            interval,
            steps,
            on_fail,
            analysis,
            alphas,
            gates,
            prometheus,
        })
    }
}

impl Alphas {
    /// The parts that each of those who judge has of the whole.
    pub fn new(analysis: Analysis, alpha: f64, fleet_size: u32) -> Self {
        let [fleet, local] = match analysis {
            Analysis::Prometheus => [alpha, 0.0],
            Analysis::Local => [0.0, alpha],
            Analysis::Both => [alpha / 2.0, alpha / 2.0],
        };
        Self { fleet, local: local / f64::from(fleet_size.max(1)) }
    }
}

const SECOND: u64 = 1;

/// More proxies than any mesh has.
const MOST_PROXIES: u32 = 100_000;

/// So many steps; each takes an interval at least.
const MOST_STEPS: usize = 100;

/// A rollout multiplies weights by a hundred.
const MOST_SUM: u64 = (u32::MAX / 100) as u64;

fn versions(raw: &RawRollout, split: &Split) -> Result<(usize, usize), Invalid> {
    let arms = split.arms();
    let place = |path: &str, name: &Option<String>, default: usize| match name {
        Some(name) => split.position(name).ok_or_else(|| {
            let versions = arms.iter().map(|arm| arm.version.as_str());
            Invalid::not_one_of(path, name, versions, "add it to weights")
        }),
        None if arms.len() == 2 => Ok(default),
        None => {
            let found = format!("found none, and `{}` versions in weights", arms.len());
            let problem = format!("{found}; allowed one of them; name it");
            Err(Invalid::new(path, problem))
        }
    };
    let (stable, candidate) =
        (place("stable", &raw.stable, 0)?, place("candidate", &raw.candidate, 1)?);
    if candidate == stable {
        let name = arms.get(candidate).map_or("", |arm| arm.version.as_str());
        let problem = format!("found `{name}`, the stable version; allowed another; name another");
        return Err(Invalid::new("candidate", problem));
    }
    let sum: u64 = arms.iter().map(|arm| u64::from(arm.weight)).sum();
    if sum > MOST_SUM {
        let problem = format!(
            "found weights of the sum `{sum}`; allowed {MOST_SUM} with a rollout; lower all in proportion"
        );
        return Err(Invalid::new("candidate_steps", problem));
    }
    let weight = |arm: usize| arms.get(arm).map_or(0, |arm| arm.weight);
    if weight(candidate) == 0 && weight(stable) == 0 {
        let problem = "found weights of 0 for it and the stable version; allowed any other; raise one of them";
        return Err(Invalid::new("candidate", problem));
    }
    Ok((candidate, stable))
}

fn steps(raw: &[i64]) -> Result<Vec<u32>, Invalid> {
    if !(1..=MOST_STEPS).contains(&raw.len()) {
        let cure = if raw.is_empty() { "add one" } else { "remove some" };
        let problem = format!("found `{}` steps; allowed 1 to {MOST_STEPS}; {cure}", raw.len());
        return Err(Invalid::new("candidate_steps", problem));
    }
    let mut steps = Vec::with_capacity(raw.len());
    let mut least = 1;
    for (index, step) in raw.iter().enumerate() {
        let Some(percent) = u32::try_from(*step).ok().filter(|p| (least..=100).contains(p)) else {
            let problem = format!(
                "found `{step}`; allowed {least} to 100, each more than the one before; {}",
                if *step > 100 { "lower it" } else { "raise it" }
            );
            return Err(Invalid::new(format!("candidate_steps[{index}]"), problem));
        };
        steps.push(percent);
        least = percent + 1;
    }
    Ok(steps)
}

fn prometheus(raw: RawPrometheus) -> Result<Prometheus, Invalid> {
    for (path, text) in [("cluster", Some(&raw.cluster)), ("query", raw.query.as_ref())] {
        if text.is_some_and(|text| text.trim_ascii().is_empty()) {
            return Err(Invalid::new(path, "found nothing; allowed any text; write it"));
        }
    }
    if raw.host.is_empty() || !raw.host.bytes().all(|byte| byte.is_ascii_graphic()) {
        let problem = format!("found `{}`; allowed a host name; write it", raw.host);
        return Err(Invalid::new("host", problem));
    }
    Ok(Prometheus {
        cluster: raw.cluster,
        host: raw.host,
        evaluation_delay: span("evaluation_delay", raw.evaluation_delay, [0, 3_600])?,
        timeout: span("timeout", raw.timeout, [SECOND, 60])?,
        query: raw.query,
    })
}

/// A length of time between so many seconds.
fn span(path: &str, found: Span, seconds: [u64; 2]) -> Result<Duration, Invalid> {
    let [least, most] = seconds.map(|seconds| Span(Duration::from_secs(seconds)));
    if (least..=most).contains(&found) {
        return Ok(found.0);
    }
    let cure = if found < least { "raise it" } else { "lower it" };
    Err(Invalid::new(path, format!("found `{found}`; allowed {least} to {most}; {cure}")))
}
