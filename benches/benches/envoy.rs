//! What a filter costs in a real Envoy: processor time per request, against what else a proxy
//! offers for the same work.
//!
//! `cargo bench -p benches --bench envoy [-- --rounds 100]`
//!
//! Every chain has an Envoy of its own, all of them run throughout over kept connections, and a
//! round loads one after the other with the same number of requests, each round beginning with
//! another, because whoever follows an idle moment pays for it. Rounds are short, a fraction of a
//! second a chain, and there are many: a machine that slows down slows all chains of a round. What
//! is printed is the time that a chain *adds* to the Envoy without a filter, the median of the
//! differences within each round, and its ratio to what `json_to_metadata` adds.

use std::error::Error;
use std::time::Duration;

use benches::corpora::{Text, chat};
use benches::load::Load;
use benches::proxies::{Chain, EMPTY, HOST_CALLS, Modules, Proxy};
use host_sim::model::EnvoyVersion;
use host_sim::parts::{Features, Parts};

const CONNECTIONS: usize = 4;

/// Bytes of a body, and how many requests a chain gets in a round.
const SIZES: [(usize, usize); 3] = [(1 << 10, 200), (16 << 10, 150), (64 << 10, 100)];

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
        let mut costs = vec![Vec::new(); proxies.len()];
        let mut loads = proxies
            .iter()
            .map(|proxy| Load::open(proxy.address, CONNECTIONS, &body))
            .collect::<Result<Vec<_>, _>>()?;
        // The first rounds warm up.
        for round in 0..rounds + 3 {
            eprint!("\r{:>3} KB: round {round} of {} ", size >> 10, rounds + 2);
            let mut turn: Vec<_> = proxies.iter().zip(&mut loads).zip(&mut costs).collect();
            let length = turn.len();
            turn.rotate_left(round % length);
            for ((proxy, load), costs) in turn {
                let cost = cost(proxy, load, requests)?;
                if round >= 3 {
                    costs.push(cost);
                }
            }
        }
        eprintln!();
        report(size, &costs);
    }
    Ok(())
}

fn rounds() -> usize {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--rounds").skip(1);
    arguments.next().and_then(|number| number.parse().ok()).unwrap_or(100)
}

fn cost(proxy: &Proxy, load: &mut Load, requests: usize) -> Result<Duration, Box<dyn Error>> {
    // Not counted: its caches are cold after the others' turns.
    load.send(4 * CONNECTIONS)?;
    let before = proxy.cpu()?;
    load.send(requests)?;
    Ok((proxy.cpu()? - before) / u32::try_from(requests)?)
}

/// The median, in microseconds.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

fn report(size: usize, costs: &[Vec<Duration>]) {
    let of = |chain: Chain| -> Vec<f64> {
        let index = Chain::ALL.iter().position(|c| *c == chain);
        let costs = index.and_then(|index| costs.get(index)).into_iter().flatten();
        costs.map(|cost| cost.as_secs_f64() * 1e6).collect()
    };
    let nothing = of(Chain::Nothing);
    let added =
        |chain: Chain| median(of(chain).into_iter().zip(&nothing).map(|(cost, base)| cost - base));
    println!(
        "\n| {} KB body | CPU us/request | added us | vs json_to_metadata | vs empty wasm |",
        size >> 10
    );
    println!("|---|--:|--:|--:|--:|");
    for chain in Chain::ALL {
        println!(
            "| {} | {:.1} | {:.1} | {:.2} | {:.2} |",
            chain.name(),
            median(of(chain).into_iter()),
            added(chain),
            added(chain) / added(Chain::JsonToMetadata),
            added(chain) / added(Chain::Empty),
        );
    }
}
