//! What came of a rollout, for people.

use std::time::Duration;

use super::fleet::{Agreement, Place};
use super::published::{Evidence, Phase, Published};
use super::record::{Record, Turn};
use super::statistics::Statistics;
use crate::scenario::quantity;

const HEAD: [&str; 8] =
    ["time", "phase", "step", "share", "verdict", "candidate", "stable", "weights"];
const WIDTHS: [usize; 8] = [8, 11, 4, 5, 12, 14, 16, 13];

/// A line for each turn: since when, the step and the candidate's share, the verdict, what was answered and
/// what of it failed, the weights, and the evidence of each gate with the bound at which it fails.
#[must_use]
pub fn timeline(record: &Record) -> Vec<String> {
    let mut lines = vec![row(&HEAD.map(str::to_owned), "evidence")];
    lines.extend(record.turns.iter().map(|turn| {
        let Published { phase, step, percent, weights, evidence, .. } = &turn.published;
        let weights: Vec<String> =
            weights.iter().map(|(name, weight)| format!("{name}={weight}")).collect();
        let [candidate, stable] = [0, 1].map(|version| answered(turn, version));
        let is_begun = *phase != Phase::Waiting;
        let cells = [
            since(turn.at),
            phase.name().to_owned(),
            if is_begun { (step + 1).to_string() } else { String::new() },
            if is_begun { format!("{percent}%") } else { String::new() },
            turn.verdict.clone().unwrap_or_default(),
            candidate,
            stable,
            weights.join(" "),
        ];
        let mut evidence: Vec<(&String, &Evidence)> = evidence.iter().collect();
        evidence.retain(|(_, one)| one.log > 0.0);
        evidence.sort_by(|(_, one), (_, other)| nearness(other).total_cmp(&nearness(one)));
        let evidence: Vec<String> = evidence.into_iter().map(told_evidence).collect();
        row(&cells, &evidence.join(", "))
    }));
    lines
}

fn row(cells: &[String; 8], evidence: &str) -> String {
    let cells = cells.iter().zip(WIDTHS).map(|(cell, width)| format!("{cell:<width$}"));
    format!("{}  {evidence}", cells.collect::<Vec<_>>().join("  ")).trim_end().to_owned()
}

fn answered(turn: &Turn, version: usize) -> String {
    let of = |all: &[u64; 2]| all.get(version).copied().unwrap_or(0);
    format!("{} ({})", of(&turn.answered), of(&turn.failed))
}

fn nearness(evidence: &Evidence) -> f64 {
    evidence.log / evidence.bound.filter(|bound| *bound > 0.0).unwrap_or(1.0)
}

fn told_evidence((signal, evidence): (&String, &Evidence)) -> String {
    match evidence.bound {
        Some(bound) => format!("{signal} {:.1} of {bound:.1}", evidence.log),
        None => format!("{signal} {:.1}", evidence.log),
    }
}

/// A time since the rollout began.
fn since(at: i128) -> String {
    let time = Duration::from_nanos(u64::try_from(at.unsigned_abs()).unwrap_or(u64::MAX));
    let time =
        Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX) / 100 * 100);
    let sign = if at < 0 { '-' } else { '+' };
    format!("{sign}{:.1}s", time.as_secs_f64())
}

/// What was played and what it came to, as lines.
#[must_use]
pub fn told(record: &Record) -> Vec<String> {
    let mut lines = vec![sentence(record)];
    let summary = summary(record).into_iter();
    lines.extend(summary.map(|(name, value)| format!("{name:<18} {value}")));
    lines
}

/// Who is tried, and what is wrong with it.
pub(super) fn sentence(record: &Record) -> String {
    let (canary, schedule) = (&record.canary, &record.schedule);
    let steps: Vec<String> = schedule.steps.iter().map(ToString::to_string).collect();
    format!(
        "{} requests a second; {} instead of {} in pool {}, steps {} every {}; candidate {}, stable error={}",
        canary.rate,
        schedule.candidate,
        schedule.stable,
        schedule.pool,
        steps.join(", "),
        quantity::display(schedule.interval),
        canary.candidate,
        canary.stable_error,
    )
}

