//! The report for people.

use std::time::Duration;

use super::report::{Report, Row};

const HEAD: [&str; 9] = [
    "request",
    "model",
    "bytes",
    "prompt tokens",
    "pool",
    "reason",
    "status",
    "first token",
    "total",
];
/// Columns with numbers stand to the right.
const RIGHT: [bool; 9] = [false, false, true, true, false, false, true, true, true];

/// The report as a table.
#[must_use]
pub fn render(report: &Report) -> String {
    let rows: Vec<[String; 9]> = report.rows.iter().map(cells).collect();
    let head = HEAD.map(str::to_owned);
    let width = |column: usize| {
        let cells = rows.iter().chain([&head]).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).zip(RIGHT).map(|((cell, width), right)| {
            if right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        format!("{}\n", padded.collect::<Vec<_>>().join("  ").trim_end())
    };
    let mut table = line(&head);
    table.push_str(&line(&widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>()));
    for (row, cells) in report.rows.iter().zip(&rows) {
        table.push_str(&line(cells));
        if !row.as_expected {
            table.push_str("    ^ not what this file should do with this request\n");
        }
    }
    table
}

fn cells(row: &Row) -> [String; 9] {
    let nothing = || "-".to_owned();
    let or_nothing = |text: &str| if text.is_empty() { nothing() } else { text.to_owned() };
    let tokens = match (row.tokens, &row.token_source) {
        (Some(tokens), Some(source)) => format!("{tokens} {source}"),
        (Some(tokens), None) => tokens.to_string(),
        (None, _) => nothing(),
    };
    [
        row.name.to_owned(),
        row.model.to_owned(),
        row.bytes.to_string(),
        tokens,
        or_nothing(&row.pool),
        or_nothing(&row.reason),
        row.status.map_or_else(nothing, |status| status.to_string()),
        row.first_token.map_or_else(nothing, millis),
        millis(row.total),
    ]
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_a_wrong_row_says_so() {
        let row = Row {
            name: "short chat",
            model: "m",
            bytes: 5,
            tokens: Some(12),
            token_source: Some("estimated".into()),
            pool: "gpu".into(),
            reason: String::new(),
            status: Some(200),
            first_token: None,
            total: Duration::from_micros(1250),
            as_expected: false,
        };
        let text = render(&Report { host: "sim".into(), rows: vec![row] });
        let lines: Vec<&str> = text.lines().collect();
        let [head, _, row, mark] = lines.as_slice() else { panic!("{text}") };
        assert_eq!(head.find("pool"), row.find("gpu"));
        assert!(row.contains("12 estimated") && row.ends_with("1.2 ms"), "{row}");
        assert!(mark.contains("not what this file should do"));
    }
}
