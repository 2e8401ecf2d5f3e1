//! What the benchmarks share: the inputs they measure on.

pub mod chains;
pub mod corpora;
pub mod costs;
pub mod debian;
pub mod guests;
pub mod hostile;
pub mod least_squares;
pub mod load;
pub mod programs;
pub mod prose;
pub mod proxies;
pub mod requests;
pub mod samples;
pub mod simulated;
pub mod streaming;
pub mod v8;

/// The number that follows `name` on the command line.
pub fn argument(name: &str) -> Option<usize> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
    arguments.next().and_then(|number| number.parse().ok())
}