/// Name and value of what it comes to.
pub(super) fn summary(record: &Record) -> Vec<(&'static str, String)> {
    let published = record.published();
    let lead = record.lead.as_nanos().cast_signed();
    let end = match record.over {
        Some(over) => {
            let after = since(i128::from(over) - lead);
            let what = if published.vetoes > 0 && !published.phase.is_final() {
                "stopped by this proxy's own evidence"
            } else {
                published.phase.name()
            };
            format!("{what} at {after}, step {}", published.step + 1)
        }
        None => format!("not ended; {} at step {}", published.phase.name(), published.step + 1),
    };
    let share = |(requests, failures): (u64, u64)| {
        #[expect(clippy::cast_precision_loss, reason = "numbers of requests")]
        let percent = 100.0 * failures as f64 / requests.max(1) as f64;
        format!("{requests} requests, {failures} failed ({percent:.2}%)")
    };
    let [candidate, stable] = record.totals().map(share);
    let asks: Vec<String> = published
        .asks
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(what, count)| format!("{count} {what}"))
        .collect();
    let mut lines = vec![("rollout", end), ("candidate", candidate), ("stable", stable)];
    if record.schedule.prometheus.is_some() {
        lines
            .push(("questions", if asks.is_empty() { "none".to_owned() } else { asks.join(", ") }));
    }
    if record.traps > 0 {
        lines.push(("traps", record.traps.to_string()));
    }
    lines
}

/// A line for each instant of a fleet: a letter or digit for each proxy, and whether they agree.
#[must_use]
pub fn agreement(agreement: &Agreement) -> Vec<String> {
    let mut lines = vec![format!("{:>7}  {:>8}  {:<9}  proxies", "instant", "time", "")];
    for instant in &agreement.instants {
        let states: String = instant.states.iter().copied().map(letter).collect();
        let time = agreement.schedule.after(instant.number);
        let agrees = if instant.agrees() { "agree" } else { "DISAGREE" };
        let answers = match instant.answers {
            0 | 1 => String::new(),
            count => format!("  {count} different answers"),
        };
        let time = format!("+{}", quantity::display(time));
        lines.push(format!("{:>7}  {time:>8}  {agrees:<9}  {states}{answers}", instant.number));
    }
    lines.push(String::new());
    lines.push(
        "a digit: the step; w waiting, d done, r rolled back, h held; a dot: not yet begun"
            .to_owned(),
    );
    let instants = agreement.instants.len();
    lines.push(format!(
        "{} of {instants} instants with proxies at different steps, {} whose question had different answers",
        agreement.disagreements(),
        agreement.ambiguous(),
    ));
    lines
}

fn letter(place: Place) -> char {
    match place {
        Place::Absent => '.',
        Place::Vetoed => 'v',
        Place::At(Phase::Waiting, _) => 'w',
        Place::At(Phase::Done, _) => 'd',
        Place::At(Phase::RolledBack, _) => 'r',
        Place::At(Phase::Held, _) => 'h',
        Place::At(Phase::Running, step) => {
            let step = u32::try_from(step + 1).unwrap_or(0);
            // Behind the ninth step come letters; capitals, since small ones are phases.
            char::from_digit(step, 36).map_or('+', |digit| digit.to_ascii_uppercase())
        }
    }
}

/// What many rollouts came to, as lines.
#[must_use]
pub fn told_statistics(statistics: &Statistics) -> Vec<String> {
    let percentile = |percent| {
        let found = statistics.percentile(percent);
        found.map_or_else(|| "-".to_owned(), |count| count.to_string())
    };
    let (runs, back) = (statistics.runs, statistics.at_rollback.len());
    vec![
        format!("{back} of {runs} rollouts rolled back, {} requests in all", statistics.requests),
        format!(
            "the candidate's requests at the rollback: half of them at most {}, 90 of 100 {}, 99 of 100 {}",
            percentile(50),
            percentile(90),
            percentile(99),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_proxy_of_a_fleet_has_a_sign_of_its_own() {
        let running = |step| Place::At(Phase::Running, step);
        let all = [Place::Absent, Place::Vetoed, running(0), running(9), running(99)];
        let ends = [Phase::Waiting, Phase::Done, Phase::RolledBack, Phase::Held];
        let ends = ends.map(|phase| Place::At(phase, 3));
        let signs: String = all.into_iter().chain(ends).map(letter).collect();
        assert_eq!(signs, ".v1A+wdrh");
    }

    #[test]
    fn evidence_stands_with_its_bound_and_times_are_those_of_the_rollout() {
        let signal = "failures".to_owned();
        let told = |bound| told_evidence((&signal, &Evidence { log: 4.25, bound }));
        assert_eq!([told(Some(5.3)), told(None)], ["failures 4.2 of 5.3", "failures 4.2"]);
        assert_eq!([since(-9_700_000_000), since(37_251_000_000)], ["-9.7s", "+37.2s"]);
    }
}
