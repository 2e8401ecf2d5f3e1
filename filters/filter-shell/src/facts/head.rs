//! A request's headers, read once.
//!
//! They come in one piece, and every question about them would be a walk over it. So the walk is
//! made once, and notes where the few headers are that are asked about for every request.

use std::borrow::Cow;
use std::ops::Range;

use crate::host::headers::{self, Map, Pairs};

/// All headers of a request. Bytes, because nobody promises that they are text.
#[derive(Debug, Default)]
pub(crate) struct Head {
    pairs: Pairs,
    known: Known,
    /// Some header has a name that only we may set.
    has_ours: bool,
}

/// Where the first value of each of these headers is.
#[derive(Debug, Default)]
struct Known {
    method: Option<Range<usize>>,
    path: Option<Range<usize>>,
    authority: Option<Range<usize>>,
    upgrade: Option<Range<usize>>,
    connection: Option<Range<usize>>,
    content_encoding: Option<Range<usize>>,
    content_length: Option<Range<usize>>,
    accept_encoding: Option<Range<usize>>,
    request_id: Option<Range<usize>>,
}

/// Headers that tell routes and servers what we decided; nobody else may set them.
const OURS: &[u8] = b"x-llm-";

impl Head {
    /// Reads the request headers of this callback.
    pub(crate) fn read() -> crate::host::Result<Self> {
        headers::all(Map::Request).map(Self::new)
    }

    fn new(pairs: Pairs) -> Self {
        let mut known = Known::default();
        let mut has_ours = false;
        for (name, place) in pairs.places() {
            let known = match name {
                b":method" => &mut known.method,
                b":path" => &mut known.path,
                b":authority" => &mut known.authority,
                b"upgrade" => &mut known.upgrade,
                b"connection" => &mut known.connection,
                b"content-encoding" => &mut known.content_encoding,
                b"content-length" => &mut known.content_length,
                b"accept-encoding" => &mut known.accept_encoding,
                b"x-request-id" => &mut known.request_id,
                _ => {
                    has_ours |= name.starts_with(OURS);
                    continue;
                }
            };
            known.get_or_insert(place);
        }
        Self { pairs, known, has_ours }
    }

    fn at(&self, place: Option<&Range<usize>>) -> Option<&[u8]> {
        place.and_then(|place| self.pairs.at(place.clone()))
    }

    fn text_at(&self, place: Option<&Range<usize>>) -> &str {
        let bytes = self.at(place).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// The first value of a header, if it is text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let (_, value) = self.pairs.iter().find(|(key, _)| *key == name.as_bytes())?;
        std::str::from_utf8(value).ok()
    }

    /// The path without its query, as far as it is text, and as servers read it: with its percent
    /// encoding undone. Otherwise a client could write a path that no rule knows and every server.
    pub(crate) fn path(&self) -> Cow<'_, str> {
        plain_path(self.at(self.known.path.as_ref()).unwrap_or_default())
    }

    /// All of them.
    pub(crate) fn pairs(&self) -> &Pairs {
        &self.pairs
    }

    /// The host without its port, lower-case.
    pub(crate) fn host(&self) -> String {
        let authority = self.text_at(self.known.authority.as_ref());
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => authority,
        };
        host.to_ascii_lowercase()
    }

    /// Whether the connection is to become something else: WebSocket and its kind, or a tunnel.
    /// What follows the headers is then not a body, and nobody may wait for one.
    pub(crate) fn leaves_http(&self) -> bool {
        self.at(self.known.method.as_ref()) == Some(b"CONNECT")
            || self.known.upgrade.is_some() && self.connection_says_upgrade()
    }

    /// An `upgrade` that `connection` does not name is a header like any other, which a client could
    /// add to pass by.
    fn connection_says_upgrade(&self) -> bool {
        let mut options = self.text_at(self.known.connection.as_ref()).split(',');
        options.any(|option| option.trim().eq_ignore_ascii_case("upgrade"))
    }

    /// Whether the body's bytes are the JSON itself.
    pub(crate) fn body_is_plain(&self) -> bool {
        self.at(self.known.content_encoding.as_ref())
            .is_none_or(|value| value.eq_ignore_ascii_case(b"identity"))
    }

    /// Whether something is asked for: a browser that asks whether it may, or who wants a list, is none.
    pub(crate) fn is_post(&self) -> bool {
        self.at(self.known.method.as_ref()) == Some(b"POST")
    }

    /// Whether the answer's bytes may be something else than what they mean.
    pub(crate) fn may_be_compressed(&self) -> bool {
        self.at(self.known.accept_encoding.as_ref())
            .is_some_and(|value| !value.eq_ignore_ascii_case(b"identity"))
    }

    /// The request's id, if it has one that is text.
    pub(crate) fn request_id(&self) -> Option<&str> {
        Some(self.text_at(self.known.request_id.as_ref())).filter(|id| !id.is_empty())
    }

    /// Whether there is such a header.
    pub(crate) fn has(&self, name: &[u8]) -> bool {
        self.pairs.iter().any(|(key, _)| key == name)
    }

    /// How long the body was announced to be.
    pub(crate) fn content_length(&self) -> Option<u64> {
        self.text_at(self.known.content_length.as_ref()).parse().ok()
    }

    /// The names of headers that only we may set, each once.
    pub(crate) fn ours(&self) -> Vec<&[u8]> {
        let mut names: Vec<&[u8]> = Vec::new();
        if !self.has_ours {
            return names;
        }
        for (name, _) in self.pairs.iter() {
            if name.starts_with(OURS) && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// How many bytes all names and values have together, as the proxy counts them.
    pub(crate) fn size(&self) -> u64 {
        self.pairs.iter().map(|(name, value)| (name.len() + value.len()) as u64).sum()
    }

    /// Copies of the headers with these names, as far as they are text.
    pub(crate) fn select(&self, wanted: &[String]) -> Vec<(String, String)> {
        if wanted.is_empty() {
            return Vec::new();
        }
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
        let pairs = self.pairs.iter().filter_map(|(name, value)| Some((text(name)?, text(value)?)));
        pairs.filter(|(name, _)| wanted.contains(name)).collect()
    }
}

/// What [`Head::path`] makes of a path.
pub(crate) fn plain_path(path: &[u8]) -> Cow<'_, str> {
    let path = std::str::from_utf8(path).unwrap_or_default();
    let path = path.split(['?', '#']).next().unwrap_or_default();
    if !path.contains('%') {
        return path.into();
    }
    // What is no text once decoded stays as it is; servers refuse it.
    String::from_utf8(percent_decoded(path.as_bytes())).map_or(path.into(), Cow::Owned)
}

