//! The filter: asks for usage, and follows each exchange.

use filter_shell::{
    Decision, Facts, Filter, Followed, Follower, Follows, Section, Shared, section,
};
use llm_wire::Api;
use serde_json::Value;
use traffic_policy::invalid::Invalid;

use crate::config::{Label, RawTokenMetrics, TokenMetrics};
use crate::follow::Following;
use crate::labels::Labels;
use crate::line::Line;
use crate::series::AllSeries;

/// The section `token_metrics`.
pub const SECTION: Section = Section { name: "token_metrics", build };

struct Metrics {
    policy: TokenMetrics,
    labels: Labels,
    series: AllSeries,
}

fn build(value: Value, shared: &Shared) -> Result<Box<dyn Filter>, Invalid> {
    let raw: RawTokenMetrics = section(value)?;
    let policy = TokenMetrics::build(raw, shared)?;
    let labels = Labels::new(&policy, &shared.catalog, shared.labels_per_key);
    let series = AllSeries::default();
    for foreseen in labels.foreseen() {
        series.of(&foreseen);
    }
    Ok(Box::new(Metrics { policy, labels, series }))
}

impl Filter for Metrics {
    fn decide(&self, facts: &Facts, decision: &mut Decision) {
        decision.ask_for_usage |= self.policy.ask_for_usage && !facts.is_counted;
        decision.is_counted = true;
    }

    fn reads_headers(&self) -> Vec<String> {
        self.policy.tenant.iter().map(|tenant| tenant.header.clone()).collect()
    }

    fn follows(&self) -> Follows {
        let route = self.policy.labels.contains(&Label::Route);
        Follows { answers: true, plain: self.policy.plain_answers, route, ..Follows::default() }
    }

    /// Only what speaks an LLM's API is counted; a list of models or a file has no tokens.
    fn follow(&self, exchange: &Followed<'_>) -> Option<Box<dyn Follower>> {
        let api = exchange.facts.api.filter(|_| !exchange.facts.is_counted)?;
        let series = self.series.of(&self.labels.of(exchange));
        let labels = || series.labels.clone();
        let line = self.policy.log.then(|| Line { labels: labels(), api: Api::as_str(api) });
        let model = self.labels.model(exchange);
        let price = model.and_then(|model| self.policy.price(model)).copied();
        Some(Box::new(Following { series, price, gaps: None, line }))
    }
}
