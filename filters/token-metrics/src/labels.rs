//! Which series an exchange belongs to.
//!
//! A proxy never frees a metric, so no label may take a value that only clients have thought of. A
//! model and a pool are what the configuration names, or `other`; a tenant is one of its classes, or
//! `other`. The names of routes come from the proxy's own configuration, which may have very many: as
//! many as `limits.labels_per_key` have a label, and the rest are `other`. What is not known is `none`.

use std::borrow::Cow;
use std::cell::RefCell;

use filter_shell::{Counter, Followed};
use traffic_policy::catalog::{Catalog, Pool};

use crate::config::{Label, TokenMetrics, is_label};

const OTHER: &str = "other";
const NONE: &str = "none";

/// Finds the values of labels.
pub(crate) struct Labels {
    labels: Vec<Label>,
    catalog: Catalog,
    tenant: Option<(String, Vec<String>)>,
    routes: RefCell<Vec<String>>,
    max_routes: usize,
    overflow: Counter,
}

impl Labels {
    pub(crate) fn new(policy: &TokenMetrics, catalog: &Catalog, max_routes: usize) -> Self {
        let overflow = Counter::declare("llm_limit_hits_total", &[("limit", "labels_per_key")]);
        Self {
            labels: policy.labels.clone(),
            catalog: catalog.clone(),
            tenant: policy.tenant.as_ref().map(|t| (t.header.clone(), t.values.clone())),
            routes: RefCell::default(),
            max_routes,
            overflow,
        }
    }

    /// The labels of an exchange, in the configuration's order.
    pub(crate) fn of<'a>(&'a self, exchange: &Followed<'a>) -> Vec<(&'static str, Cow<'a, str>)> {
        let value = |label: &Label| match label {
            Label::Model => self.model(exchange).unwrap_or(NONE).into(),
            Label::Pool => self.pool(exchange).into(),
            Label::Version => self.version(exchange).into(),
            Label::Route => self.route(exchange.route),
            Label::Tenant => self.tenant(exchange).into(),
        };
        self.labels.iter().map(|label| (label.key(), value(label))).collect()
    }

    /// The labels that the configuration itself tells of: each pool with its model, where no label depends
    /// on requests.
    pub(crate) fn foreseen(&self) -> Vec<Vec<(&'static str, Cow<'static, str>)>> {
        if self.labels.iter().any(|label| !matches!(label, Label::Model | Label::Pool)) {
            return Vec::new();
        }
        let of = |pool: &Pool| {
            let model = pool.model.as_deref()?;
            let value = |label: &Label| if *label == Label::Model { model } else { &pool.name };
            let pair = |label: &Label| (label.key(), Cow::Owned(value(label).to_owned()));
            Some(self.labels.iter().map(pair).collect())
        };
        self.catalog.pools().iter().filter_map(of).collect()
    }

    /// The model's real name, if it is one of the configuration's.
    pub(crate) fn model(&self, exchange: &Followed<'_>) -> Option<&str> {
        let decided = exchange.decision.model.as_deref();
        let name = decided.or(exchange.facts.body.model.as_deref())?;
        Some(self.catalog.resolve(name).map_or(OTHER, |model| model.name.as_str()))
    }

    fn pool(&self, exchange: &Followed<'_>) -> &str {
        let decided = exchange.decision.pool_of(exchange.facts);
        let Some(name) = decided else { return NONE };
        self.catalog.pool(name).map_or(OTHER, |pool| pool.name.as_str())
    }

    /// What a filter of this plugin or of an earlier one has chosen, if it is one of the pool's.
    fn version<'a>(&self, exchange: &Followed<'a>) -> &'a str {
        let decided = exchange.decision.version_of(exchange.facts);
        let Some(version) = decided else { return NONE };
        let pool = self.catalog.pool(self.pool(exchange));
        let is_known = pool.is_some_and(|pool| pool.versions.iter().any(|known| known == version));
        if is_known { version } else { OTHER }
    }

    fn tenant(&self, exchange: &Followed<'_>) -> &str {
        let Some((header, values)) = &self.tenant else { return NONE };
        let sent = exchange.facts.headers.iter().find(|(name, _)| name == header);
        let Some((_, value)) = sent else { return NONE };
        values.iter().find(|known| *known == value).map_or(OTHER, String::as_str)
    }

    fn route<'a>(&self, name: Option<&'a str>) -> Cow<'a, str> {
        let Some(name) = name.filter(|name| !name.is_empty()) else { return NONE.into() };
        let Ok(mut routes) = self.routes.try_borrow_mut() else { return OTHER.into() };
        if routes.iter().any(|known| known == name) {
            return name.into();
        }
        if routes.len() >= self.max_routes || !is_label(name) {
            self.overflow.increment();
            return OTHER.into();
        }
        routes.push(name.to_owned());
        name.into()
    }
}

#[cfg(test)]
mod tests;
