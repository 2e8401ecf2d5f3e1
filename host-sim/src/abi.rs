//! What the proxy-wasm ABI fixes between a plugin and its host: numbers, names, encodings.
//!
//! Versions 0.1.0, 0.2.0 and 0.2.1, as Envoy speaks them.
//! Nothing here runs a guest or knows what a number means to a request: [`crate::vm`] does the
//! first, [`crate::model`] the second, and both speak in these terms.
//! No SDK is consulted for any value, so that one misreading cannot be shared by host and guest.

pub mod action;
pub mod buffers;
pub mod callback;
pub mod log_level;
pub mod maps;
pub mod metrics;
pub mod pairs;
pub mod property_path;
pub mod status;
pub mod streams;
pub mod table;
pub mod version;

pub use action::{DataAction, HeadersAction, TrailersAction};
pub use buffers::BufferType;
pub use callback::{Callback, ContextId, Export};
pub use log_level::LogLevel;
pub use maps::MapType;
pub use metrics::MetricType;
pub use status::Status;
pub use streams::{PeerType, StreamType};
pub use version::AbiVersion;
