//! The demo's model servers: one for each cluster, the larger model slower than the smaller; or a real
//! model for all of them.

use std::{
    collections::BTreeMap, io, net::SocketAddr, sync::Mutex, sync::PoisonError, time::Duration,
};

use crate::llama::{LlamaError, RunningLlama};
use crate::parts::Parts;
use crate::upstream::{Received, Reply, Script, UpstreamServer};

/// Running servers by cluster.
pub(super) struct Servers {
    servers: BTreeMap<String, UpstreamServer>,
    /// A real model, and the clusters that it serves.
    real: Option<(RunningLlama, Vec<String>)>,
    /// How many requests of each server were taken already.
    taken: Mutex<BTreeMap<String, usize>>,
}

impl Servers {
    pub(super) async fn start(clusters: impl Iterator<Item = &str>) -> io::Result<Self> {
        let mut servers = BTreeMap::new();
        for cluster in clusters {
            let script = Script::of(vec![reply(cluster)]);
            servers.insert(cluster.to_owned(), UpstreamServer::start(script).await?);
        }
        Ok(Self { servers, real: None, taken: Mutex::default() })
    }

    pub(super) async fn real(
        clusters: impl Iterator<Item = &str>,
        parts: &Parts,
    ) -> Result<Self, LlamaError> {
        let clusters = clusters.map(str::to_owned).collect();
        let real = Some((RunningLlama::start(parts).await?, clusters));
        Ok(Self { servers: BTreeMap::new(), real, taken: Mutex::default() })
    }

    pub(super) fn endpoints(&self) -> BTreeMap<String, Vec<SocketAddr>> {
        if let Some((llama, clusters)) = &self.real {
            return clusters.iter().map(|name| (name.clone(), vec![llama.address()])).collect();
        }
        let endpoint =
            |(name, server): (&String, &UpstreamServer)| (name.clone(), vec![server.address()]);
        self.servers.iter().map(endpoint).collect()
    }

    /// What arrived since the last call, with the cluster it arrived at. A real model does not say.
    pub(super) fn take_received(&self) -> Option<Vec<(String, Received)>> {
        if self.real.is_some() {
            return None;
        }
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut new = Vec::new();
        for (name, server) in &self.servers {
            let received = server.received();
            let seen = taken.entry(name.clone()).or_default();
            new.extend(received.iter().skip(*seen).map(|request| (name.clone(), request.clone())));
            *seen = received.len();
        }
        Some(new)
    }
}

fn reply(cluster: &str) -> Reply {
    let text =
        "The committee agreed that the report should be shorter, clearer and ready by Friday.";
    let large = cluster.ends_with("large");
    Reply {
        text: Some(text.to_owned()),
        first_token_after: Duration::from_millis(if large { 60 } else { 20 }),
        between_tokens: Duration::from_millis(if large { 8 } else { 3 }),
        ..Reply::default()
    }
}
