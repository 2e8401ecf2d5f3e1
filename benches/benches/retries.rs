//! What retries and breakers cost in a real Envoy: processor time per request of retry-breaker, and per
//! attempt and per event of attempt-guard, against wasm filters that do nothing.
//!
//! `cargo bench -p benches --bench retries [-- --rounds 40]`
//!
//! As in `envoy`, every chain has an Envoy of its own, and differences are taken within a round (`costs`). Behind
//! the router the difference is to a chain that is the same before it: attempt-guard does what retry-breaker
//! has planned, and tells it what became of the attempt, which is part of what it costs.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use benches::chains::Chain;
use benches::costs::{Costs, WARM_UP};
use benches::proxies::{Modules, Proxy};
use benches::streaming::{Answer, EVENTS, Reader, serve};
use benches::{argument, requests};
use host_sim::model::EnvoyVersion;
use host_sim::parts::Parts;

/// What the attempts are answered with.
const ANSWERS: [Answer; 4] = [Answer::Json, Answer::Brief, Answer::Coalesced, Answer::Paced];

fn main() -> Result<(), Box<dyn Error>> {
    let rounds = argument("--rounds").unwrap_or(40);
    let parts = Parts::here()?;
    let envoy = parts.envoy(EnvoyVersion::default())?;
    let folder = tempfile::tempdir()?;
    let modules = Modules::build(&parts, folder.path())?;
    println!("Envoy 1.40.0, one worker, HTTP/1.1, {rounds} rounds; medians");
    let costs = requests::measure(&Chain::OF_RETRIES, rounds, &envoy, folder.path(), &modules)?;
    let more = costs.added_to(Chain::RequestsOnly, Chain::RouterAndBreaker);
    println!(
        "| what retry-breaker adds to token-router | | | {more:.1} | {:.2} |",
        more / costs.added(Chain::Empty)
    );
    attempts(rounds, &envoy, folder.path(), &modules)
}

/// Behind the router: JSON answers, and streams whose events come one by one or many at a time.
fn attempts(
    rounds: usize,
    envoy: &Path,
    folder: &Path,
    modules: &Modules,
) -> Result<(), Box<dyn Error>> {
    let upstream = serve()?;
    let start = |chain| -> Result<_, Box<dyn Error>> {
        let proxy = Proxy::start(envoy, folder, chain, modules, upstream)?;
        let reader = Reader::open(proxy.address)?;
        Ok((proxy, reader))
    };
    let mut chains = Chain::OF_ATTEMPTS.into_iter().map(start).collect::<Result<Vec<_>, _>>()?;
    let mut costs = ANSWERS.map(|_| Costs::of(&Chain::OF_ATTEMPTS));
    for round in 0..rounds + WARM_UP {
        eprint!("\rattempts: round {round} of {} ", rounds + WARM_UP - 1);
        for (answer, costs) in ANSWERS.into_iter().zip(&mut costs) {
            costs.round(round, |place| {
                let (proxy, reader) = chains.get_mut(place).ok_or("a chain without a proxy")?;
                let (times, parts) = turns(answer);
                reader.read(answer, 1)?;
                let before = proxy.cpu()?;
                reader.read(answer, times)?;
                per(proxy.cpu()? - before, times * parts)
            })?;
        }
    }
    eprintln!();
    for (answer, costs) in ANSWERS.into_iter().zip(&costs) {
        report(answer, costs);
    }
    let [_, brief, coalesced, paced] = &costs;
    report_event("coalesced", coalesced, brief);
    report_event("paced", paced, brief);
    Ok(())
}

/// How often an answer is asked for in a round, and how many parts of it share its cost.
fn turns(answer: Answer) -> (usize, usize) {
    match answer {
        Answer::Coalesced => (10, EVENTS),
        Answer::Paced => (4, EVENTS),
        _ => (100, 1),
    }
}

fn report(answer: Answer, costs: &Costs) {
    let what = match answer {
        Answer::Coalesced => "event, coalesced",
        Answer::Paced => "event, paced",
        Answer::Brief => "attempt, stream of three events",
        _ => "attempt, JSON answer of 16 KB",
    };
    println!(
        "\n| {what} | CPU us | of the empty filter's | added us | more than the empty filter |"
    );
    println!("|---|--:|--:|--:|--:|");
    let [before, empty, ..] = Chain::OF_ATTEMPTS;
    for chain in Chain::OF_ATTEMPTS {
        println!(
            "| {} | {:.2} | {:.2} | {:.2} | {:.2} |",
            chain.name(),
            costs.median(chain),
            costs.median(chain) / costs.median(empty),
            costs.added_to(before, chain),
            costs.added_to(empty, chain),
        );
    }
}

/// What an event costs more than with the empty filter, without its share of what the attempt does.
fn report_event(what: &str, event: &Costs, attempt: &Costs) {
    let [_, empty, guard, ..] = Chain::OF_ATTEMPTS;
    let share = attempt.added_to(empty, guard) / EVENTS as f64;
    let more = event.added_to(empty, guard) - share;
    println!(
        "\nAn event, {what}, without its share of the attempt: {more:.2} us more than the empty filter"
    );
}

fn per(cost: Duration, requests: usize) -> Result<Duration, Box<dyn Error>> {
    Ok(cost / u32::try_from(requests)?)
}
