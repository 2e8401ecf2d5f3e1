//! One line for each thing that happens to a rollout, with the evidence.

use std::fmt::Write as _;

use traffic_policy::rollout::{Phase, State};

use super::judged::Judged;
use super::metrics::Names;

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Why {
    /// The schedule, or a verdict of the fleet's, and the signals that fail.
    Verdict(Vec<&'static str>),
    /// This proxy has seen enough.
    Veto,
}

/// Tells where the rollout is now.
pub(super) fn tell(names: &Names, state: &State, why: &Why, judged: &Judged) {
    let line = line(names, state, why, judged);
    match state.phase {
        Phase::RolledBack | Phase::Held => log::warn!("{line}"),
        Phase::Waiting | Phase::Running | Phase::Done => log::info!("{line}"),
    }
}

fn line(names: &Names, state: &State, why: &Why, judged: &Judged) -> String {
    let Names { pool, candidate, stable, .. } = names;
    let mut line = format!("llm-mesh: pool {pool}: rollout of {candidate} instead of {stable} ");
    let percent = state.percent.unwrap_or(0);
    let _ = match state.phase {
        Phase::Waiting => write!(line, "waits"),
        Phase::Running => write!(line, "is at step {}, {percent} %", state.step + 1),
        Phase::Done => write!(line, "is done, {percent} %"),
        Phase::RolledBack => write!(line, "is rolled back at step {}", state.step + 1),
        Phase::Held => write!(line, "is held at step {}, {percent} %", state.step + 1),
    };
    let _ = match why {
        Why::Veto => write!(line, ", here only, by what this proxy has seen"),
        Why::Verdict(failed) if !failed.is_empty() => {
            write!(line, ", because of {}", failed.join(", "))
        }
        Why::Verdict(_) => Ok(()),
    };
    for standing in &judged.standings {
        let signal = standing.signal.as_str();
        let _ = write!(line, "; {signal} {}", standing.verdict.as_str());
        if standing.bound.is_finite() {
            let _ = write!(line, " (evidence {:.2} of {:.2}", standing.log, standing.bound);
        } else {
            let _ = write!(line, " (evidence {:.2}", standing.log);
        }
        let _ = write!(line, ", {} requests", standing.samples);
        let _ = match standing.ratio {
            Some(ratio) => write!(line, ", {ratio:.2} times)"),
            None => write!(line, ")"),
        };
    }
    line
}

#[cfg(test)]
mod tests {
    use traffic_policy::evidence::{Signal, Standing};
    use traffic_policy::rollout::Verdict;

    use super::*;

    #[test]
    fn a_line_says_what_happened_and_by_which_evidence() {
        let [pool, candidate, stable, start] = ["gpu", "v2", "v1", "1000"].map(str::to_owned);
        let names = Names { pool, candidate, stable, start };
        let state =
            State { phase: Phase::RolledBack, step: 1, percent: Some(0), since: 3, next: None };
        let standing = Standing {
            signal: Signal::Failures,
            verdict: Verdict::Fail,
            log: 5.421,
            bound: 5.298,
            samples: 119,
            ratio: Some(6.01),
        };
        let judged = Judged { verdict: Verdict::Fail, standings: vec![standing] };
        let why = Why::Verdict(vec!["failures"]);
        assert_eq!(
            line(&names, &state, &why, &judged),
            "llm-mesh: pool gpu: rollout of v2 instead of v1 is rolled back at step 2, because of failures; failures fail (evidence 5.42 of 5.30, 119 requests, 6.01 times)"
        );
    }
}
