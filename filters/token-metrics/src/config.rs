//! The section `token_metrics`.

use filter_shell::Shared;
use serde::Deserialize;
use traffic_policy::invalid::Invalid;
use traffic_policy::price::{Price, RawPrice};

/// The section as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object; {} counts by model and pool")]
pub(crate) struct RawTokenMetrics {
    #[serde(default = "yes")]
    ask_for_usage: bool,
    #[serde(default = "yes")]
    plain_answers: bool,
    labels: Option<Vec<Label>>,
    tenant: Option<RawTenant>,
    #[serde(default)]
    prices: Vec<RawPrice>,
    #[serde(default)]
    log: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object {header, values}")]
struct RawTenant {
    header: String,
    values: Vec<String>,
}

/// What may tell series apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Label {
    Model,
    Pool,
    Version,
    Route,
    Tenant,
}

impl Label {
    /// Its key.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Pool => "pool",
            Self::Version => "version",
            Self::Route => "route",
            Self::Tenant => "tenant",
        }
    }
}

/// The section as it is used.
#[derive(Debug)]
pub(crate) struct TokenMetrics {
    pub(crate) ask_for_usage: bool,
    pub(crate) plain_answers: bool,
    pub(crate) labels: Vec<Label>,
    pub(crate) tenant: Option<Tenant>,
    pub(crate) prices: Vec<(String, Price)>,
    pub(crate) log: bool,
}

/// Which header tells a tenant's class, and the classes there are.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) header: String,
    pub(crate) values: Vec<String>,
}

/// Millions of events cost little beside one that cannot be understood.
fn yes() -> bool {
    true
}

impl TokenMetrics {
    pub(crate) fn build(raw: RawTokenMetrics, shared: &Shared) -> Result<Self, Invalid> {
        let labels = raw.labels.unwrap_or_else(|| vec![Label::Model, Label::Pool]);
        for (index, label) in labels.iter().enumerate() {
            if labels.iter().take(index).any(|other| other == label) {
                return Err(Invalid::new(
                    format!("labels[{index}]"),
                    format!("found `{}` again; allowed once; remove one", label.key()),
                ));
            }
        }
        let tenant = raw.tenant.map(Tenant::try_from).transpose()?;
        if labels.contains(&Label::Tenant) && tenant.is_none() {
            return Err(Invalid::new(
                "labels",
                "found `tenant`; allowed where tenant is set; add tenant: {header, values}, or remove it",
            ));
        }
        let prices = raw.prices.iter().enumerate().map(|(index, price)| {
            let before = raw.prices.iter().take(index);
            price_of(price, before, shared).map_err(|e| e.under(&format!("prices[{index}]")))
        });
        Ok(Self {
            ask_for_usage: raw.ask_for_usage,
            plain_answers: raw.plain_answers,
            labels,
            tenant,
            prices: prices.collect::<Result<_, _>>()?,
            log: raw.log,
        })
    }

    /// What a model's tokens cost.
    pub(crate) fn price(&self, model: &str) -> Option<&Price> {
        self.prices.iter().find(|(name, _)| name == model).map(|(_, price)| price)
    }
}

fn price_of<'a>(
    raw: &RawPrice,
    mut before: impl Iterator<Item = &'a RawPrice>,
    shared: &Shared,
) -> Result<(String, Price), Invalid> {
    let name = &raw.model;
    if before.any(|other| other.model == *name) {
        let problem = format!("found `{name}` again; a model has one price; remove one of the two");
        return Err(Invalid::new("model", problem));
    }
    match shared.catalog.resolve(name) {
        Some(model) if model.name == *name => Ok((name.clone(), Price::try_from(raw)?)),
        Some(model) => Err(Invalid::new(
            "model",
            format!("found `{name}`, an alias; allowed real names; write {}", model.name),
        )),
        None => {
            let names = shared.catalog.models().iter().map(|model| model.name.as_str());
            Err(Invalid::not_one_of("model", name, names, "add it to models"))
        }
    }
}

impl TryFrom<RawTenant> for Tenant {
    type Error = Invalid;

