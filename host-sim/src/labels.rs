//! Labels of plugins' metrics: a plugin can only name a metric, so they stand behind its name.

use crate::model::metric::PREFIX;

/// A metric's name and its labels apart; none if it is no plugin's.
pub(crate) fn split<'a>(name: &'a str, base: &str) -> Option<&'a str> {
    name.strip_prefix(PREFIX)?.strip_prefix(base)
}

/// A label's value, in the form in which filters write them behind a metric's name.
pub(crate) fn label<'a>(labels: &'a str, key: &str) -> Option<&'a str> {
    pairs(labels).find(|(name, _)| *name == key).map(|(_, value)| value)
}

/// All labels.
pub(crate) fn pairs(labels: &str) -> impl Iterator<Item = (&str, &str)> {
    labels.split(";.;").filter_map(|pair| pair.split_once("=.="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_stand_behind_the_name_in_any_order() {
        let labels = "pool=.=gpu-a;.;to=.=ejected;.;";
        assert_eq!(label(labels, "to"), Some("ejected"));
        assert_eq!(label(labels, "pool"), Some("gpu-a"));
        assert_eq!(label(labels, "reason"), None);
    }
}
