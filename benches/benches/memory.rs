//! What a filter costs a real Envoy in memory and start-up: the default build, the one with exact
//! counts, and a filter that counts with the crate `tiktoken`, beside an empty one.
//!
//! `cargo bench -p benches --bench memory [-- --rounds 9]`
//!
//! Envoys with two workers, started one after the other and stopped again; the least of all rounds
//! of each is its figure. Ready is when a connection is accepted. Filters are built before Envoy listens.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use benches::argument;
use benches::chains::Chain;
use benches::proxies::{EMPTY, Modules, Proxy};
use host_sim::model::EnvoyVersion;
use host_sim::parts::{Features, Parts};

const WORKERS: u32 = 2;

fn main() -> Result<(), Box<dyn Error>> {
    let parts = Parts::here()?;
    let envoy = parts.envoy(EnvoyVersion::default())?;
    let folder = tempfile::tempdir()?;
    let empty = folder.path().join("empty.wasm");
    fs::write(&empty, wat::parse_str(EMPTY)?)?;
    let exact = Features::Only(vec!["default".into(), "exact-o200k".into()]);
    let library = library(&parts)?;
    let sides = [
        ("no filter", Chain::Nothing, empty.clone()),
        ("empty wasm filter", Chain::Empty, empty),
        ("llm-mesh", Chain::Knob, parts.filters(&Features::Default)?),
        ("llm-mesh with o200k_base", Chain::Knob, parts.filters(&exact)?),
        ("filter on tiktoken", Chain::Empty, library),
    ];
    let mut least = [(u64::MAX, Duration::MAX); 5];
    for round in 0..argument("--rounds").unwrap_or(9) {
        eprint!("\rround {round} ");
        for ((_, chain, module), least) in sides.iter().zip(&mut least) {
            let modules =
                Modules { mesh: module.clone(), empty: module.clone(), host_calls: module.clone() };
            let (proxy, time) =
                Proxy::start_timed(&envoy, folder.path(), *chain, &modules, WORKERS)?;
            *least = (proxy.memory()?.min(least.0), time.min(least.1));
        }
    }
    let [_, (memory, time), ..] = least;
    println!(
        "\n| Envoy 1.40.0, two workers | RSS MB | ready ms | MB above empty | ms above empty |"
    );
    println!("|---|--:|--:|--:|--:|");
    for ((name, ..), least) in sides.iter().zip(least) {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        println!(
            "| {name} | {:.1} | {:.0} | {:.1} | {:.0} |",
            least.0 as f64 / 1e6,
            ms(least.1),
            (least.0 as f64 - memory as f64) / 1e6,
            ms(least.1) - ms(time)
        );
    }
    Ok(())
}

/// Builds the filter on `tiktoken`.
fn library(parts: &Parts) -> Result<std::path::PathBuf, Box<dyn Error>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let status = Command::new(cargo)
        .args(["build", "--profile", "filter", "--target", "wasm32-wasip1", "-p", "tiktoken-guest"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .stdout(Stdio::null())
        .status()?;
    if !status.success() {
        return Err("tiktoken-guest does not build".into());
    }
    Ok(parts.target().join("wasm32-wasip1/filter/tiktoken_guest.wasm"))
}