    fn try_from(raw: RawTenant) -> Result<Self, Invalid> {
        let header = raw.header.to_ascii_lowercase();
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if header.is_empty() || !header.bytes().all(is_name) || header.starts_with("x-llm-") {
            return Err(Invalid::new(
                "tenant.header",
                format!(
                    "found `{header}`; allowed the name of a request header that is not ours (x-llm-*), such as x-tenant-class"
                ),
            ));
        }
        if raw.values.is_empty() {
            return Err(Invalid::new(
                "tenant.values",
                "found none; allowed the classes that are to have a label; add them, all else is `other`",
            ));
        }
        // A value becomes a part of a metric's name.
        for (index, value) in raw.values.iter().enumerate() {
            if !is_label(value) {
                return Err(Invalid::new(
                    format!("tenant.values[{index}]"),
                    format!(
                        "found `{value}`; allowed 1 to 200 printable characters without `;` and `=`"
                    ),
                ));
            }
        }
        Ok(Self { header, values: raw.values })
    }
}

/// Whether a text can be a label's value: labels are lifted out of a metric's name again, by what
/// closes them.
pub(crate) fn is_label(value: &str) -> bool {
    (1..=200).contains(&value.len())
        && value.bytes().all(|b| b.is_ascii_graphic() && b != b';' && b != b'=')
}

#[cfg(test)]
mod tests {
    use crate::check;

    fn refused(section: &str) -> String {
        check(&format!(
            r#"{{"version": 1, "models": [{{"name": "m", "aliases": ["alias"]}}], "token_metrics": {section}}}"#
        ))
        .unwrap_err()
    }

    #[test]
    fn an_empty_section_is_enough() {
        assert_eq!(check(r#"{"version": 1, "token_metrics": {}}"#), Ok(()));
    }

    #[test]
    fn errors_say_where_and_what_to_do() {
        assert_eq!(
            refused(r#"{"prices": [{"model": "x", "input": 1, "output": 1}]}"#),
            "token_metrics.prices[0].model: found `x`; allowed m; add it to models"
        );
        assert_eq!(
            refused(r#"{"prices": [{"model": "m", "input": -1, "output": 1}]}"#),
            "token_metrics.prices[0].input: found `-1`; allowed 0 to 1000000, an amount for a million tokens"
        );
        let price = r#"{"model": "m", "input": 1, "output": 1}"#;
        assert_eq!(
            refused(&format!(r#"{{"prices": [{price}, {price}]}}"#)),
            "token_metrics.prices[1].model: found `m` again; a model has one price; remove one of the two"
        );
        assert_eq!(
            refused(r#"{"prices": [{"model": "alias", "input": 1, "output": 1}]}"#),
            "token_metrics.prices[0].model: found `alias`, an alias; allowed real names; write m"
        );
        assert_eq!(
            refused(r#"{"tenant": {"header": "x-llm-pool", "values": ["a"]}}"#),
            "token_metrics.tenant.header: found `x-llm-pool`; allowed the name of a request header that is not ours (x-llm-*), such as x-tenant-class"
        );
        assert_eq!(
            refused(r#"{"tenant": {"header": "x-t", "values": []}}"#),
            "token_metrics.tenant.values: found none; allowed the classes that are to have a label; add them, all else is `other`"
        );
        assert!(refused("true").contains("expected an object; {} counts by model and pool"));
        assert_eq!(
            refused(r#"{"labels": ["pool", "pool"]}"#),
            "token_metrics.labels[1]: found `pool` again; allowed once; remove one"
        );
        assert_eq!(
            refused(r#"{"labels": ["tenant"]}"#),
            "token_metrics.labels: found `tenant`; allowed where tenant is set; add tenant: {header, values}, or remove it"
        );
        assert_eq!(
            refused(r#"{"tenant": {"header": "x-t", "values": ["a;b"]}}"#),
            "token_metrics.tenant.values[0]: found `a;b`; allowed 1 to 200 printable characters without `;` and `=`"
        );
        assert!(refused(r#"{"labels": ["user"]}"#).contains("unknown variant `user`"));
    }
}
