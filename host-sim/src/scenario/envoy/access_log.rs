//! The access logs that a run adds to every listener: one of its own, and a copy of each that the
//! configuration has, with the number of the exchange before every line.
//!
//! In the copies, what is new in every run (times, ports, ids) stands between two [`SEPARATOR`]s, so that
//! lines of two hosts can be compared in all else.

use std::collections::BTreeMap;

use crate::bootstrap::{Format, Piece};
use crate::scenario::observation::{Access, MARK};

/// Stands around what is new in every run.
const SEPARATOR: char = '\u{1f}';

/// Operators whose values are new in every run.
const NEW_EVERY_RUN: [&str; 12] = [
    "START_TIME",
    "DURATION",
    "COMMON_DURATION",
    "REQUEST_DURATION",
    "REQUEST_TX_DURATION",
    "RESPONSE_DURATION",
    "RESPONSE_TX_DURATION",
    "ROUNDTRIP_DURATION",
    "CONNECTION_ID",
    "STREAM_ID",
    "DOWNSTREAM_REMOTE_PORT",
    "UPSTREAM_REMOTE_PORT",
];

fn is_new(name: &str, argument: Option<&str>) -> bool {
    let header = argument.unwrap_or_default().to_ascii_lowercase();
    let of_header = ["x-request-id", "x-envoy-upstream-service-time", "date"];
    NEW_EVERY_RUN.contains(&name)
        || matches!(name, "REQ" | "RESP") && of_header.iter().any(|one| header.contains(one))
}

/// The format with separators around what is new in every run.
pub(crate) fn marked(format: &Format) -> Format {
    let separator = || Piece::Literal(SEPARATOR.to_string());
    let mut pieces = Vec::new();
    for piece in &format.pieces {
        match piece {
            Piece::Operator { name, argument, .. } if is_new(name, argument.as_deref()) => {
                pieces.extend([separator(), piece.clone(), separator()]);
            }
            _ => pieces.push(piece.clone()),
        }
    }
    Format { pieces }
}

/// The line as it was written.
pub(crate) fn plain(line: &str) -> String {
    line.replace(SEPARATOR, "")
}

/// The line with the presence of what is new in every run in the place of its value.
pub(crate) fn comparable(line: &str) -> String {
    let parts = line.split(SEPARATOR).enumerate();
    let shown = |(place, part)| match (place % 2, part) {
        (0, _) | (_, "-") => part,
        _ => "NEW",
    };
    parts.map(shown).collect()
}

/// Whose line it is: the number of the exchange, or the client where there was no request to tell it.
const WHOSE: &str = "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%";

/// The exchange that a line belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Whose {
    /// The one of this number.
    Number(usize),
    /// The one of the client at this port.
    Port(u16),
}

impl Whose {
    fn read(number: &str, address: &str) -> Option<Self> {
        match number.parse() {
            Ok(number) => Some(Self::Number(number)),
            Err(_) => address.rsplit_once(':')?.1.parse().ok().map(Self::Port),
        }
    }
}

/// One line for each stream; the first fields say whose it is.
pub(crate) fn format() -> String {
    format!("%REQ({MARK})%\t{WHOSE}\t%RESPONSE_CODE%\t%RESPONSE_FLAGS%\t%RESPONSE_CODE_DETAILS%\n")
}

/// A format of the configuration, with the number of the exchange before it.
pub(crate) fn numbered(format: &str) -> String {
    let text = format.trim_end();
    let text = Format::parse(text).map_or_else(|| text.to_owned(), |f| marked(&f).to_string());
    format!("%REQ({MARK})%\t{WHOSE}\t{text}\n")
}

/// A line that shows one key of filter state; [`shown_filter_state`] reads it.
pub(crate) fn filter_state(key: &str) -> String {
    format!("filter_state {key} %FILTER_STATE({key}:PLAIN)%\n")
}

