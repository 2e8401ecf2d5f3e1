//! The real parts that runs and tests need, found or fetched: Envoy, the filters' wasm, Debian, npm
//! and Python packages.
//!
//! Nothing is installed on the machine. A part that is not there already is put below the workspace's
//! `target/parts`, with one line that says so, and stays there for the next run. A file lock keeps
//! parallel tests from fetching the same part twice.
//!
//! Where that cannot work (no python3, no network) the error says what to install. Leaving a part out is
//! possible only by naming it: [`Without`].

mod command;
mod debian;
mod envoy;
mod filters;
mod marked;
mod npm;
mod place;
mod python;
mod without;

pub use command::CommandError;
pub use debian::DebianError;
pub use envoy::EnvoyError;
pub use filters::{Features, FiltersError};
pub use npm::NpmError;
pub use place::{Parts, PlaceError};
pub use python::PythonError;
pub use without::{Part, Without, WithoutError};
