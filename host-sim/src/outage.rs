//! An outage of one model server, played through the real filters under virtual time.
//!
//! Clients send streaming chat requests at a steady rate ([`traffic`]), model servers answer with times
//! like those of real ones ([`member`]), and for a while one of them fails. Everything between them is the
//! file of the user: its listener, its filters' `.wasm`, its clusters. What came of it is counted by who
//! knows: the clients what they saw ([`client`]), the servers what reached them, and of the filters only
//! what they publish, their metrics and the headers that they set ([`state`]).
//!
//! The same outage can be played on the same file with Envoy's own means in the place of the filters
//! ([`baseline`]); requests, answers and their times are then the same ones.
//!
//! # Why not scenarios
//! A scenario says what must come of a few requests, and keeps all of each. Here are tens of thousands, of
//! which only counts matter, and servers that change with time.
//!
//! # Limits
//! Each request has a connection of its own to the proxy. Nobody sends a request again after it failed, as
//! clients' libraries would: that would hide failures, and add to the load.

mod baseline;
mod client;
mod drive;
mod member;
mod record;
mod report;
mod seconds;
mod state;
mod table;
mod traffic;
mod watch;

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::bootstrap::Bootstrap;
use crate::host::StartError;
use crate::model::GuestFactory;

pub use client::Failure;
pub use member::Fault;
pub use record::Record;
pub use report::html;
pub use seconds::{MemberSecond, Second};
pub use state::State;
pub use table::{summary, timeline, told};

/// What is played.
#[derive(Debug, Clone)]
pub struct Outage {
    /// What the bad member does.
    pub fault: Fault,
    /// Requests a second.
    pub rate: u32,
    /// How long clients send.
    pub duration: Duration,
    /// From when until when the member is bad.
    pub bad: Range<Duration>,
    /// Which member is bad: a cluster of one, or an endpoint. None: the first endpoint of the cluster that has
    /// most of them.
    pub member: Option<String>,
    /// Worker threads of the proxy.
    pub workers: usize,
    /// What times, sizes and ties are drawn from.
    pub seed: u64,
}

/// Who has to cope with the outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// The filters of the file.
    Filters,
    /// Envoy's retries, its retry budget and its outlier detection, without our filters.
    Envoy,
}

/// A model server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The cluster's name.
    pub cluster: String,
    /// Its address.
    pub endpoint: SocketAddr,
}

/// Why an outage could not be played.
#[derive(Debug, thiserror::Error)]
pub enum OutageError {
    /// The proxy does not start.
    #[error("the proxy does not start")]
    Start(#[from] StartError),
    /// There is nobody to send requests to.
    #[error("the file has no listener; requests go to the first one")]
    NoListener,
    /// There is nobody who could fail.
    #[error("found no {found}; allowed {allowed}")]
    NoMember {
        /// What was asked for.
        found: String,
        /// What there is.
        allowed: String,
    },
    /// The filters asked for what the model does not have.
    #[error("the simulator does not model: {}", .0.join("; "))]
    NotModelled(Vec<String>),
    /// The proxy and its peers kept each other busy for ever.
    #[error("still busy after {0} events")]
    Endless(u64),
}

/// Plays it; `progress` hears of every second of virtual time that is over.
///
/// # Errors
/// When the file has no listener or no such member, does not start, or asks for what is not modelled.
pub fn play(
    bootstrap: &Bootstrap,
    outage: &Outage,
    protection: Protection,
    factory: Arc<dyn GuestFactory>,
    progress: &mut dyn FnMut(u64),
) -> Result<Record, OutageError> {
    match protection {
        Protection::Filters => {
            drive::play(bootstrap, bootstrap, outage, protection, factory, progress)
        }
        Protection::Envoy => {
            let stock = baseline::without_filters(bootstrap);
            drive::play(bootstrap, &stock, outage, protection, factory, progress)
        }
    }
}
