//! Recording rules that give our histograms the names and units of OpenTelemetry's conventions.
//!
//! PromQL can divide a value but not a label, and a bucket's bound is a label. So every bucket has a rule of
//! its own, which says the new bound; nobody writes sixty of them without a slip, so they are made here, and
//! a test compares the file with them.

use std::fmt::Write as _;

use crate::histograms::{GenAi, HISTOGRAMS};

/// The file, from the workspace's root.
pub const GEN_AI_RULES: &str = "manifests/prometheus/gen_ai.yaml";

const HEAD: &str = "\
# The filters' histograms under OpenTelemetry's names (generative AI conventions), in seconds and tokens.
# Made by a program: change tests/histograms.rs, then\n# `cargo run -p tests --example gen_ai_rules > manifests/prometheus/gen_ai.yaml`.
# PromQL cannot divide a bucket's bound, so each bucket has a rule.
groups:
";

/// What has to stand in the file.
pub fn gen_ai() -> String {
    let mut file = HEAD.to_owned();
    for histogram in HISTOGRAMS {
        let Some(theirs) = &histogram.gen_ai else { continue };
        let _ = writeln!(file, "- name: {}\n  rules:", theirs.name);
        for bound in histogram.bounds {
            bucket(&mut file, histogram.name, theirs, &bound.to_string(), &seconds(*bound, theirs));
        }
        bucket(&mut file, histogram.name, theirs, "+Inf", "+Inf");
        let sum = format!("{}_sum", histogram.name);
        let sum = if theirs.unit == 1 { sum } else { format!("{sum} / {}", theirs.unit) };
        rule(&mut file, theirs, "sum", &sum, None);
        rule(&mut file, theirs, "count", &format!("{}_count", histogram.name), None);
    }
    file
}

fn bucket(file: &mut String, ours: &str, theirs: &GenAi, le: &str, their_le: &str) {
    let series = format!("{ours}_bucket{{le=\"{le}\"}}");
    rule(file, theirs, "bucket", &series, Some(their_le));
}

fn rule(file: &mut String, theirs: &GenAi, part: &str, series: &str, le: Option<&str>) {
    let renamed = |series: String, (to, from, values): &(&str, &str, &str)| {
        format!(r#"label_replace({series}, "{to}", "$1", "{from}", "{values}")"#)
    };
    let expression = theirs.labels.iter().fold(series.to_owned(), renamed);
    let _ = writeln!(file, "  - record: {}_{part}", theirs.name);
    if let Some(le) = le {
        let _ = writeln!(file, "    labels: {{le: \"{le}\"}}");
    }
    let _ = writeln!(file, "    expr: {expression}");
}

/// A bound in their unit, as Prometheus writes numbers.
fn seconds(bound: u64, theirs: &GenAi) -> String {
    (bound as f64 / theirs.unit as f64).to_string()
}
