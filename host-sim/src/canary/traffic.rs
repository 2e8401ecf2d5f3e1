//! What clients send: short streaming chat requests, each of a user of its own out of very many.
//!
//! The shares of the versions are then what their weights say. Longer prompts would tell a rollout nothing and
//! cost most of the time.

use std::net::SocketAddr;

use bytes::Bytes;

use super::Schedule;
use crate::draw::{self, Purpose};
use crate::host::Nanos;
use crate::model::HeaderMap;

/// Users, of whom a version gets a share.
const USERS: u32 = 1_000_000;

/// Makes the requests of one proxy.
#[derive(Debug)]
pub(super) struct Traffic {
    pub(super) seed: u64,
    /// Between two requests.
    gap: Nanos,
    model: String,
    host: String,
    users: Vec<String>,
}

/// A request before it is sent.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) peer: SocketAddr,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// What decides which worker gets it.
    pub(super) draw: usize,
}

impl Traffic {
    /// `rate`: requests a second.
    pub(super) fn new(schedule: &Schedule, seed: u64, rate: f64) -> Self {
        let gap = 1e9 / rate.max(1e-3);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 1e12")]
        let gap = gap as Nanos;
        Self {
            seed,
            gap: gap.max(1),
            model: schedule.model.clone(),
            host: schedule.host.clone(),
            users: schedule.users.clone(),
        }
    }

    /// When a request is sent, since the proxy has begun: at an even pace with some jitter.
    pub(super) fn arrives_at(&self, number: usize) -> Nanos {
        let jitter = draw::of(self.seed, Purpose::Request, number).u64(..self.gap);
        (number as u64).saturating_mul(self.gap).saturating_add(jitter)
    }

    pub(super) fn request(&self, number: usize) -> Request {
        let mut random = draw::of(self.seed, Purpose::Request, number);
        let _jitter = random.u64(..);
        let user = random.u32(..USERS);
        let body = Bytes::from(format!(
            r#"{{"model":"{}","stream":true,"user":"user-{user}","messages":[{{"role":"user","content":"I am number {user}. How do you do?"}}]}}"#,
            self.model
        ));
        let mut headers = HeaderMap::new();
        let length = body.len().to_string();
        let fields = [
            (":method", "POST"),
            (":authority", &self.host),
            (":path", "/v1/chat/completions"),
            ("content-type", "application/json"),
            ("content-length", &length),
        ];
        for (name, value) in fields {
            headers.append(name.to_owned(), value.to_owned());
        }
        for name in &self.users {
            headers.append(name.clone(), format!("user-{user}"));
        }
        let port = 20_000 + u16::try_from(number % 40_000).unwrap_or(0);
        let peer = SocketAddr::from(([203, 0, 113, 7], port));
        Request { peer, headers, body, draw: random.usize(..) }
    }
}
