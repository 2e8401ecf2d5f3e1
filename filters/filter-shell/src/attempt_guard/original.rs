//! What the client sent, for the attempts that find what an earlier one has made of it.
//!
//! All attempts at a request share one map of headers. The first finds it as the client and the plugins before the
//! router left it, and writes down what it is about to change; each later one begins from that.

use crate::host::headers::{self, Map, Pairs};
use crate::host::properties;

/// Filter state with the headers that attempts change.
const ORIGINAL: &str = "llm.original";

const PATH: &str = ":path";
const LENGTH: &str = "content-length";

/// Headers as they were before the first attempt.
#[derive(Debug, Default)]
pub(super) struct Original {
    pairs: Pairs,
    /// This is the first attempt.
    pub(super) is_first: bool,
}

impl Original {
    /// What the first attempt found of these headers, of the path and of the length. `here` is what this one
    /// finds. None: it cannot be kept, so that nothing may be changed.
    pub(super) fn recall(names: &[String], here: &Pairs) -> Option<Self> {
        if let Ok(bytes) = properties::state(ORIGINAL) {
            return Some(Self { pairs: Pairs::new(bytes), is_first: false });
        }
        let kept = |name: &[u8]| {
            [PATH, LENGTH]
                .into_iter()
                .chain(names.iter().map(String::as_str))
                .find(|n| n.as_bytes() == name)
        };
        let pairs: Vec<(&str, &[u8])> =
            here.iter().filter_map(|(name, value)| Some((kept(name)?, value))).collect();
        let bytes = headers::serialise(&pairs);
        properties::set_state(ORIGINAL, &bytes).ok()?;
        Some(Self { pairs: Pairs::new(bytes), is_first: true })
    }

    fn get(&self, name: &str) -> Option<&[u8]> {
        self.values(name).next()
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let pairs = self.pairs.iter().filter(move |(key, _)| *key == name.as_bytes());
        pairs.map(|(_, value)| value)
    }

    /// Makes a header what it was.
    pub(super) fn restore(&self, name: &str) {
        let mut values = self.values(name);
        let _ = match values.next() {
            Some(first) => headers::set(Map::Request, name, first),
            None => headers::remove(Map::Request, name.as_bytes()),
        };
        for value in values {
            let _ = headers::add(Map::Request, name, value);
        }
    }

    pub(super) fn path(&self) -> Option<&[u8]> {
        self.get(PATH)
    }

    pub(super) fn length(&self) -> Option<u64> {
        std::str::from_utf8(self.get(LENGTH)?).ok()?.parse().ok()
    }
}
