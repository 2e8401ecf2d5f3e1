//! How fast answers are read as wasm in V8, without a proxy around it.
//!
//! `cargo bench -p benches --bench answers` builds the program and runs it under Node with the flag
//! that Envoy gives its engine. The times are nanoseconds of the fastest of many turns, for an event
//! and for a JSON body. `streams` measures the same inside a real Envoy, with all that is around it.

use std::error::Error;

use benches::programs;

fn main() -> Result<(), Box<dyn Error>> {
    println!("| answer | bytes | ns, event by event | ns, 40 events at a time |");
    println!("|---|---|---|---|");
    programs::run("answers-guest")
}
