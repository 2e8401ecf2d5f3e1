//! The scanner as a program of its own: reads a body, scans it again and again, and prints the
//! nanoseconds of the fastest turn.
//!
//! It is built apart from the benchmark, for the very processor it runs on, because that is what
//! a wasm engine does with the module: `scan-native scan|walk ROUNDS TURNS PIECE < BODY`.

mod rounds;

use std::hint::black_box;
use std::io::{self, Read as _};
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let work = match arguments.next().as_deref() {
        Some("scan") => rounds::scan,
        Some("walk") => rounds::walk,
        _ => return Err("the first argument: `scan` or `walk`".into()),
    };
    let mut arguments = arguments.map(|argument| argument.parse::<usize>());
    let mut next = || arguments.next().ok_or("three numbers: rounds, turns, piece");
    let (rounds, turns, piece) = (next()??, next()??, next()??);
    let mut body = Vec::new();
    io::stdin().read_to_end(&mut body)?;
    let fastest = (0..turns).fold(Duration::MAX, |fastest, _| {
        let start = Instant::now();
        black_box(work(&body, rounds, piece));
        fastest.min(start.elapsed())
    });
    println!("{}", fastest.as_nanos());
    Ok(())
}
