//! `histogram_bucket_settings`: which buckets a scrape of a histogram has.
//!
//! The first rule that matches wins. It is matched with the whole name, `wasmcustom.` and labels included,
//! before any label is lifted out; so a metric that is to have buckets of its own by its prefix (all that
//! Istio's annotation can say) has its labels behind its name.
//!
//! # Limits
//! The model keeps every value that was recorded and has no scrape endpoint, so nothing in a run depends on
//! these rules. They are read so that a test can say which buckets a metric gets.

use super::super::{message::Message, route};
use crate::yaml::{Error, Reader};

/// Buckets for the histograms whose name matches.
#[derive(Debug, Clone)]
pub struct BucketRule {
    /// Compared with the whole name.
    name: route::StringMatcher,
    /// Upper bounds, ascending; the one without a bound is not among them.
    bounds: Vec<f64>,
}

/// Envoy's own bounds, for what no rule matches. They are made for milliseconds.
pub const DEFAULT_BUCKETS: [f64; 19] = [
    0.5,
    1.0,
    5.0,
    10.0,
    25.0,
    50.0,
    100.0,
    250.0,
    500.0,
    1000.0,
    2500.0,
    5000.0,
    10_000.0,
    30_000.0,
    60_000.0,
    300_000.0,
    600_000.0,
    1_800_000.0,
    3_600_000.0,
];

/// The upper bounds of a histogram's buckets, by its whole name.
#[must_use]
pub fn buckets_of<'a>(rules: &'a [BucketRule], name: &str) -> &'a [f64] {
    let rule = rules.iter().find(|rule| rule.name.matches(name.as_bytes()));
    rule.map_or(&DEFAULT_BUCKETS[..], |rule| &rule.bounds)
}

pub(super) fn read(reader: &Reader<'_>) -> Result<BucketRule, Error> {
    let mut message = Message::read(reader, "envoy.config.metrics.v3.HistogramBucketSettings")?;
    let name = route::string_matcher(&message.required("match")?)?;
    let mut bounds = message.each("buckets", bound)?;
    message.finish()?;
    bounds.sort_by(f64::total_cmp);
    let allowed = "at least one bound, each once";
    if bounds.is_empty() {
        return Err(reader.invalid("no `buckets`", allowed, "add them, or remove the rule"));
    }
    let neighbours = bounds.iter().zip(bounds.iter().skip(1));
    if let Some((twice, _)) = neighbours.into_iter().find(|(one, two)| one.total_cmp(two).is_eq()) {
        return Err(reader.invalid(&format!("{twice} twice in `buckets`"), allowed, "remove one"));
    }
    Ok(BucketRule { name, bounds })
}

fn bound(reader: &Reader<'_>) -> Result<f64, Error> {
    let bound = reader.float()?;
    if bound > 0.0 { Ok(bound) } else { Err(reader.expected("a number above 0")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::parse;

    fn rule(text: &str) -> Result<BucketRule, Error> {
        read(&parse("test", text).unwrap()[0].reader())
    }

    #[test]
    fn the_first_rule_that_matches_the_whole_name_gives_the_bounds() {
        let rules = [
            rule("{match: {prefix: wasmcustom.llm_a_}, buckets: [10, 1, 2.5]}").unwrap(),
            rule("{match: {prefix: wasmcustom.llm_}, buckets: [7]}").unwrap(),
        ];
        assert_eq!(buckets_of(&rules, "wasmcustom.llm_a_tokensmodel=.=x;.;"), [1.0, 2.5, 10.0]);
        assert_eq!(buckets_of(&rules, "wasmcustom.llm_b"), [7.0]);
        assert_eq!(buckets_of(&rules, "wasmcustom.other"), DEFAULT_BUCKETS);
    }

    #[test]
    fn bounds_that_make_no_buckets_are_refused() {
        let message = |text: &str| rule(text).unwrap_err().to_string();
        let none = message("{match: {prefix: a}, buckets: []}");
        assert!(none.contains("no `buckets`"), "{none}");
        let zero = message("{match: {prefix: a}, buckets: [0]}");
        assert!(zero.contains("a number above 0"), "{zero}");
        let twice = message("{match: {prefix: a}, buckets: [1, 2, 1]}");
        assert!(twice.contains("1 twice in `buckets`"), "{twice}");
        let bins = message("{match: {prefix: a}, buckets: [1], bins: 5}");
        assert!(bins.contains("bins"), "{bins}");
    }
}
