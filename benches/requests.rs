//! What chains cost before the router: requests with a short body, answered with a short one.

use std::error::Error;
use std::path::Path;

use crate::chains::Chain;
use crate::corpora::{Text, chat};
use crate::costs::{Costs, WARM_UP};
use crate::load::Load;
use crate::proxies::{Modules, Proxy};

const CONNECTIONS: usize = 4;

/// Requests of a chain in a round, and the bytes of a body.
const REQUESTS: usize = 200;
const BODY: usize = 1 << 10;

/// Measures these chains, one of which is [`Chain::Nothing`] and one [`Chain::Empty`], and prints their table. Each
/// has an Envoy of its own, and differences are taken within a round.
///
/// # Errors
/// When an Envoy does not start, or a request is not answered.
pub fn measure(
    chains: &[Chain],
    rounds: usize,
    envoy: &Path,
    folder: &Path,
    modules: &Modules,
) -> Result<Costs, Box<dyn Error>> {
    let upstream = Proxy::start_upstream(envoy, folder)?;
    let body = chat(Text::English, BODY);
    let start = |chain: &Chain| -> Result<_, Box<dyn Error>> {
        let proxy = Proxy::start(envoy, folder, *chain, modules, upstream.address)?;
        let load = Load::open(proxy.address, CONNECTIONS, &body)?;
        Ok((proxy, load))
    };
    let mut started = chains.iter().map(start).collect::<Result<Vec<_>, _>>()?;
    let mut costs = Costs::of(chains);
    for round in 0..rounds + WARM_UP {
        eprint!("\rrequests: round {round} of {} ", rounds + WARM_UP - 1);
        costs.round(round, |place| {
            let (proxy, load) = started.get_mut(place).ok_or("a chain without a proxy")?;
            // Not counted: its caches are cold after the others' turns.
            load.send(4 * CONNECTIONS)?;
            let before = proxy.cpu()?;
            load.send(REQUESTS)?;
            Ok::<_, Box<dyn Error>>((proxy.cpu()? - before) / u32::try_from(REQUESTS)?)
        })?;
    }
    eprintln!();
    print(chains, &costs);
    Ok(costs)
}

fn print(chains: &[Chain], costs: &Costs) {
    println!(
        "\n| request of 1 KB | CPU us | of the empty wasm filter's | added us | of the empty wasm filter's |"
    );
    println!("|---|--:|--:|--:|--:|");
    for chain in chains {
        println!(
            "| {} | {:.1} | {:.2} | {:.1} | {:.2} |",
            chain.name(),
            costs.median(*chain),
            costs.median(*chain) / costs.median(Chain::Empty),
            costs.added(*chain),
            costs.added(*chain) / costs.added(Chain::Empty),
        );
    }
}
