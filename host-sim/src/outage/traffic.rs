//! What clients send: streaming chat requests of several API users, most of them short, some long.
//!
//! Requests come at an even pace with some jitter, not by chance alone: an outage should be what moves the
//! curves, and not the noise of arrivals.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use crate::bootstrap::{Bootstrap, FilterKind};
use crate::draw::{self, Purpose};
use crate::host::Nanos;
use crate::model::HeaderMap;

/// API users, each with a key of its own.
const USERS: u32 = 12;
/// A piece of a body: what one read of a connection brings.
const PIECE: usize = 16_384;
/// About what a token has, in English prose.
const BYTES_PER_TOKEN: f64 = 4.5;
const PROSE: &str = "The committee met in the afternoon and agreed that the report should be shorter, \
                     clearer and ready before the end of the month. ";

/// How many in a hundred prompts, and of how many tokens.
const PROMPTS: [(u32, u32, u32); 3] = [(70, 20, 400), (25, 400, 4_000), (5, 4_000, 16_000)];

/// Makes the requests of a run.
#[derive(Debug)]
pub(super) struct Traffic {
    seed: u64,
    rate: u32,
    count: usize,
    model: String,
    pool: Option<String>,
}

/// A request before it is sent.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) number: usize,
    pub(super) prompt_tokens: u64,
    pub(super) peer: SocketAddr,
    pub(super) headers: HeaderMap,
    /// In the pieces in which it arrives.
    pub(super) body: Vec<Bytes>,
    /// What decides which worker gets it.
    pub(super) draw: usize,
}

impl Traffic {
    /// Clients that ask for a model which the file's filters know; without filters they name the pool too.
    pub(super) fn new(bootstrap: &Bootstrap, outage: &super::Outage, names_pool: bool) -> Self {
        let configuration = configuration(bootstrap);
        let name = |list: &str| {
            let first = configuration.get(list)?.get(0)?;
            Some(first.get("name")?.as_str()?.to_owned())
        };
        let count = outage.duration.as_nanos() * u128::from(outage.rate) / 1_000_000_000;
        Self {
            seed: outage.seed,
            rate: outage.rate.max(1),
            count: usize::try_from(count).unwrap_or(usize::MAX),
            model: name("models").unwrap_or_else(|| "gpt-4o".to_owned()),
            pool: name("pools").filter(|_| names_pool),
        }
    }

    /// When a request is sent; none behind the last one.
    pub(super) fn arrives_at(&self, number: usize) -> Option<Nanos> {
        let gap = 1_000_000_000 / u64::from(self.rate);
        let jitter = draw::of(self.seed, Purpose::Request, number).u64(..gap.max(1));
        let begins = number as u64 * 1_000_000_000 / u64::from(self.rate);
        (number < self.count).then(|| begins + jitter)
    }

    pub(super) fn request(&self, number: usize) -> Request {
        let mut random = draw::of(self.seed, Purpose::Request, number);
        let _jitter = random.u64(..);
        let prompt_tokens = prompt_tokens(&mut random);
        let user = random.u32(..USERS);
        let body = self.body(number, prompt_tokens, user);
        let mut headers = HeaderMap::new();
        let length = body.len().to_string();
        let key = format!("Bearer sk-user-{user}");
        let fields = [
            (":method", "POST"),
            (":authority", "llm.example"),
            (":path", "/v1/chat/completions"),
            ("content-type", "application/json"),
            ("authorization", &key),
            ("content-length", &length),
        ];
        let pool = self.pool.iter().map(|pool| ("x-llm-pool", pool.as_str()));
        for (name, value) in fields.into_iter().chain(pool) {
            headers.append(name.to_owned(), value.to_owned());
        }
        let pieces = (0..body.len()).step_by(PIECE);
        let pieces = pieces.map(|at| body.slice(at..body.len().min(at + PIECE))).collect();
        let host = u8::try_from(10 + user).unwrap_or(u8::MAX);
        let port = 20_000 + u16::try_from(number % 40_000).unwrap_or(0);
        Request {
            number,
            prompt_tokens: prompt_tokens.into(),
            peer: SocketAddr::from(([203, 0, 113, host], port)),
            headers,
            body: pieces,
            draw: random.usize(..),
        }
    }

