//! What it costs in a real Envoy to read answers: processor time per event of a stream and per JSON answer,
//! against the filters that Envoy itself has for it.
//!
//! `cargo bench -p benches --bench streams [-- --rounds 40]`
//!
//! As in `envoy`, every chain has an Envoy of its own, and what is printed is the time that it *adds* to the
//! one without a filter (`costs`).

use std::error::Error;
use std::time::Duration;

use benches::argument;
use benches::chains::Chain;
use benches::costs::{Costs, WARM_UP};
use benches::proxies::{Modules, Proxy};
use benches::streaming::{Answer, EVENTS, Reader, serve};
use host_sim::model::EnvoyVersion;
use host_sim::parts::Parts;

fn main() -> Result<(), Box<dyn Error>> {
    let rounds = argument("--rounds").unwrap_or(40);
    let parts = Parts::here()?;
    let envoy = parts.envoy(EnvoyVersion::default())?;
    let folder = tempfile::tempdir()?;
    let modules = Modules::build(&parts, folder.path())?;
    let upstream = serve()?;
    let chains = Chain::OF_ANSWERS;
    let proxies = chains
        .into_iter()
        .map(|chain| Proxy::start(&envoy, folder.path(), chain, &modules, upstream))
        .collect::<Result<Vec<_>, _>>()?;
    let mut readers =
        proxies.iter().map(|proxy| Reader::open(proxy.address)).collect::<Result<Vec<_>, _>>()?;
    println!("Envoy 1.40.0, one worker, HTTP/1.1, one connection, {rounds} rounds; medians");
    let mut costs = Answer::ALL.map(|_| Costs::of(&chains));
    for round in 0..rounds + WARM_UP {
        eprint!("\rround {round} of {} ", rounds + WARM_UP - 1);
        for (answer, costs) in Answer::ALL.into_iter().zip(&mut costs) {
            costs.round(round, |place| {
                let chain = proxies.get(place).zip(readers.get_mut(place));
                let (proxy, reader) = chain.ok_or("a chain without a proxy")?;
                cost(proxy, reader, answer)
            })?;
        }
    }
    eprintln!();
    for (answer, costs) in Answer::ALL.into_iter().zip(&costs) {
        report(answer, costs);
    }
    Ok(())
}

/// Processor time of an event, or of an answer.
fn cost(proxy: &Proxy, reader: &mut Reader, answer: Answer) -> Result<Duration, Box<dyn Error>> {
    let (times, parts) = match answer {
        Answer::Coalesced => (10, EVENTS),
        Answer::Paced => (4, EVENTS),
        _ => (100, 1),
    };
    reader.read(answer, 1)?;
    let before = proxy.cpu()?;
    reader.read(answer, times)?;
    Ok((proxy.cpu()? - before) / u32::try_from(times * parts)?)
}

fn report(answer: Answer, costs: &Costs) {
    let (what, rival) = match answer {
        Answer::Coalesced => ("event, coalesced", Chain::SseToMetadata),
        Answer::Paced => ("event, paced", Chain::SseToMetadata),
        _ => ("JSON answer of 16 KB", Chain::JsonToMetadataOfAnswers),
    };
    println!("\n| {what} | CPU us | added us | vs {} |", rival.name());
    println!("|---|--:|--:|--:|");
    let chains = [Chain::Nothing, Chain::Empty, Chain::RequestsOnly, Chain::TokenMetrics, rival];
    for chain in chains {
        println!(
            "| {} | {:.2} | {:.2} | {:.2} |",
            chain.name(),
            costs.median(chain),
            costs.added(chain),
            costs.added(chain) / costs.added(rival),
        );
    }
    let of_answers = costs.added(Chain::TokenMetrics) - costs.added(Chain::RequestsOnly);
    let share = of_answers / costs.added(rival);
    println!("| what answers cost in it | | {of_answers:.2} | {share:.2} |");
}
