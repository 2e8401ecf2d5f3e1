//! The access log that a run adds to every listener.

use std::collections::BTreeMap;

use crate::scenario::observation::{Access, MARK};

/// One line for each stream; the first field says whose it is.
pub(crate) fn format() -> String {
    format!("%REQ({MARK})%\t%RESPONSE_CODE%\t%RESPONSE_FLAGS%\t%RESPONSE_CODE_DETAILS%\n")
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
    Some((number, Access { code, flags, details }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_belongs_to_its_exchange() {
        let text = "0\t200\t-\tvia_upstream\n-\t404\tNR\troute_not_found\n1\t503\tUF\tx{y}\n";
        let lines = read(text);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[&1].flags, "UF");
        assert_eq!(lines[&0].details, "via_upstream");
    }
}
