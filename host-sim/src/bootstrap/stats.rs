//! `stats_config`: how labels are lifted out of metric names.
//!
//! Plugins can only name a metric, so labels travel in the name
//! (`model=.=gpt;.;llm_tokens_total`) and Envoy's tag rules take them out again. The rules run
//! over the *whole* name one after another and mark what they remove; it is cut out at the end, so
//! that one rule does not disturb the next.

mod buckets;

use regex::Regex;

pub use buckets::{BucketRule, DEFAULT_BUCKETS, buckets_of};

use super::message::Message;
use crate::yaml::{Error, Reader};

/// A tag rule.
#[derive(Debug, Clone)]
pub struct StatsTag {
    /// The label's name.
    pub name: String,
    /// Where its value comes from.
    pub rule: TagRule,
}

/// Where a label's value comes from.
#[derive(Debug, Clone)]
pub enum TagRule {
    /// Group 1 is removed from the name; group 2, or else group 1, is the value.
    Regex(Regex),
    /// Always this value.
    Fixed(String),
}

/// A metric's name without its labels, and the labels in the order of the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatName {
    /// What is left.
    pub name: String,
    /// Name and value.
    pub labels: Vec<(String, String)>,
}

/// Applies the rules to a name.
#[must_use]
pub fn lift_tags(tags: &[StatsTag], name: &str) -> StatName {
    let mut labels = Vec::new();
    let mut removed: Vec<std::ops::Range<usize>> = Vec::new();
    for tag in tags {
        match &tag.rule {
            TagRule::Fixed(value) => labels.push((tag.name.clone(), value.clone())),
            TagRule::Regex(regex) => {
                let Some(groups) = regex.captures(name) else { continue };
                let Some(remove) = groups.get(1) else { continue };
                let value = groups.get(2).unwrap_or(remove);
                labels.push((tag.name.clone(), value.as_str().to_owned()));
                removed.push(remove.range());
            }
        }
    }
    let kept = name.char_indices().filter(|(at, _)| !removed.iter().any(|gap| gap.contains(at)));
    StatName { name: kept.map(|(_, c)| c).collect(), labels }
}

/// What a file says of statistics.
#[derive(Default)]
pub(super) struct Stats {
    pub(super) tags: Vec<StatsTag>,
    pub(super) buckets: Vec<BucketRule>,
}

pub(super) fn read(reader: &Reader<'_>) -> Result<Stats, Error> {
    let mut message = Message::read(reader, "envoy.config.metrics.v3.StatsConfig")?;
    // Envoy's own tag rules concern Envoy's own statistics, which the model does not keep.
    message.maybe("use_all_default_tags", Reader::boolean)?;
    let tags = message.each("stats_tags", tag)?;
    let buckets = message.each("histogram_bucket_settings", buckets::read)?;
    message.finish()?;
    Ok(Stats { tags, buckets })
}

fn tag(reader: &Reader<'_>) -> Result<StatsTag, Error> {
    let mut message = Message::read(reader, "envoy.config.metrics.v3.TagSpecifier")?;
    let name = message.required("tag_name")?.name()?.to_owned();
    let (field, value) = message.exactly_one_of(&["regex", "fixed_value"])?;
    let rule = if field == "fixed_value" {
        TagRule::Fixed(value.string()?.to_owned())
    } else {
        TagRule::Regex(Regex::new(value.string()?).map_err(|_| {
            value.expected("a regular expression with the part to remove as its first group")
        })?)
    };
    message.finish()?;
    Ok(StatsTag { name, rule })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(name: &str, regex: &str) -> StatsTag {
        StatsTag { name: name.into(), rule: TagRule::Regex(Regex::new(regex).unwrap()) }
    }

    #[test]
    fn labels_in_istios_notation_are_lifted_out_of_the_name() {
        let tags = [rule("model", r"(model=\.=(.*?);\.;)"), rule("type", r"(type=\.=(.*?);\.;)")];
        let name = lift_tags(&tags, "model=.=gpt-4.1;.;type=.=input;.;llm_tokens_total");
        assert_eq!(name.name, "llm_tokens_total");
        assert_eq!(
            name.labels,
            [("model".into(), "gpt-4.1".into()), ("type".into(), "input".into())]
        );
    }

    #[test]
    fn a_rule_that_does_not_match_leaves_the_name_alone() {
        let name = lift_tags(&[rule("model", r"(model=\.=(.*?);\.;)")], "llm_total");
        assert_eq!(name, StatName { name: "llm_total".into(), labels: vec![] });
    }

    #[test]
    fn a_rule_with_one_group_removes_its_value() {
        let name = lift_tags(&[rule("pool", r"\.(gpu-[a-z]+)")], "x.gpu-a.total");
        assert_eq!(name.name, "x..total");
        assert_eq!(name.labels, [("pool".into(), "gpu-a".into())]);
    }
}
