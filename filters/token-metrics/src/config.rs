//! The section `token_metrics`.

use filter_shell::Shared;
use serde::Deserialize;
use traffic_policy::invalid::Invalid;
use traffic_policy::price::{Price, RawPrice};

/// The section as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
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
#[serde(deny_unknown_fields)]
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
            price_of(price, shared).map_err(|e| e.under(&format!("prices[{index}]")))
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

fn price_of(raw: &RawPrice, shared: &Shared) -> Result<(String, Price), Invalid> {
    let models = shared.catalog.models();
    if !models.iter().any(|model| model.name == raw.model) {
        let names = models.iter().map(|model| model.name.as_str());
        return Err(Invalid::not_one_of("model", &raw.model, names, "add it to models"));
    }
    Ok((raw.model.clone(), Price::try_from(raw)?))
}

impl TryFrom<RawTenant> for Tenant {
    type Error = Invalid;

    fn try_from(raw: RawTenant) -> Result<Self, Invalid> {
        let header = raw.header.to_ascii_lowercase();
        if header.is_empty()
            || header.starts_with(':')
            || !header.bytes().all(|b| b.is_ascii_graphic())
        {
            return Err(Invalid::new(
                "tenant.header",
                format!(
                    "found `{header}`; allowed the name of a request header, such as x-tenant-class"
                ),
            ));
        }
        // A value becomes a part of a metric's name.
        for (index, value) in raw.values.iter().enumerate() {
            if !is_label(value) {
                return Err(Invalid::new(
                    format!("tenant.values[{index}]"),
                    format!(
                        "found `{value}`; allowed 1 to 64 printable characters without `;` and `=`"
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
    (1..=64).contains(&value.len())
        && value.bytes().all(|b| b.is_ascii_graphic() && b != b';' && b != b'=')
}

#[cfg(test)]
mod tests {
    use crate::check;

    fn refused(section: &str) -> String {
        check(&format!(
            r#"{{"version": 1, "models": [{{"name": "m"}}], "token_metrics": {section}}}"#
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
            "token_metrics.tenant.values[0]: found `a;b`; allowed 1 to 64 printable characters without `;` and `=`"
        );
        assert!(refused(r#"{"labels": ["user"]}"#).contains("unknown variant `user`"));
    }
}