    fn body(&self, number: usize, prompt_tokens: u32, user: u32) -> Bytes {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size")]
        let length = (f64::from(prompt_tokens) * BYTES_PER_TOKEN) as usize;
        let mut prompt = format!("Conversation {number}. ");
        while prompt.len() < length {
            prompt.push_str(PROSE);
        }
        prompt.truncate(length.max(1));
        let body = serde_json::json!({
            "model": self.model,
            "stream": true,
            "user": format!("user-{user}"),
            "messages": [{"role": "user", "content": prompt}],
        });
        Bytes::from(body.to_string())
    }
}

fn prompt_tokens(random: &mut fastrand::Rng) -> u32 {
    let mut place = random.u32(..100);
    for (share, low, high) in PROMPTS {
        if place < share {
            return draw::skewed(random, low, high);
        }
        place -= share;
    }
    1
}

/// The first configuration in the first listener's chain that knows models or pools.
fn configuration(bootstrap: &Bootstrap) -> Value {
    let filters = bootstrap.listeners.first().map(|listener| &listener.manager.http_filters);
    let configurations = filters.into_iter().flatten().filter_map(|filter| match &filter.kind {
        FilterKind::Wasm(plugin) => serde_json::from_slice(&plugin.configuration).ok(),
        FilterKind::Router(_) => None,
    });
    let mut configurations = configurations.filter(|json: &Value| json.get("pools").is_some());
    configurations.next().unwrap_or_default()
}

/// The pool that a member belongs to for the filters, and whether they know it as an endpoint of that: its
/// cluster may also be the pool as a whole.
pub(super) fn pool_of(bootstrap: &Bootstrap, member: &super::Member) -> Option<(String, bool)> {
    let configuration = configuration(bootstrap);
    let pools = configuration.get("pools")?.as_array()?;
    let endpoint = member.endpoint.to_string();
    let lists = |pool: &&Value| {
        let endpoints = pool.get("endpoints").and_then(Value::as_array);
        endpoints.is_some_and(|all| all.iter().any(|one| *one == endpoint))
    };
    let named = |pool: &&Value| pool.get("name").is_some_and(|name| *name == member.cluster);
    let listed = pools.iter().find(lists);
    let pool = listed.or_else(|| pools.iter().find(named))?;
    Some((pool.get("name")?.as_str()?.to_owned(), listed.is_some()))
}

/// How long a client waits for its first token, and then for each further one.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    fn traffic(rate: u32) -> Traffic {
        Traffic { seed: 1, rate, count: 1_000, model: "m".into(), pool: None }
    }

    #[test]
    fn requests_come_at_their_rate_and_in_order() {
        let traffic = traffic(200);
        let times: Vec<Nanos> = (0..1_000).map_while(|n| traffic.arrives_at(n)).collect();
        assert_eq!(times.len(), 1_000);
        assert!(times.is_sorted());
        assert!(times.iter().filter(|at| **at < 1_000_000_000).count() == 200);
        assert_eq!(traffic.arrives_at(1_000), None);
    }

    #[test]
    fn a_body_is_as_long_as_its_tokens_say_and_comes_in_pieces() {
        let traffic = traffic(1);
        let long = (0..1_000).map(|n| traffic.request(n)).max_by_key(|one| one.prompt_tokens);
        let long = long.unwrap();
        assert!(long.prompt_tokens > 8_000 && long.body.len() > 2, "{}", long.prompt_tokens);
        let body = long.body.concat();
        let announced = long.headers.text("content-length").unwrap();
        assert_eq!(announced, body.len().to_string());
        let body: Value = serde_json::from_slice(&body).unwrap();
        let prompt = body["messages"][0]["content"].as_str().unwrap().len() as f64;
        assert!((prompt / long.prompt_tokens as f64 - BYTES_PER_TOKEN).abs() < 0.01);
    }
}
