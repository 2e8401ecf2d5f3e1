//! Compares what tracing guests wrote down: the callbacks of each stream, in their order.
//!
//! A stream lives on one worker, so the order of its lines is the order of what happened, through all
//! plugins of the chain. The first line in which two hosts differ is told with those before it; what
//! follows a first difference is mostly its consequence.
//!
//! # Where a body is cut
//! HTTP/2 frames, and pieces with a pause between them, are cut alike on both hosts, and compare piece by
//! piece. Otherwise the socket decides: then each plugin's lines compare by themselves, and a run of body
//! callbacks in which the guest did the same with each piece counts as one, by its bytes and its end.

use std::collections::{BTreeMap, BTreeSet};

use crate::scenario::observation::{LogLine, Observation};

/// How many lines before the first difference are shown.
const CONTEXT: usize = 4;

/// The first difference of one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Deviation {
    /// The stream's number.
    pub(super) stream: String,
    /// What both hosts did before.
    pub(super) before: Vec<String>,
    /// What the one did then.
    pub(super) left: String,
    /// What the other did then.
    pub(super) right: String,
}

/// Whether a tracing guest wrote the line.
pub(super) fn is_callback(line: &LogLine) -> bool {
    line.level == "info" && line.text.starts_with('@')
}

/// For each stream that differs, its first difference. `exact` says of a stream whether its body is cut
/// alike on both hosts.
pub(super) fn deviations(
    left: &Observation,
    right: &Observation,
    exact: impl Fn(&str) -> bool,
) -> Vec<Deviation> {
    let (mut ours, mut theirs) = (by_stream(left), by_stream(right));
    for stream in ours.keys().cloned().collect::<Vec<_>>() {
        theirs.entry(stream).or_default();
    }
    for stream in theirs.keys() {
        ours.entry(stream.clone()).or_default();
    }
    let pairs = ours.iter().zip(theirs.values());
    pairs
        .filter_map(|((stream, a), b)| {
            if exact(stream) {
                return first_difference(stream, a, b);
            }
            let plugins: BTreeSet<&str> = a.iter().chain(b).map(|line| plugin(line)).collect();
            plugins.into_iter().find_map(|own| {
                let of = |lines: &[String]| -> Vec<String> {
                    lines.iter().filter(|line| plugin(line) == own).cloned().collect()
                };
                first_difference(stream, &merged(&of(a)), &merged(&of(b)))
            })
        })
        .collect()
}

fn by_stream(seen: &Observation) -> BTreeMap<String, Vec<String>> {
    let mut streams: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in seen.logs.iter().filter(|line| is_callback(line)) {
        let Some((stream, rest)) = line.text[1..].split_once(' ') else { continue };
        streams.entry(stream.to_owned()).or_default().push(rest.to_owned());
    }
    streams
}

fn first_difference(stream: &str, a: &[String], b: &[String]) -> Option<Deviation> {
    let at = (0..a.len().max(b.len())).find(|at| a.get(*at) != b.get(*at))?;
    let line = |lines: &[String]| lines.get(at).map_or_else(|| "nothing".to_owned(), shown);
    let before = a.get(at.saturating_sub(CONTEXT)..at).unwrap_or_default().to_vec();
    Some(Deviation { stream: stream.to_owned(), before, left: line(a), right: line(b) })
}

fn shown(line: &String) -> String {
    format!("`{line}`")
}

fn plugin(line: &str) -> &str {
    line.split_once(' ').map_or("", |(plugin, _)| plugin)
}

/// One line for a run of body callbacks of one plugin in which it did nothing but return the same number.
fn merged(lines: &[String]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut last: Option<Piece> = None;
    for line in lines {
        let piece = Piece::read(line);
        if let (Some(before), Some(piece), Some(end)) = (&mut last, &piece, out.last_mut())
            && before.goes_on_with(piece)
        {
            before.add(piece);
            *end = before.to_string();
            continue;
        }
        out.push(line.clone());
        last = piece;
    }
    out
}

