//! What is known of an exchange, for later plugins and for access logs.
//!
//! Of the request it is written when it was decided or refused, of the answer when it has ended. The
//! end comes with the answer's last bytes, if they come; traces are finished then and see it. Where an
//! exchange is cut short it comes when the proxy writes its logs, which see it too, and traces do not.

use std::fmt::Write as _;

use traffic_policy::stream::StreamOutcome;

use super::Exchange;
use super::arrive::FACTS;
use crate::config::LogField;
use crate::decision::Decision;
use crate::facts::{Part, pack};
use crate::host::properties;

impl Exchange {
    /// Facts of the request.
    pub(super) fn publish(&self, decision: &Decision) {
        if decision.refusal().is_none() {
            let _ = properties::set_state(FACTS, &pack(&self.facts, decision));
        }
        let body = &self.facts.body;
        // Nothing was counted where nothing was seen, and 0 would say otherwise.
        let counted = self.facts.part != Part::Headers;
        let (mut number, mut percent) = (String::new(), String::new());
        for field in &self.plugin.shared.log_fields {
            let value = match field {
                LogField::Model => decision.model.as_deref(),
                LogField::Pool => decision.pool.as_deref(),
                LogField::Version => decision.version.as_deref(),
                LogField::Reason => decision.reason.as_deref(),
                LogField::PromptTokens => {
                    let _ = write!(number, "{}", body.prompt.tokens);
                    counted.then_some(number.as_str())
                }
                LogField::TokenSource => counted.then_some(body.prompt.source.as_str()),
                LogField::TokenErrorPercent => {
                    let _ = write!(percent, "{}", body.prompt.error_percent);
                    counted.then_some(percent.as_str())
                }
                _ => None,
            };
            set(*field, value);
        }
    }

    /// Facts of the answer.
    pub(super) fn publish_outcome(&self, outcome: &StreamOutcome) {
        let counts = outcome.tokens.map(|tokens| tokens.counts).unwrap_or_default();
        let times = &outcome.times;
        let milliseconds = |span: std::time::Duration| span.as_millis().to_string();
        for field in &self.plugin.shared.log_fields {
            let value = match field {
                LogField::InputTokens => counts.input.map(|n| n.to_string()),
                LogField::OutputTokens => counts.output.map(|n| n.to_string()),
                LogField::CachedTokens => counts.input.map(|_| counts.cached_input.to_string()),
                LogField::ReasoningTokens => counts.output.map(|_| counts.reasoning.to_string()),
                LogField::UsageSource => outcome.tokens.map(|t| t.source.as_str().to_owned()),
                LogField::Outcome => Some(outcome.outcome.as_str().to_owned()),
                LogField::FinishReason => outcome.answer.finish.map(|f| f.as_str().to_owned()),
                LogField::TimeToFirstToken => times.to_first_token().map(milliseconds),
                LogField::Duration => Some(milliseconds(times.end)),
                LogField::Stalls => Some(outcome.stalls.to_string()),
                _ => None,
            };
            set(*field, value.as_deref());
        }
    }
}

fn set(field: LogField, value: Option<&str>) {
    if let Some(value) = value {
        let _ = properties::set_state(field.property(), value.as_bytes());
    }
}