/// The value that the lines of an exchange show for a key of filter state.
pub(crate) fn shown_filter_state<'a>(lines: &'a [String], key: &str) -> Option<&'a str> {
    let start = format!("filter_state {key} ");
    let value = lines.iter().find_map(|line| line.strip_prefix(&start))?;
    Some(value).filter(|value| *value != "-")
}

/// What the configuration's access logs wrote, by exchange.
pub(crate) fn read_numbered(text: &str) -> BTreeMap<Whose, Vec<String>> {
    let mut lines: BTreeMap<Whose, Vec<String>> = BTreeMap::new();
    for line in text.lines() {
        let mut fields = line.splitn(3, '\t');
        if let (Some(number), Some(address), Some(line)) =
            (fields.next(), fields.next(), fields.next())
            && let Some(whose) = Whose::read(number, address)
        {
            lines.entry(whose).or_default().push(line.to_owned());
        }
    }
    lines
}

/// The lines by exchange; later lines of one exchange replace earlier ones.
pub(crate) fn read(text: &str) -> BTreeMap<Whose, Access> {
    text.lines().filter_map(line).collect()
}

fn line(line: &str) -> Option<(Whose, Access)> {
    let mut fields = line.split('\t');
    let whose = Whose::read(fields.next()?, fields.next()?)?;
    let code = fields.next()?.parse().ok()?;
    let flags = fields.next()?.to_owned();
    let details = fields.next()?.to_owned();
    Some((whose, Access { code, flags, details, lines: Vec::new() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_configurations_own_logs_belong_to_their_exchange_too() {
        let format = format!("%REQ(x-scenario-exchange)%\t{WHOSE}\ta %B%\n");
        assert_eq!(numbered("a %B%\n"), format);
        let lines =
            read_numbered("3\t-\tone\ttwo\n-\t-\tnobody's\n3\t-\tthree\n-\t127.0.0.1:5\tfour\n");
        let three = (Whose::Number(3), vec!["one\ttwo".to_owned(), "three".to_owned()]);
        assert_eq!(lines, [three, (Whose::Port(5), vec!["four".to_owned()])].into());
    }

    #[test]
    fn filter_state_is_read_as_it_is_written_and_a_dash_is_nothing() {
        let lines: Vec<String> =
            ["filter_state wasm.a 1 2", "filter_state wasm.b -"].map(str::to_owned).into();
        assert_eq!(filter_state("wasm.a"), "filter_state wasm.a %FILTER_STATE(wasm.a:PLAIN)%\n");
        assert_eq!(shown_filter_state(&lines, "wasm.a"), Some("1 2"));
        assert_eq!(shown_filter_state(&lines, "wasm.b"), None);
        assert_eq!(shown_filter_state(&lines, "wasm.c"), None);
    }

    #[test]
    fn what_is_new_in_every_run_compares_by_presence() {
        let format = numbered("%DURATION% %REQ(x-request-id)% 100%% %REQ(:path):5%");
        assert_eq!(
            format,
            "%REQ(x-scenario-exchange)%\t%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%\t\u{1f}%DURATION%\u{1f} \u{1f}%REQ(x-request-id)%\u{1f} \
             100%% %REQ(:path):5%\n"
        );
        let line = "\u{1f}17\u{1f} \u{1f}-\u{1f} 100% /";
        assert_eq!(plain(line), "17 - 100% /");
        assert_eq!(comparable(line), "NEW - 100% /");
    }

    #[test]
    fn a_line_belongs_to_its_exchange() {
        let text = "0\t-\t200\t-\tvia_upstream\n-\t-\t404\tNR\tx\n-\tx:7\t400\tDPE\ty\n1\t-\t503\tUF\tx{y}\n";
        let lines = read(text);
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[&Whose::Number(1)].flags, "UF");
        assert_eq!(lines[&Whose::Number(0)].details, "via_upstream");
        assert_eq!(lines[&Whose::Port(7)].flags, "DPE");
    }
}
