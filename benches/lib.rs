//! What the benchmarks share: the inputs they measure on.

pub mod corpora;
pub mod guests;
pub mod load;
pub mod proxies;
pub mod simulated;
