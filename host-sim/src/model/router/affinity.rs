//! What a request says about the endpoint that it wants: a hash, or names.

use std::net::{IpAddr, SocketAddr};

use crate::{
    bootstrap::route::{HashPolicy, HashSource},
    model::headers::HeaderMap,
};

/// The request's hash; none where no policy finds anything.
pub(super) fn hash(
    policies: &[HashPolicy],
    headers: &HeaderMap,
    client: Option<IpAddr>,
) -> Option<u64> {
    let mut hash: Option<u64> = None;
    for policy in policies {
        let found = match &policy.source {
            HashSource::Header(name) => {
                let values: Vec<&[u8]> =
                    headers.get_all(name.as_bytes()).map(AsRef::as_ref).collect();
                (!values.is_empty()).then(|| values.join(&b","[..]))
            }
            HashSource::Cookie(name) => cookie(headers, name),
            HashSource::SourceIp => client.map(|ip| ip.to_string().into_bytes()),
            HashSource::Query(name) => query(headers, name),
        };
        if let Some(found) = found {
            let own = mix(0, &found);
            hash = Some(hash.map_or(own, |hash| hash.rotate_left(1) ^ own));
        }
        if policy.terminal && hash.is_some() {
            break;
        }
    }
    hash
}

/// FNV-1a: it only has to be the same in every run.
pub(super) fn mix(seed: u64, bytes: &[u8]) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ seed;
    let hash = bytes
        .iter()
        .fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    // Its upper bits depend on little of a short text.
    (hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<Vec<u8>> {
    let all = headers.get_all(b"cookie").filter_map(|value| std::str::from_utf8(value).ok());
    let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| key.trim() == name)?;
    Some(value.trim().trim_matches('"').as_bytes().to_vec())
}

fn query(headers: &HeaderMap, name: &str) -> Option<Vec<u8>> {
    let (_, query) = headers.text(":path")?.split_once('?')?;
    let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.as_bytes().to_vec())
}

/// The endpoints that the first of these headers names, in order; one that is no address spoils the list.
pub(super) fn named(names: &[String], headers: &HeaderMap) -> Vec<SocketAddr> {
    let list = names.iter().find_map(|name| headers.text(name));
    let parsed: Result<Vec<SocketAddr>, _> =
        list.into_iter().flat_map(|list| list.split(',')).map(|one| one.trim().parse()).collect();
    parsed.unwrap_or_default()
}
