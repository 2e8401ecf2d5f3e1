//! Where some members of a body's outermost object stand, so that they can be replaced.
//!
//! A body that goes to another server than it was written for needs another model's name, and sometimes
//! another value of a field. [`RequestScanner`](crate::RequestScanner) knows where the model stands and reads
//! the prompt as well; this reads nothing but names, for any fields. A field that occurs twice is found twice:
//! which of them a server believes is its own affair, and the one that stays must not be the client's.

use std::ops::Range;
use std::rc::Rc;

use crate::json::{Content, Inside, Reader, Scalar, Visitor};

/// As deep as the bodies that are read elsewhere.
const MAX_DEPTH: usize = 1000;

/// More occurrences of the wanted fields make a body that is not edited.
const MOST: usize = 64;

/// Finds members of one body.
#[derive(Debug)]
pub struct Members {
    reader: Reader,
    finding: Finding,
    is_malformed: bool,
}

/// How far the reading is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// More must come.
    Reading,
    /// The object is complete.
    All,
    /// It is no JSON object, or one beyond the limits.
    Malformed,
}

#[derive(Debug)]
struct Finding {
    names: Rc<[String]>,
    depth: usize,
    /// The wanted member whose value comes.
    named: Option<usize>,
    found: Vec<(usize, Range<u64>)>,
    /// Behind the outermost bracket, and whether anything follows there.
    inside: Option<u64>,
    is_empty: bool,
    /// The place and the address of the slice that is being read.
    slice: (u64, usize),
    /// Where a container began, and where it is read up to.
    container: Option<Range<u64>>,
}

impl Members {
    /// Looks for the members with these names.
    #[must_use]
    pub fn new(names: Rc<[String]>) -> Self {
        let longest = names.iter().map(String::len).max().unwrap_or(0);
        let finding = Finding {
            names,
            depth: 0,
            named: None,
            found: Vec::new(),
            inside: None,
            is_empty: true,
            slice: (0, 0),
            container: None,
        };
        Self { reader: Reader::new(MAX_DEPTH, longest), finding, is_malformed: false }
    }

    /// Reads the next bytes of the body.
    pub fn feed(&mut self, bytes: &[u8]) -> Found {
        self.finding.slice.1 = bytes.as_ptr().addr();
        let is_malformed = self.is_malformed
            || self.reader.feed(bytes, &mut self.finding).is_err()
            || self.finding.found.len() > MOST;
        self.is_malformed = is_malformed;
        self.finding.slice.0 += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        match (is_malformed, self.reader.is_complete()) {
            (true, _) => Found::Malformed,
            (false, true) => Found::All,
            (false, false) => Found::Reading,
        }
    }

    /// The members that were found: which of the names, and where the value stands, quotes and brackets
    /// included.
    pub fn found(&self) -> impl Iterator<Item = (usize, &Range<u64>)> {
        self.finding.found.iter().map(|(name, place)| (*name, place))
    }

    /// Where further members may be put, and whether others follow there; once the object is complete.
    #[must_use]
    pub fn place_for_more(&self) -> Option<(u64, bool)> {
        let inside = self.finding.inside.filter(|_| self.reader.is_complete())?;
        Some((inside, !self.finding.is_empty))
    }
}

impl Finding {
    fn is_wanted(&self) -> bool {
        self.depth == 1 && self.named.is_some()
    }

    fn add(&mut self, place: Range<u64>) {
        if let Some(name) = self.named.take().filter(|_| self.found.len() <= MOST) {
            self.found.push((name, place));
        }
    }
}

impl Visitor for Finding {
    fn key(&mut self, key: Option<&[u8]>) {
        self.is_empty = false;
        self.named = key.and_then(|key| self.names.iter().position(|n| n.as_bytes() == key));
    }

    fn object(&mut self, inside: u64) -> Inside {
        if self.depth == 0 {
            self.depth = 1;
            self.inside = Some(inside);
            return Inside::Events;
        }
        self.array()
    }

