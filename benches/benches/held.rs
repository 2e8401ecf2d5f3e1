//! What a real Envoy holds because of token-metrics: for each open stream, and after a million requests
//! that each name a model of their own.
//!
//! `cargo bench -p benches --bench held [-- --streams 4000 --names 1000000]`
//!
//! Memory is what the process holds (RSS) at the end, less what it held before; of an open stream also less
//! what the same stream costs an Envoy with an empty wasm filter. Each stream has generated some tokens.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use benches::argument;
use benches::chains::Chain;
use benches::proxies::{Modules, Proxy};
use benches::streaming::{Reader, serve};
use host_sim::model::EnvoyVersion;
use host_sim::parts::Parts;

fn main() -> Result<(), Box<dyn Error>> {
    let parts = Parts::here()?;
    let envoy = parts.envoy(EnvoyVersion::default())?;
    let folder = tempfile::tempdir()?;
    let modules = Modules::build(&parts, folder.path())?;
    let upstream = serve()?;
    let streams = argument("--streams").unwrap_or(4000);
    println!(
        "Envoy 1.40.0, one worker\n\n| open streams: {streams} | bytes each | of the filter |"
    );
    println!("|---|--:|--:|");
    let mut base = 0.0;
    for chain in [Chain::Empty, Chain::TokenMetrics] {
        let proxy = Proxy::start(&envoy, folder.path(), chain, &modules, upstream)?;
        let each = per_stream(&proxy, streams)?;
        if chain == Chain::Empty {
            base = each;
        }
        println!("| {} | {each:.0} | {:.0} |", chain.name(), each - base);
    }
    let names = argument("--names").unwrap_or(1_000_000);
    let server = Proxy::start_upstream(&envoy, folder.path())?;
    let chain = Chain::ModelMetrics;
    let proxy = Proxy::start(&envoy, folder.path(), chain, &modules, server.address)?;
    println!("\n| names of models | MB held | more than after the first tenth |\n|---|--:|--:|");
    let mut first = None;
    for tenth in 0..10 {
        eprint!("\r{} of 10 ", tenth + 1);
        name_models(proxy.address, tenth * names / 10..(tenth + 1) * names / 10)?;
        let held = proxy.memory()? as f64 / 1e6;
        let first = *first.get_or_insert(held);
        println!("| {} | {held:.1} | {:.1} |", (tenth + 1) * names / 10, held - first);
    }
    Ok(())
}

fn per_stream(proxy: &Proxy, streams: usize) -> Result<f64, Box<dyn Error>> {
    // Whatever is made once is made now.
    let mut readers = Vec::new();
    for _ in 0..streams / 10 {
        readers.push(open(proxy)?);
    }
    let before = proxy.memory()?;
    for _ in 0..streams {
        readers.push(open(proxy)?);
    }
    Ok((proxy.memory()? as f64 - before as f64) / streams as f64)
}

fn open(proxy: &Proxy) -> Result<Reader, Box<dyn Error>> {
    let mut reader = Reader::open(proxy.address)?;
    reader.begin()?;
    Ok(reader)
}

/// Requests in flight on the connection.
const PIPELINED: usize = 50;

/// How an answer begins.
const BEGINNING: &[u8] = b"HTTP/1.1 200";

fn name_models(proxy: SocketAddr, names: std::ops::Range<usize>) -> Result<(), Box<dyn Error>> {
    let mut connection = TcpStream::connect(proxy)?;
    let mut piece = vec![0; 64 << 10];
    for start in names.clone().step_by(PIPELINED) {
        let end = names.end.min(start + PIPELINED);
        let requests: String = (start..end).map(request).collect();
        connection.write_all(requests.as_bytes())?;
        let (mut answers, mut text) = (0, Vec::new());
        while answers < end - start {
            let read = connection.read(&mut piece)?;
            if read == 0 {
                return Err("the proxy closed".into());
            }
            // What an answer begins with may be cut in two.
            text.drain(..text.len().saturating_sub(BEGINNING.len() - 1));
            text.extend_from_slice(piece.get(..read).unwrap_or_default());
            answers += text.windows(BEGINNING.len()).filter(|w| *w == BEGINNING).count();
        }
    }
    Ok(())
}

fn request(name: usize) -> String {
    let body = format!("{{\"model\":\"made-up-{name}\",\"messages\":[]}}");
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}