/// Bytes with `%41` made `A`; a percent sign that no two digits follow means itself.
fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let decoded = match after {
            [high, low, after @ ..] if byte == b'%' => {
                digit(*high).zip(digit(*low)).map(|(high, low)| (high << 4 | low, after))
            }
            _ => None,
        };
        let (byte, after) = decoded.unwrap_or((byte, after));
        out.push(byte);
        rest = after;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(pairs: &[(&str, &[u8])]) -> Head {
        Head::new(Pairs::new(headers::serialise(pairs)))
    }

    #[test]
    fn a_host_loses_its_port_and_its_capitals() {
        assert_eq!(head(&[(":authority", b"LLM.example.com:8080")]).host(), "llm.example.com");
        assert_eq!(head(&[(":authority", b"[::1]:80")]).host(), "[::1]");
        assert_eq!(head(&[]).host(), "");
    }

    #[test]
    fn a_path_loses_its_query() {
        assert_eq!(
            head(&[(":path", b"/v1/chat/completions?api-version=1")]).path(),
            "/v1/chat/completions"
        );
    }

    #[test]
    fn a_path_is_read_as_servers_read_it() {
        let path = |path: &str| head(&[(":path", path.as_bytes())]).path().into_owned();
        assert_eq!(path("/v1/chat%2Fcompletion%73?x=%41"), "/v1/chat/completions");
        assert_eq!(path("/100%/%4/%zz"), "/100%/%4/%zz");
        assert_eq!(path("/%ff"), "/%ff");
    }

    #[test]
    fn headers_that_are_not_text_do_not_disturb_the_others() {
        let head = head(&[("x-a", &[0xff, 0xfe]), ("x-b", b"1")]);
        assert_eq!(head.select(&["x-a".into(), "x-b".into()]), [("x-b".into(), "1".into())]);
        assert_eq!(head.text("x-a"), None);
    }

    #[test]
    fn each_header_of_ours_is_named_once() {
        let head = head(&[("x-llm-pool", b"a"), ("x-llm-pool", b"b"), ("x-llmish", b"c")]);
        assert_eq!(head.ours(), [b"x-llm-pool".as_slice()]);
    }

    #[test]
    fn the_size_is_that_of_names_and_values() {
        assert_eq!(head(&[(":method", b"POST"), ("a", b"")]).size(), 12);
    }

    #[test]
    fn upgrades_and_tunnels_leave_http() {
        assert!(head(&[(":method", b"CONNECT")]).leaves_http());
        let upgrade = |connection: &[u8]| {
            head(&[(":method", b"GET"), ("connection", connection), ("upgrade", b"websocket")])
        };
        assert!(upgrade(b"keep-alive, Upgrade").leaves_http());
        assert!(!upgrade(b"keep-alive").leaves_http());
        assert!(!head(&[(":method", b"POST")]).leaves_http());
    }
}