    fn array(&mut self) -> Inside {
        if self.is_wanted() { Inside::Bytes } else { Inside::Nothing }
    }

    fn close(&mut self) {
        self.depth = 0;
    }

    fn string(&mut self) -> Content {
        if self.is_wanted() { Content::Value } else { Content::Nothing }
    }

    fn value(&mut self, _: Option<&[u8]>, place: Range<u64>) {
        self.add(place.start.saturating_sub(1)..place.end.saturating_add(1));
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let at = bytes.as_ptr().addr().saturating_sub(self.slice.1);
        let at = self.slice.0.saturating_add(u64::try_from(at).unwrap_or(u64::MAX));
        let end = at.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let start = self.container.as_ref().map_or(at, |container| container.start);
        self.container = Some(start..end);
    }

    fn bytes_end(&mut self) {
        if let Some(place) = self.container.take() {
            self.add(place);
        }
    }

    fn scalar(&mut self, _: Scalar, place: Range<u64>) {
        if self.is_wanted() {
            self.add(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = (Found, Vec<(usize, String)>, Option<(u64, bool)>);

    fn names(names: &[&str]) -> Rc<[String]> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// What is found, however the body is cut.
    fn read(wanted: &[&str], body: &str) -> Read {
        let in_pieces = |size: usize| {
            let mut members = Members::new(names(wanted));
            let mut last = Found::Reading;
            for piece in body.as_bytes().chunks(size) {
                last = members.feed(piece);
            }
            let text =
                |place: &Range<u64>| body[place.start as usize..place.end as usize].to_owned();
            let found = members.found().map(|(name, place)| (name, text(place))).collect();
            (last, found, members.place_for_more())
        };
        let whole = in_pieces(body.len().max(1));
        for size in [1, 2, 3, 5, 11] {
            assert_eq!(in_pieces(size), whole, "in pieces of {size}: {body}");
        }
        whole
    }

    #[test]
    fn values_of_every_kind_are_found_where_they_stand() {
        let body =
            r#" {"a": "x\"y", "b":[1,{"a":2}], "c" : {"b":[]} ,"d":-1.5e3,"e":null,"f":true} "#;
        let (found, values, place) = read(&["a", "b", "c", "d", "e", "f", "g"], body);
        let wanted = [r#""x\"y""#, r#"[1,{"a":2}]"#, r#"{"b":[]}"#, "-1.5e3", "null", "true"];
        assert_eq!(found, Found::All);
        assert!(values.iter().map(|(_, value)| value).eq(&wanted), "{values:?}");
        assert!(values.iter().map(|(name, _)| *name).eq(0..6));
        assert_eq!(place, Some((2, true)));
    }

    #[test]
    fn names_are_compared_as_they_are_meant_and_found_as_often_as_they_occur() {
        let (_, values, _) =
            read(&["model"], r#"{"mod\u0065l":"a","model":"b","x":{"model":"c"}}"#);
        assert_eq!(values, [(0, r#""a""#.to_owned()), (0, r#""b""#.to_owned())]);
    }

    #[test]
    fn an_empty_object_has_room_for_more() {
        assert_eq!(read(&["a"], "{}"), (Found::All, vec![], Some((1, false))));
        assert_eq!(read(&["a"], "{ }\n"), (Found::All, vec![], Some((1, false))));
    }

    #[test]
    fn what_is_no_object_has_no_place() {
        for (body, found) in [
            ("[]", Found::Malformed),
            ("{\"a\":1", Found::Reading),
            ("{\"a\":1}}", Found::Malformed),
            ("", Found::Reading),
        ] {
            assert_eq!(read(&["a"], body).0, found, "{body}");
        }
        assert_eq!(read(&["a"], "{\"a\":1").2, None);
        let many = format!("{{{}\"a\":1}}", "\"a\":1,".repeat(MOST));
        assert_eq!(read(&["a"], &many).0, Found::Malformed);
    }
}
