//! Makes the constant tables of the exact token counters, for the encodings whose features are on.
//!
//! The vocabularies come out of a published crate and are checked against the sums that OpenAI
//! publishes with them. What is written is laid out as the counter looks it up, so that a module
//! that was loaded is ready: nothing is parsed, hashed or allocated when a proxy starts.

#[cfg(any(feature = "exact-o200k", feature = "exact-cl100k"))]
#[path = "build/tables.rs"]
mod tables;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=src/exact/hash.rs");
    #[cfg(any(feature = "exact-o200k", feature = "exact-cl100k"))]
    tables::write_all()?;
    Ok(())
}
