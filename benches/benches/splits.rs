//! What canary-split costs in a real Envoy: processor time per request, against a wasm filter that does nothing.
//!
//! `cargo bench -p benches --bench splits [-- --rounds 40]`
//!
//! The split alone looks at headers of requests. With a rollout or with weights by load it also reads answers; the
//! counting is the worker's own and goes to shared data once a second, so a request makes no host call for it.

use std::error::Error;

use benches::chains::Chain;
use benches::proxies::Modules;
use benches::{argument, requests};
use host_sim::model::EnvoyVersion;
use host_sim::parts::Parts;

fn main() -> Result<(), Box<dyn Error>> {
    let rounds = argument("--rounds").unwrap_or(40);
    let parts = Parts::here()?;
    let envoy = parts.envoy(EnvoyVersion::default())?;
    let folder = tempfile::tempdir()?;
    let modules = Modules::build(&parts, folder.path())?;
    println!("Envoy 1.40.0, one worker, HTTP/1.1, {rounds} rounds; medians");
    let costs = requests::measure(&Chain::OF_SPLITS, rounds, &envoy, folder.path(), &modules)?;
    let empty = costs.added(Chain::Empty);
    for (what, before, after) in [
        ("canary-split adds to token-router", Chain::RequestsOnly, Chain::RouterAndSplit),
        (
            "a rollout adds to token-router and token-metrics",
            Chain::RouterAndMetrics,
            Chain::RolloutAndMetrics,
        ),
    ] {
        let more = costs.added_to(before, after);
        println!("| what {what} | | | {more:.1} | {:.2} |", more / empty);
    }
    Ok(())
}
