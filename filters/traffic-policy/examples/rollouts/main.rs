//! How soon a bad candidate is stopped, and how often a good one is.
//!
//! `cargo run --release -p traffic-policy --example rollouts [RUNS [WORDS]]` plays ten thousand rollouts
//! (or so many) for each row through the evidence that proxies use, and prints the table; with words only
//! those rows whose names have one of them. Seeds are fixed: the same figures every time. Progress is on
//! stderr. A look comes after every ten requests where something is to be found, and after every hundred
//! where nothing is.

mod others;
mod play;
mod world;

use std::env;
use std::process::ExitCode;

use play::{Outcome, Play};
use traffic_policy::evidence::{Gate, RawGate, Signal, gates};
use traffic_policy::invalid::Invalid;
use traffic_policy::rollout::{Alphas, Analysis};
use world::{SIGMA, Version};

const ALPHA: f64 = 0.005;

fn main() -> ExitCode {
    let mut words = env::args().skip(1);
    let runs = words.next().and_then(|runs| runs.parse().ok()).unwrap_or(10_000);
    let words: Vec<String> = words.collect();
    match table(runs, &words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(invalid) => {
            eprintln!("{invalid}");
            ExitCode::FAILURE
        }
    }
}

fn table(runs: u64, words: &[String]) -> Result<(), Invalid> {
    println!("| row | rollouts | stopped | median | p90 | p99 |");
    println!("|---|---|---|---|---|---|");
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word));
    let print = |name: &str, outcome: Outcome| {
        let at = |share| outcome.quantile(share).map_or("-".into(), |at| at.to_string());
        let (stopped, median) = (outcome.stopped_percent(), at(0.5));
        println!(
            "| {name} | {} | {stopped:.2} % | {median} | {} | {} |",
            outcome.runs,
            at(0.9),
            at(0.99)
        );
    };
    for (name, play) in rows()? {
        if wanted(&name) {
            print(&name, play.runs(&name, runs));
        }
    }
    for (name, outcome) in [
        ("Wald, both rates known: 6 % against 1 %", others::wald(0.01, 0.06, ALPHA, runs)),
        ("windows of 600, at most 1 % may fail: 6 %", others::windows(0.06, 0.01, 50_000, runs)),
        ("windows of 600, at most 1 % may fail: 1 %", others::windows(0.01, 0.01, 50_000, runs)),
        ("windows of 600, at most 2 % may fail: 6 %", others::windows(0.06, 0.02, 50_000, runs)),
        ("windows of 600, at most 2 % may fail: 1 %", others::windows(0.01, 0.02, 50_000, runs)),
    ] {
        if wanted(name) {
            print(name, outcome);
        }
    }
    Ok(())
}

/// Who judges, by what, and how often they may be wrong.
type Judge = (&'static str, Vec<Gate>, Alphas);

fn judges() -> Result<[Judge; 3], Invalid> {
    let one = |signal| {
        let raw = RawGate { signal, max_ratio: None, max: None, limit: None, min_samples: None };
        gates(Some(vec![raw]), 200)
    };
    let all = gates(None, 200)?;
    let alone = Alphas::new(Analysis::Prometheus, ALPHA, 1);
    let shared = Alphas { local: 0.0, ..Alphas::new(Analysis::Both, ALPHA, 100) };
    Ok([
        ("one gate", one(Signal::Failures)?, alone),
        ("first token alone", one(Signal::FirstToken)?, alone),
        ("all gates", all, shared),
    ])
}

fn rows() -> Result<Vec<(String, Play)>, Invalid> {
    let [failures, first_token, all] = judges()?;
    let mut rows = Vec::new();
    let play = |candidate: Version, (_, gates, alphas): &Judge| Play {
        candidate,
        stable: Version::new(0.01),
        percents: vec![10],
        requests: 200_000,
        look: 10,
        proxies: 1,
        gates: gates.clone(),
        alphas: *alphas,
        has_outages: false,
    };
    for percent in [6, 2, 3, 4, 10, 20, 50] {
        for judge in [&failures, &all] {
            let candidate = Version::new(f64::from(percent) / 100.0);
            rows.push((
                format!("{percent} % fail against 1 %, {}", judge.0),
                play(candidate, judge),
            ));
        }
    }
    let slow = |times: f64, sigma: f64| Version::new(0.01).first_token(400.0 * times, sigma);
    for (times, sigma) in [(2.0, SIGMA), (2.0, 0.4), (2.0, 1.0), (1.7, SIGMA), (1.25, SIGMA)] {
        for judge in [&first_token, &all] {
            let mut play = play(slow(times, sigma), judge);
            play.stable = slow(1.0, sigma);
            play.requests = 50_000;
            rows.push((format!("first token {times}x (sigma {sigma}), {}", judge.0), play));
        }
    }
    // The parts of a fleet of 100 whose verdicts nobody asks for: one proxy's veto.
    let veto = Alphas { fleet: 0.0, ..Alphas::new(Analysis::Both, ALPHA, 100) };
    let judge = ("one proxy's veto, all gates", all.1.clone(), veto);
    rows.push((format!("6 % fail against 1 %, {}", judge.0), play(Version::new(0.06), &judge)));
    // The same requests over many proxies, each of which weighs its own.
    for (proxies, look) in [(50, 10), (50, 1)] {
        let name = format!("6 % fail against 1 %, {proxies} proxies, {look} each between looks");
        rows.push((name, Play { proxies, look, ..play(Version::new(0.06), &all) }));
    }
    rows.extend(without_difference(&failures, &all, &play));
    Ok(rows)
}

/// Five hundred thousand requests, and nothing to be found.
fn without_difference(
    failures: &Judge,
    all: &Judge,
    play: &impl Fn(Version, &Judge) -> Play,
) -> Vec<(String, Play)> {
    let equal =
        |judge: &Judge| Play { requests: 500_000, look: 100, ..play(Version::new(0.01), judge) };
    let steps = || vec![10, 25, 50];
    let both = Alphas::new(Analysis::Both, ALPHA, 100);
    let of_50 = Alphas::new(Analysis::Both, ALPHA, 50);
    let row = |name: &str, play| (format!("no difference, {name}"), play);
    vec![
        row("one gate", equal(failures)),
        row("fleet of 50 with vetoes, all gates", Play { proxies: 50, alphas: both, ..equal(all) }),
        row("all gates", equal(all)),
        row(
            "one gate, 10, 25, 50 %, outages of both",
            Play { percents: steps(), has_outages: true, ..equal(failures) },
        ),
        row(
            "fleet of 50 with vetoes of 50, one gate",
            Play { proxies: 50, alphas: of_50, ..equal(failures) },
        ),
        row("all gates, 10, 25, 50 %", Play { percents: steps(), ..equal(all) }),
    ]
}
