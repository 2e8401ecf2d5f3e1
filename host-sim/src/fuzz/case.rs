//! One case: a request, its server, and what the guests do; and its text as a step of a scenario.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// A request through a chain of guests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Case {
    /// Its place among the cases of a seed.
    pub(super) index: u64,
    /// The listener, which names the chain; of `own-...` there are several.
    pub(super) listener: &'static str,
    /// The same request again, so many times in all, one after the other.
    pub(super) times: u32,
    pub(super) http2: bool,
    /// Sizes of the body's pieces; none: the request ends with its headers.
    pub(super) pieces: Option<Vec<usize>>,
    /// The body's length is announced.
    pub(super) announced: bool,
    pub(super) separate_end: bool,
    pub(super) trailers: bool,
    /// The cluster, which names what the server does; of `trapped-...` there are several.
    pub(super) server: &'static str,
    /// After how many milliseconds the client resets.
    pub(super) reset_ms: Option<u64>,
    pub(super) rules: Vec<Rule>,
}

/// What a guest does in a callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    /// The guest.
    pub(super) plugin: &'static str,
    pub(super) on: &'static str,
    pub(super) nth: Option<u32>,
    pub(super) ops: Vec<Value>,
    pub(super) action: u32,
}

impl Rule {
    fn json(&self) -> Value {
        let mut rule = serde_json::Map::from_iter([("on".to_owned(), json!(self.on))]);
        if let Some(nth) = self.nth {
            rule.insert("nth".to_owned(), json!(nth));
        }
        if !self.ops.is_empty() {
            rule.insert("do".to_owned(), json!(self.ops));
        }
        if self.action != 0 {
            rule.insert("return".to_owned(), json!(self.action));
        }
        Value::Object(rule)
    }
}

/// All guests: three in the listener's chain, and the one before the servers.
pub(super) const PLUGINS: [&str; 4] = ["a", "b", "c", "u"];

/// Milliseconds between two pieces of a request, at the ordinary pace.
pub(super) const GAP_MS: u64 = 180;

/// Chains with a VM of their own, for each failure policy.
pub(super) const OWN_CHAINS: usize = 9;
/// Clusters whose plugin has a VM of its own, for each failure policy.
pub(super) const TRAPPED_CLUSTERS: usize = 3;

/// A longer body is named by its length.
const SHOWN: usize = 100;

/// The body, of which each byte tells its place.
fn text(pieces: &[usize]) -> String {
    let letters = (b'a'..=b'z').cycle().map(char::from);
    letters.take(pieces.iter().sum()).collect()
}

impl Case {
    /// Its chain has a VM of its own, which it may trap, or the plugin before its server has.
    pub(super) fn has_own_vm(&self) -> bool {
        self.listener.starts_with("own-") || self.server.starts_with("trapped-")
    }

    /// Of which kind of chain with a VM of its own it takes the next one.
    pub(super) fn own_chain(&self) -> &'static str {
        if self.server.starts_with("trapped-") { self.server } else { self.listener }
    }

    /// How many of its kind can be in one process.
    pub(super) fn most_at_once(&self) -> usize {
        match self.has_own_vm() {
            false => usize::MAX,
            true if self.own_chain() == self.listener => OWN_CHAINS,
            true => TRAPPED_CLUSTERS,
        }
    }

    /// Its requests are steps of their own, at a distance: how soon one follows another decides whether a
    /// VM that died is made again before.
    pub(super) fn is_spread(&self) -> bool {
        matches!(self.own_chain(), "own-reload" | "trapped-reload")
    }

    /// The case as a step that begins at `at_ms`, with all times of the client at so many percent; among
    /// chains with VMs of their own it takes the one with this number.
    pub(super) fn step(&self, at_ms: u64, pace_percent: u64, chain: usize) -> String {
        let paced = |ms: u64| ms * pace_percent / 100;
        let mut step = format!("  - at: {at_ms}ms\n    background: true\n");
        if self.times > 1 && !self.is_spread() {
            let _ = writeln!(step, "    repeat: {}", self.times);
        }
        step.push_str("    request:\n");
        let mut line = |text: String| {
            let _ = writeln!(step, "      {text}");
        };
        line(match self.listener.starts_with("own-") {
            true => format!("listener: {}-{chain}", self.listener),
            false => format!("listener: {}", self.listener),
        });
        if self.http2 {
            line("http: 2".to_owned());
        }
        line(format!("{}: /", if self.pieces.is_some() { "post" } else { "get" }));
        if let Some(pieces) = &self.pieces {
            line(match pieces.iter().sum::<usize>() {
                size if size > SHOWN => format!("body: {{bytes: {size}}}"),
                _ => format!("body: '{}'", text(pieces)),
            });
            line(format!("content_length: {}", self.announced));
            let gap = paced(GAP_MS);
            line(format!(
                "chunks: {{sizes: {pieces:?}, every: {gap}ms, after: {gap}ms, separate_end: {}}}",
                self.separate_end
            ));
        }
        if self.trailers {
            line("trailers: {x-t: client}".to_owned());
        }
        if let Some(reset) = self.reset_ms {
            line(format!("reset_after: {}ms", paced(reset)));
        }
        line("give_up_after: 2s".to_owned());
        line("headers:".to_owned());
        line(match self.server.starts_with("trapped-") {
            true => format!("  x-server: {}-{chain}", self.server),
            false => format!("  x-server: {}", self.server),
        });
        for plugin in PLUGINS {
            let rules = self.rules.iter().filter(|rule| rule.plugin == plugin);
            let rules: Vec<Value> = rules.map(Rule::json).collect();
            if !rules.is_empty() {
                line(format!("  x-rules-{plugin}: '{}'", json!(rules)));
            }
        }
        step
    }
}
