//! What the file says of the rollout: the pool, its versions, when it begins, and who is asked.
//!
//! Read from the plugin's own configuration, as far as somebody outside has to know it: the clock has to begin
//! before the rollout does, and a candidate has to be told from the others. All else is the filter's affair.

use std::time::Duration;

use serde_json::Value;

use super::{CanaryError, moment};
use crate::bootstrap::{Bootstrap, FilterKind};
use crate::yaml::parse_duration;

/// A rollout as its configuration plans it.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// The pool.
    pub pool: String,
    /// All versions, in the order of their weights.
    pub versions: Vec<String>,
    /// The version that is tried.
    pub candidate: String,
    /// The version that it is compared with.
    pub stable: String,
    /// When the first step begins, since 1970.
    pub start: Duration,
    /// Between two verdicts.
    pub interval: Duration,
    /// The candidate's shares, of a hundred.
    pub steps: Vec<u64>,
    /// The cluster of the Prometheus that is asked, if one is.
    pub prometheus: Option<String>,
    /// Headers by which users are known.
    pub(super) users: Vec<String>,
    /// What clients ask for.
    pub(super) model: String,
    pub(super) host: String,
}

impl Schedule {
    /// The first rollout that a plugin of the file is to do.
    pub(super) fn of(file: &Bootstrap) -> Result<Self, CanaryError> {
        let mut found = Vec::new();
        for configuration in configurations(file) {
            let entries = configuration.get("canary_split").and_then(Value::as_array);
            for (place, entry) in entries.into_iter().flatten().enumerate() {
                let path = format!("canary_split[{place}]");
                match entry.get("rollout") {
                    Some(rollout) => return read(&configuration, entry, rollout, &path),
                    None => found.push(path),
                }
            }
        }
        let found = if found.is_empty() { "no canary_split".to_owned() } else { found.join(", ") };
        Err(CanaryError::NoRollout(found))
    }

    /// The instant of this number, since the rollout began.
    pub(super) fn after(&self, instants: u32) -> Duration {
        self.interval.saturating_mul(instants)
    }
}

/// The configurations of the plugins in the first listener's chain, as far as they are JSON.
fn configurations(file: &Bootstrap) -> Vec<Value> {
    let filters = file.listeners.first().map(|listener| &listener.manager.http_filters);
    let json = filters.into_iter().flatten().filter_map(|filter| match &filter.kind {
        FilterKind::Wasm(plugin) => serde_json::from_slice(&plugin.configuration).ok(),
        FilterKind::Router(_) => None,
    });
    json.collect()
}

fn read(
    configuration: &Value,
    entry: &Value,
    rollout: &Value,
    path: &str,
) -> Result<Schedule, CanaryError> {
    let text = |of: &Value, name: &str| of.get(name).and_then(Value::as_str).map(str::to_owned);
    let unusable = |field: &str| CanaryError::Unusable(format!("{path}.{field}"));
    let weights = entry.get("weights").and_then(Value::as_array);
    let versions: Vec<String> =
        weights.into_iter().flatten().filter_map(|arm| text(arm, "version")).collect();
    let version = |name: &str, place: usize| {
        let found = text(rollout, name).or_else(|| versions.get(place).cloned());
        found.filter(|found| versions.contains(found)).ok_or_else(|| unusable("rollout"))
    };
    let sticky = entry.get("sticky").and_then(Value::as_array);
    let analysis = text(rollout, "analysis");
    let asks = analysis.as_deref() != Some("local");
    let prometheus = rollout.get("prometheus").filter(|_| asks);
    if prometheus.is_some_and(|prometheus| prometheus.get("query").is_some()) {
        return Err(CanaryError::OwnQuery(format!("{path}.rollout.prometheus.query")));
    }
    let first = |list: &str| text(configuration.get(list)?.get(0)?, "name");
    let hosts = configuration.pointer("/match/hosts/0").and_then(Value::as_str);
    let steps = rollout.get("candidate_steps").and_then(Value::as_array);
    Ok(Schedule {
        pool: text(entry, "pool").ok_or_else(|| unusable("pool"))?,
        candidate: version("candidate", 1)?,
        stable: version("stable", 0)?,
        versions,
        start: text(rollout, "start_at")
            .and_then(|text| moment::rfc3339(&text))
            .ok_or_else(|| unusable("rollout.start_at"))?,
        interval: text(rollout, "interval")
            .and_then(|text| parse_duration(&text))
            .ok_or_else(|| unusable("rollout.interval"))?,
        steps: steps.into_iter().flatten().filter_map(Value::as_u64).collect(),
        prometheus: prometheus.and_then(|prometheus| text(prometheus, "cluster")),
        users: sticky.into_iter().flatten().filter_map(|key| text(key, "header")).collect(),
        model: first("models").unwrap_or_else(|| "gpt-4o".to_owned()),
        host: hosts.unwrap_or("llm.example").replace('*', "any"),
    })
}

/// Sets how late the Prometheus of a rollout is asked, in all plugins of the file.
pub(super) fn delay_evaluation(file: &mut Bootstrap, delay: Duration) {
    let managers = file.listeners.iter_mut().map(|listener| &mut listener.manager);
    for filter in managers.flat_map(|manager| &mut manager.http_filters) {
        let FilterKind::Wasm(plugin) = &mut filter.kind else { continue };
        let Ok(mut json) = serde_json::from_slice::<Value>(&plugin.configuration) else { continue };
        let entries = json.get_mut("canary_split").and_then(Value::as_array_mut);
        for entry in entries.into_iter().flatten() {
            let prometheus =
                entry.pointer_mut("/rollout/prometheus").and_then(Value::as_object_mut);
            if let Some(prometheus) = prometheus {
                let delay = format!("{}ms", delay.as_millis());
                prometheus.insert("evaluation_delay".to_owned(), delay.into());
            }
        }
        plugin.configuration = json.to_string().into_bytes().into();
    }
}
