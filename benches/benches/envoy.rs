//! What a filter costs in a real Envoy: processor time per request, against what else a proxy
//! offers for the same work.
//!
//! `cargo bench -p benches --bench envoy [-- --rounds 100]`
//!
//! Every chain has an Envoy of its own, and all of them run throughout over kept connections. Rounds are
//! short, a fraction of a second a chain, and there are many. What is printed is the time that a chain
//! *adds* to the Envoy without a filter (`costs`), and its ratio to what `json_to_metadata` adds.

use std::error::Error;
use std::time::Duration;

use benches::argument;
use benches::chains::Chain;
use benches::corpora::{Text, chat};
use benches::costs::{Costs, WARM_UP};
use benches::load::Load;
use benches::proxies::{Modules, Proxy};
use host_sim::model::EnvoyVersion;
use host_sim::parts::Parts;

const CONNECTIONS: usize = 4;

/// Bytes of a body, and how many requests a chain gets in a round.
const SIZES: [(usize, usize); 3] = [(1 << 10, 200), (16 << 10, 150), (64 << 10, 100)];

fn main() -> Result<(), Box<dyn Error>> {
    let rounds = argument("--rounds").unwrap_or(100);
    let parts = Parts::here()?;
    let envoy = parts.envoy(EnvoyVersion::default())?;
    let folder = tempfile::tempdir()?;
    let modules = Modules::build(&parts, folder.path())?;
    let upstream = Proxy::start_upstream(&envoy, folder.path())?;
    let proxies = Chain::ALL
        .into_iter()
        .map(|chain| Proxy::start(&envoy, folder.path(), chain, &modules, upstream.address))
        .collect::<Result<Vec<_>, _>>()?;
    println!(
        "Envoy 1.40.0, one worker, HTTP/1.1, {CONNECTIONS} connections, {rounds} rounds; medians"
    );
    for (size, requests) in SIZES {
        let body = chat(Text::English, size);
        let mut costs = Costs::of(&Chain::ALL);
        let mut loads = proxies
            .iter()
            .map(|proxy| Load::open(proxy.address, CONNECTIONS, &body))
            .collect::<Result<Vec<_>, _>>()?;
        for round in 0..rounds + WARM_UP {
            eprint!("\r{:>3} KB: round {round} of {} ", size >> 10, rounds + WARM_UP - 1);
            costs.round(round, |place| {
                let chain = proxies.get(place).zip(loads.get_mut(place));
                let (proxy, load) = chain.ok_or("a chain without a proxy")?;
                cost(proxy, load, requests)
            })?;
        }
        eprintln!();
        report(size, &costs);
    }
    Ok(())
}

fn cost(proxy: &Proxy, load: &mut Load, requests: usize) -> Result<Duration, Box<dyn Error>> {
    // Not counted: its caches are cold after the others' turns.
    load.send(4 * CONNECTIONS)?;
    let before = proxy.cpu()?;
    load.send(requests)?;
    Ok((proxy.cpu()? - before) / u32::try_from(requests)?)
}

fn report(size: usize, costs: &Costs) {
    println!(
        "\n| {} KB body | CPU us/request | added us | vs json_to_metadata | vs empty wasm |",
        size >> 10
    );
    println!("|---|--:|--:|--:|--:|");
    for chain in Chain::ALL {
        println!(
            "| {} | {:.1} | {:.1} | {:.2} | {:.2} |",
            chain.name(),
            costs.median(chain),
            costs.added(chain),
            costs.added(chain) / costs.added(Chain::JsonToMetadata),
            costs.added(chain) / costs.added(Chain::Empty),
        );
    }
}
