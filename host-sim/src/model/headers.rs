//! A header map as Envoy keeps it: an ordered list with lower-case names, pseudo headers first.
//!
//! A list, not a hash map: plugins see the order, servers see the order, and a map rarely has more
//! than thirty entries.

pub(crate) mod check;
mod single;

use std::fmt;

use bytes::Bytes;
pub use single::MapKind;

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

    /// Adds a value as Envoy does: a header that such a map has once at most is joined with a comma.
    pub fn add(&mut self, kind: MapKind, name: impl Into<Bytes>, value: impl Into<Bytes>) {
        let name = lower(name.into());
        let name = match kind.entry_name(&name) {
            same if same == name => name,
            other => Bytes::copy_from_slice(other),
        };
        let value = value.into();
        let old = self.entries.iter_mut().find(|(key, _)| *key == name).map(|(_, old)| old);
        match old {
            // Nothing is joined to nothing.
            Some(_) if kind.has_once(&name) && value.is_empty() => {}
            Some(old) if kind.has_once(&name) && old.is_empty() => *old = value,
            Some(old) if kind.has_once(&name) => {
                *old = [&old[..], b",", &value[..]].concat().into();
            }
            _ => self.append(name, value),
        }
    }

    /// Replaces a value as a plugin does: what there was goes, and the new entry is the last one.
    pub fn replace(&mut self, name: impl Into<Bytes>, value: impl Into<Bytes>) {
        let name = lower(name.into());
        self.remove(&name);
        self.append(name, value);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn text(map: &HeaderMap) -> String {
        let entry = |(name, value): (&Bytes, &Bytes)| {
            format!("{}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
        };
        map.iter().map(entry).collect::<Vec<_>>().join(" ")
    }

    fn sample() -> HeaderMap {
        [("x-a", "1"), (":path", "/"), ("x-b", "2"), ("X-A", "3")].into_iter().collect()
    }

    #[test]
    fn pseudo_headers_come_first_and_names_are_lower_case() {
        assert_eq!(text(&sample()), ":path=/ x-a=1 x-b=2 x-a=3");
    }

    #[test]
    fn setting_keeps_the_first_place_and_replacing_takes_the_last() {
        let (mut set, mut replaced) = (sample(), sample());
        set.set("x-a", "new");
        replaced.replace("x-a", "new");
        assert_eq!(text(&set), ":path=/ x-a=new x-b=2");
        assert_eq!(text(&replaced), ":path=/ x-b=2 x-a=new");
    }

    #[test]
    fn a_second_value_is_joined_only_where_envoy_has_one_place() {
        let add = |kind| {
            let mut map: HeaderMap = [("accept", "a"), ("vary", "b")].into_iter().collect();
            map.add(kind, "accept", "c");
            map.add(kind, "vary", "d");
            text(&map)
        };
        assert_eq!(add(MapKind::Request), "accept=a,c vary=b vary=d");
        assert_eq!(add(MapKind::Response), "accept=a vary=b,d accept=c");
    }
}
