//! What it costs to read and write the breaker's record, as wasm in V8, without a proxy around it.
//!
//! `cargo bench -p benches --bench records`
//!
//! Nanoseconds of the fastest of many turns, for pools of so many endpoints that have all answered lately. What
//! the proxy takes to hand the bytes over is not in it.

use std::error::Error;

use benches::programs;

fn main() -> Result<(), Box<dyn Error>> {
    println!("| endpoints | bytes | ns, a request is admitted | ns, an outcome is written |");
    println!("|--:|--:|--:|--:|");
    programs::run("records-guest")
}
