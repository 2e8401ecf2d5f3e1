//! A header map as Envoy keeps it: an ordered list with lower-case names, pseudo headers first.
//!
//! A list, not a hash map: plugins see the order, servers see the order, and a map rarely has more
//! than thirty entries.

use std::fmt;

use bytes::Bytes;

/// Headers that Envoy keeps in a fixed place, of which a map therefore has one entry at most.
const SINGLE: &[&str] = &[
    ":authority",
    ":method",
    ":path",
    ":protocol",
    ":scheme",
    ":status",
    "connection",
    "content-length",
    "content-type",
    "date",
    "expect",
    "grpc-message",
    "grpc-status",
    "grpc-timeout",
    "keep-alive",
    "proxy-connection",
    "server",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-envoy-attempt-count",
    "x-envoy-decorator-operation",
    "x-envoy-downstream-service-cluster",
    "x-envoy-downstream-service-node",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-external-address",
    "x-envoy-force-trace",
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-internal",
    "x-envoy-ip-tags",
    "x-envoy-max-retries",
    "x-envoy-original-path",
    "x-envoy-retriable-header-names",
    "x-envoy-retriable-status-codes",
    "x-envoy-retry-grpc-on",
    "x-envoy-retry-on",
    "x-envoy-upstream-alt-stat-name",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-service-time",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-request-id",
];

/// Headers or trailers of one message.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HeaderMap {
    entries: Vec<(Bytes, Bytes)>,
}

impl HeaderMap {
    /// An empty map.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The first value of `name`, which must be in lower case.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&Bytes> {
        self.entries.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// All values of `name`, in order.
    pub fn get_all<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a Bytes> {
        self.entries.iter().filter(move |(key, _)| key == name).map(|(_, value)| value)
    }

    /// Whether `name` occurs.
    #[must_use]
    pub fn contains(&self, name: &[u8]) -> bool {
        self.get(name).is_some()
    }

    /// Adds one entry behind the others (a pseudo header behind the pseudo headers); `name` is lower-cased.
    pub fn append(&mut self, name: impl Into<Bytes>, value: impl Into<Bytes>) {
        let name = lower(name.into());
        let value = value.into();
        if name.starts_with(b":") {
            let place = self.entries.iter().take_while(|(key, _)| key.starts_with(b":")).count();
            self.entries.insert(place, (name, value));
        } else {
            self.entries.push((name, value));
        }
    }

    /// Adds a value as a plugin does: a header that Envoy keeps in a fixed place has one entry only, and
    /// the value is joined to it with a comma.
    pub fn add(&mut self, name: impl Into<Bytes>, value: impl Into<Bytes>) {
        let name = lower(name.into());
        let value = value.into();
        let old = self.entries.iter_mut().find(|(key, _)| *key == name).map(|(_, old)| old);
        match old {
            Some(old) if SINGLE.iter().any(|single| single.as_bytes() == name) => {
                *old = [&old[..], b",", &value[..]].concat().into();
            }
            _ => self.append(name, value),
        }
    }

    /// Replaces a value as a plugin does.
    pub fn replace(&mut self, name: impl Into<Bytes>, value: impl Into<Bytes>) {
        self.set(name, value);
    }

    /// Gives `name` this value alone: the first entry keeps its place, further ones go.
    pub fn set(&mut self, name: impl Into<Bytes>, value: impl Into<Bytes>) {
        let name = lower(name.into());
        let mut value = Some(value.into());
        self.entries.retain_mut(|(key, old)| {
            if *key != name {
                return true;
            }
            match value.take() {
                Some(new) => {
                    *old = new;
                    true
                }
                None => false,
            }
        });
        if let Some(value) = value {
            self.append(name, value);
        }
    }

    /// Removes every entry of `name`; says how many there were.
    pub fn remove(&mut self, name: &[u8]) -> usize {
        let before = self.entries.len();
        self.entries.retain(|(key, _)| key != name);
        before - self.entries.len()
    }

    /// Removes every entry of each of these names.
    pub fn remove_all(&mut self, names: &[&str]) {
        self.entries.retain(|(key, _)| !names.iter().any(|name| name.as_bytes() == key));
    }

    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The sum of the lengths of all names and values: what Envoy calls the map's byte size.
    #[must_use]
    pub fn byte_size(&self) -> usize {
        self.entries.iter().map(|(key, value)| key.len() + value.len()).sum()
    }

    /// The entries in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Bytes, &Bytes)> {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    /// Keeps the entries for which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&[u8], &[u8]) -> bool) {
        self.entries.retain(|(key, value)| keep(key, value));
    }

    /// The first value of `name` as text, if it is UTF-8.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name.as_bytes()).and_then(|value| std::str::from_utf8(value).ok())
    }
}

fn lower(name: Bytes) -> Bytes {
    if name.iter().any(u8::is_ascii_uppercase) { name.to_ascii_lowercase().into() } else { name }
}

impl fmt::Debug for HeaderMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(
                self.entries.iter().map(|(key, value)| {
                    (String::from_utf8_lossy(key), String::from_utf8_lossy(value))
                }),
            )
            .finish()
    }
}

impl Extend<(Bytes, Bytes)> for HeaderMap {
    fn extend<I: IntoIterator<Item = (Bytes, Bytes)>>(&mut self, entries: I) {
        for (name, value) in entries {
            self.append(name, value);
        }
    }
}

impl<K: Into<Bytes>, V: Into<Bytes>> FromIterator<(K, V)> for HeaderMap {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::new();
        for (name, value) in entries {
            map.append(name, value);
        }
        map
    }
}

impl IntoIterator for HeaderMap {
    type Item = (Bytes, Bytes);
    type IntoIter = std::vec::IntoIter<(Bytes, Bytes)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}
