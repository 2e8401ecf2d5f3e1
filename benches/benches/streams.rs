//! What it costs in a real Envoy to read answers: processor time per event of a stream and per JSON answer,
//! against the filters that Envoy itself has for it.
//!
//! `cargo bench -p benches --bench streams [-- --rounds 40]`
//!
//! As in `envoy`, every chain has an Envoy of its own and a round loads one after the other. What is printed
//! is the time that a chain *adds* to the Envoy without a filter, the median over the rounds.

use std::error::Error;
use std::time::Duration;

use benches::proxies::{Chain, EMPTY, HOST_CALLS, Modules, Proxy};
use benches::streaming::{Answer, EVENTS, Reader, serve};
use host_sim::model::EnvoyVersion;
use host_sim::parts::{Features, Parts};

fn main() -> Result<(), Box<dyn Error>> {
    let rounds = rounds();
    let parts = Parts::here()?;
    let envoy = parts.envoy(EnvoyVersion::default())?;
    let folder = tempfile::tempdir()?;
    let modules = Modules {
        mesh: parts.filters(&Features::Default)?,
        empty: folder.path().join("empty.wasm"),
        host_calls: folder.path().join("host_calls.wasm"),
    };
    std::fs::write(&modules.empty, wat::parse_str(EMPTY)?)?;
    std::fs::write(&modules.host_calls, wat::parse_str(HOST_CALLS)?)?;
    let upstream = serve()?;
    let chains = Chain::OF_ANSWERS;
    let proxies = chains
        .into_iter()
        .map(|chain| Proxy::start(&envoy, folder.path(), chain, &modules, upstream))
        .collect::<Result<Vec<_>, _>>()?;
    let mut readers =
        proxies.iter().map(|proxy| Reader::open(proxy.address)).collect::<Result<Vec<_>, _>>()?;
    println!("Envoy 1.40.0, one worker, HTTP/1.1, one connection, {rounds} rounds; medians");
    let mut costs = Answer::ALL.map(|_| vec![Vec::new(); chains.len()]);
    // The first rounds warm up.
    for round in 0..rounds + 3 {
        eprint!("\rround {round} of {} ", rounds + 2);
        for (answer, costs) in Answer::ALL.into_iter().zip(&mut costs) {
            let mut turn: Vec<_> = proxies.iter().zip(&mut readers).zip(costs).collect();
            let length = turn.len();
            turn.rotate_left(round % length);
            for ((proxy, reader), costs) in turn {
                let cost = cost(proxy, reader, answer)?;
                if round >= 3 {
                    costs.push(cost);
                }
            }
        }
    }
    eprintln!();
    for (answer, costs) in Answer::ALL.into_iter().zip(&costs) {
        report(answer, costs);
    }
    Ok(())
}

fn rounds() -> usize {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--rounds").skip(1);
    arguments.next().and_then(|number| number.parse().ok()).unwrap_or(40)
}

/// Processor time of an event, or of an answer.
fn cost(proxy: &Proxy, reader: &mut Reader, answer: Answer) -> Result<Duration, Box<dyn Error>> {
    let (times, parts) = match answer {
        Answer::Coalesced => (10, EVENTS),
        Answer::Paced => (4, EVENTS),
        Answer::Json | Answer::Open => (100, 1),
    };
    reader.read(answer, 1)?;
    let before = proxy.cpu()?;
    reader.read(answer, times)?;
    Ok((proxy.cpu()? - before) / u32::try_from(times * parts)?)
}

/// The median, in microseconds.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

fn report(answer: Answer, costs: &[Vec<Duration>]) {
    let of = |chain: Chain| -> Vec<f64> {
        let index = Chain::OF_ANSWERS.iter().position(|c| *c == chain);
        let costs = index.and_then(|index| costs.get(index)).into_iter().flatten();
        costs.map(|cost| cost.as_secs_f64() * 1e6).collect()
    };
    let nothing = of(Chain::Nothing);
    let added =
        |chain: Chain| median(of(chain).into_iter().zip(&nothing).map(|(cost, base)| cost - base));
    let (what, rival) = match answer {
        Answer::Coalesced => ("event, coalesced", Chain::SseToMetadata),
        Answer::Paced => ("event, paced", Chain::SseToMetadata),
        Answer::Json | Answer::Open => ("JSON answer of 16 KB", Chain::JsonToMetadataOfAnswers),
    };
    println!("\n| {what} | CPU us | added us | vs {} |", rival.name());
    println!("|---|--:|--:|--:|");
    let chains = [Chain::Nothing, Chain::Empty, Chain::RequestsOnly, Chain::TokenMetrics, rival];
    for chain in chains {
        println!(
            "| {} | {:.2} | {:.2} | {:.2} |",
            chain.name(),
            median(of(chain).into_iter()),
            added(chain),
            added(chain) / added(rival),
        );
    }
    let of_answers = added(Chain::TokenMetrics) - added(Chain::RequestsOnly);
    let share = of_answers / added(rival);
    println!("| what answers cost in it | | {of_answers:.2} | {share:.2} |");
}
