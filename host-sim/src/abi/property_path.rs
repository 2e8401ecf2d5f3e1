//! Paths of properties: segments joined by NUL.

/// The segments of a path, as Envoy cuts it.
///
/// An empty path has none, and one NUL at the end adds none: `a NUL` is `a`.
/// Segments in front and between may be empty.
pub fn segments(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let none = usize::from(path.is_empty());
    path.strip_suffix(b"\0").unwrap_or(path).split(|byte| *byte == 0).skip(none)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(path: &[u8]) -> Vec<&[u8]> {
        segments(path).collect()
    }

    #[test]
    fn segments_are_between_nuls() {
        assert_eq!(cut(b"request\0headers\0:path"), [&b"request"[..], b"headers", b":path"]);
        assert_eq!(cut(b"plugin_name"), [b"plugin_name"]);
    }

    #[test]
    fn one_nul_at_the_end_adds_nothing_and_others_add_empty_segments() {
        assert!(cut(b"").is_empty());
        assert_eq!(cut(b"a\0"), [b"a"]);
        assert_eq!(cut(b"\0"), [b""]);
        assert_eq!(cut(b"\0a"), [&b""[..], b"a"]);
        assert_eq!(cut(b"a\0\0b"), [&b"a"[..], b"", b"b"]);
    }
}
