//! What the benchmarks share: the inputs they measure on.

pub mod corpora;
pub mod debian;
pub mod guests;
pub mod hostile;
pub mod least_squares;
pub mod load;
pub mod prose;
pub mod proxies;
pub mod samples;
pub mod simulated;
pub mod streaming;
pub mod v8;
