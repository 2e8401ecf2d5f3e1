//! Recording rules that add up the evidence of all proxies on a candidate, and say what it comes to.
//!
//! A proxy exports counters of which the logarithm of its evidence is made, for each ratio of the grid of
//! `traffic_policy::evidence`: `events * ln(ratio) - against`. Evidence of proxies multiplies, so logarithms
//! add up, and Prometheus has no more to do than to add, to mix the grid, and to compare with the bound. The
//! grid is in the rules as numbers, because PromQL cannot make a number of a label; so they are made here.
//!
//! # Why differences are added up
//! A sum of counters falls when a proxy goes or begins anew, and evidence once found would be lost: with
//! each pod that is replaced, and all of it with a new deployment. `increase` over the whole rollout would
//! do, but extrapolates, and reads all samples of all proxies at every evaluation. So each evaluation adds
//! what the counters of each proxy have grown by since the one before, to what the rule itself had recorded.
//!
//! # Limits
//! What counts for nothing, since nobody knows how much it was: what a proxy had counted when it was scraped
//! for the first time, what it counts between a restart and its next scrape, and what all of them count in
//! an evaluation that Prometheus leaves out. Evidence stays valid, for this does not depend on what became
//! of requests.

use std::fmt::Write as _;

use traffic_policy::evidence::process::{GRID, Ratio};

/// The file, from the workspace's root.
pub const FILE: &str = "manifests/prometheus/canary.yaml";

/// How often, and how late.
#[derive(Debug, Clone, Copy)]
pub struct Rhythm {
    /// The group's interval, in seconds.
    pub interval: u32,
    /// A sample is looked at when it is so old, in seconds. A scrape writes its samples when it is over, with
    /// the time at which it began; one that an evaluation overtakes would be seen by none.
    pub late: u32,
}

/// That of the file: a scrape takes ten seconds at most, unless it was allowed more.
pub const USUAL: Rhythm = Rhythm { interval: 15, late: 10 };

/// What tells rollouts apart, and their gates.
const ROLLOUT: &str = "pool, version, stable, start";
const GATE: &str = "pool, version, stable, start, signal";

/// What has to stand in the file.
pub fn canary(rhythm: Rhythm) -> String {
    let mut file = String::from(HEAD);
    let _ = writeln!(file, "- name: llm-split\n  interval: {}s\n  rules:", rhythm.interval);
    file += "  \
  # What all proxies have counted: what each has grown by since the evaluation before, and what was recorded
  # then. So none takes anything away when it goes or begins anew, and one that comes begins with its first
  # scrape. It ends when no proxy has the rollout any more.
";
    added_up(&mut file, "llm_split_events", "_total", ", side", rhythm);
    added_up(&mut file, "llm_split_against_micros", "_total", ", side, ratio", rhythm);
    added_up(&mut file, "llm_split_samples", "_total", "", rhythm);
    file += "  \
  # The logarithm of the evidence that the candidate is worse: the mean over a grid of ratios, and over both
  # sides where there are two. Beyond 700 either way there is no number, and nothing to know.
  - record: rollout:llm_split_evidence:ln
    expr: |
      ln(avg by (";
    let _ = writeln!(file, "{GATE}) (");
    for (place, Ratio { ratio, weight, .. }) in GRID.iter().enumerate() {
        let (plus, ln) = (if place == 0 { ' ' } else { '+' }, ratio.ln());
        let _ = writeln!(
            file,
            "      {plus} {weight} * exp(clamp({ln} * rollout:llm_split_events:sum - ignoring (ratio) rollout:llm_split_against_micros:sum{{ratio=\"{ratio}\"}} / 1e6, -700, 700))",
        );
    }
    let _ = write!(file, "      ))\n{VERDICT}");
    file
}

const HEAD: &str = "\
# What all proxies together have found out about a candidate: the one series that canary-split asks for.
# Made by a program: change tests/canary_rules.rs, then
# `cargo run -p tests --example canary_rules > manifests/prometheus/canary.yaml`.
# A proxy has to be scraped by one job only: evidence that is counted twice is none.
groups:
";

const VERDICT: &str = "  \
  # -1 where the evidence has reached the bound, and most proxies find the difference large enough to act on.
  # Else how many requests of the candidate were judged.
  - record: rollout:llm_split_verdict
    expr: |
      -group by (pool, version, stable, start, signal) (
        rollout:llm_split_evidence:ln >= max by (pool, version, stable, start, signal) (llm_split_bound_micros) / 1e6
        and avg by (pool, version, stable, start, signal) (llm_split_matters) >= 0.5
      )
      or rollout:llm_split_samples:sum
";

/// A rule that adds up a counter.
fn added_up(file: &mut String, metric: &str, end: &str, more: &str, rhythm: Rhythm) {
    let Rhythm { interval, late } = rhythm;
    let (counter, rule, before) =
        (format!("{metric}{end}"), format!("rollout:{metric}:sum"), interval + late);
    let _ = writeln!(
        file,
        "  - record: {rule}
    expr: |
      sum by ({GATE}{more}) (
        clamp_min({counter} offset {late}s - last_over_time({counter}[5m] offset {before}s), 0)
        or last_over_time({rule}[1d]) and on ({ROLLOUT}) llm_split_rollout offset {late}s
      )",
    );
}