/// A body callback in which the guest only returned a number.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    /// Plugin and callback.
    what: String,
    size: u64,
    end: bool,
    action: u32,
}

impl Piece {
    fn read(line: &str) -> Option<Self> {
        let (what, rest) = line.split_once('(')?;
        if !what.ends_with("_body") {
            return None;
        }
        let (arguments, rest) = rest.split_once(')')?;
        let (size, end) = arguments.split_once(',')?;
        Some(Self {
            what: what.to_owned(),
            size: size.parse().ok()?,
            end: end == "1",
            action: rest.strip_prefix(" -> ")?.parse().ok()?,
        })
    }

    fn goes_on_with(&self, next: &Self) -> bool {
        self.what == next.what && self.action == next.action && !self.end
    }

    /// While a plugin buffers, each callback shows all that has piled up.
    fn add(&mut self, next: &Self) {
        const BUFFERS: u32 = 1;
        self.size = if self.action == BUFFERS { next.size } else { self.size + next.size };
        self.end = next.end;
    }
}

impl std::fmt::Display for Piece {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { what, size, end, action } = self;
        write!(f, "{what}({size},{}) -> {action}", u8::from(*end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::observation::HostName;

    fn seen(lines: &[&str]) -> Observation {
        let line = |text: &&str| LogLine { level: "info".into(), text: (*text).into() };
        let logs = lines.iter().map(line).collect();
        Observation { logs, ..Observation::new(HostName::Sim) }
    }

    fn told(left: &[&str], right: &[&str], exact: bool) -> Vec<Deviation> {
        deviations(&seen(left), &seen(right), |_| exact)
    }

    #[test]
    fn the_first_difference_of_a_stream_is_told_with_what_came_before() {
        let same = "@1 a request_headers(4,0) -> 0";
        let told = told(&[same, "@1 a log() -> 0"], &[same, "@1 b log() -> 0"], true);
        let [deviation] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!(deviation.before, ["a request_headers(4,0) -> 0"]);
        assert_eq!((&*deviation.left, &*deviation.right), ("`a log() -> 0`", "`b log() -> 0`"));
    }

    #[test]
    fn streams_may_overtake_each_other_but_a_stream_not_itself() {
        let (one, two, three) = ("@1 a log() -> 0", "@2 a log() -> 0", "@1 a done() -> 0");
        assert_eq!(told(&[one, two, three], &[two, one, three], true), []);
        assert_eq!(told(&[one, three], &[three, one], true).len(), 1);
    }

    #[test]
    fn where_a_body_is_cut_counts_only_where_the_wire_fixes_it() {
        let cut = ["@1 a request_body(3,0) -> 0", "@1 a request_body(4,1) -> 0"];
        let whole = ["@1 a request_body(7,1) -> 0"];
        assert_eq!(told(&cut, &whole, false), []);
        assert_eq!(told(&cut, &whole, true).len(), 1);
        let less = ["@1 a request_body(6,1) -> 0"];
        assert_eq!(told(&cut, &less, false).len(), 1, "bytes are never lost");
    }

    #[test]
    fn pieces_that_pass_two_plugins_in_turn_count_for_each() {
        let (a, b) = ("@1 a request_body(3,0) -> 0", "@1 b request_body(3,0) -> 0");
        let whole = ["@1 a request_body(6,0) -> 0", "@1 b request_body(6,0) -> 0"];
        assert_eq!(told(&[a, b, a, b], &whole, false), []);
        assert_eq!(told(&[a, b, a], &whole, false).len(), 1);
    }

    #[test]
    fn pieces_that_pile_up_count_by_the_last() {
        let cut = ["@1 a request_body(3,0) -> 1", "@1 a request_body(7,1) -> 1"];
        assert_eq!(told(&cut, &["@1 a request_body(7,1) -> 1"], false), []);
    }

    #[test]
    fn a_stream_that_only_one_host_saw_is_a_difference() {
        let told = told(&["@1 a log() -> 0"], &[], true);
        assert_eq!(told.first().map(|deviation| deviation.right.as_str()), Some("nothing"));
    }
}
