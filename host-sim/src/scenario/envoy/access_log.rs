//! The access logs that a run adds to every listener: one of its own, and a copy of each that the
//! configuration has, with the number of the exchange before every line.

use std::collections::BTreeMap;

use crate::scenario::observation::{Access, MARK};

/// One line for each stream; the first field says whose it is.
pub(crate) fn format() -> String {
    format!("%REQ({MARK})%\t%RESPONSE_CODE%\t%RESPONSE_FLAGS%\t%RESPONSE_CODE_DETAILS%\n")
}

/// A format of the configuration, with the number of the exchange before it.
pub(crate) fn numbered(format: &str) -> String {
    format!("%REQ({MARK})%\t{}\n", format.trim_end())
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

/// What the configuration's access logs wrote, by the number of the exchange.
pub(crate) fn read_numbered(text: &str) -> BTreeMap<usize, Vec<String>> {
    let mut lines: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for line in text.lines() {
        if let Some((number, line)) = line.split_once('\t')
            && let Ok(number) = number.parse()
        {
            lines.entry(number).or_default().push(line.to_owned());
        }
    }
    lines
}

/// The lines by the number of their exchange; later lines of one exchange replace earlier ones.
pub(crate) fn read(text: &str) -> BTreeMap<usize, Access> {
    text.lines().filter_map(line).collect()
}

fn line(line: &str) -> Option<(usize, Access)> {
    let mut fields = line.split('\t');
    let number = fields.next()?.parse().ok()?;
    let code = fields.next()?.parse().ok()?;
    let flags = fields.next()?.to_owned();
    let details = fields.next()?.to_owned();
    Some((number, Access { code, flags, details, lines: Vec::new() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_configurations_own_logs_belong_to_their_exchange_too() {
        assert_eq!(numbered("a %B%\n"), "%REQ(x-scenario-exchange)%\ta %B%\n");
        let lines = read_numbered("3\tone\ttwo\n-\tnobody's\n3\tthree\n");
        assert_eq!(lines, [(3, vec!["one\ttwo".to_owned(), "three".to_owned()])].into());
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
    fn a_line_belongs_to_its_exchange() {
        let text = "0\t200\t-\tvia_upstream\n-\t404\tNR\troute_not_found\n1\t503\tUF\tx{y}\n";
        let lines = read(text);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[&1].flags, "UF");
        assert_eq!(lines[&0].details, "via_upstream");
    }
}
