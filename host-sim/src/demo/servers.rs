//! The demo's model servers: one for each cluster, the larger model slower than the smaller.

use std::{
    collections::BTreeMap, io, net::SocketAddr, sync::Mutex, sync::PoisonError, time::Duration,
};

use crate::upstream::{Received, Reply, Script, UpstreamServer};

/// Running servers by cluster.
pub(super) struct Servers {
    servers: BTreeMap<String, UpstreamServer>,
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
        Ok(Self { servers, taken: Mutex::default() })
    }

    pub(super) fn endpoints(&self) -> BTreeMap<String, Vec<SocketAddr>> {
        let endpoint =
            |(name, server): (&String, &UpstreamServer)| (name.clone(), vec![server.address()]);
        self.servers.iter().map(endpoint).collect()
    }

    /// What arrived since the last call, with the cluster it arrived at.
    pub(super) fn take_received(&self) -> Vec<(String, Received)> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut new = Vec::new();
        for (name, server) in &self.servers {
            let received = server.received();
            let seen = taken.entry(name.clone()).or_default();
            new.extend(received.iter().skip(*seen).map(|request| (name.clone(), request.clone())));
            *seen = received.len();
        }
        new
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
