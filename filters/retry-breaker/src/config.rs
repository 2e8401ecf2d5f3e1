//! The section `retry_breaker`: a list, with an entry for each pool that is watched.

use serde::Deserialize;
use traffic_policy::breaker::{self, RawBreaker};
use traffic_policy::catalog::{Catalog, Pool};
use traffic_policy::invalid::Invalid;
use traffic_policy::mode::Mode;
use traffic_policy::retry::{Along, RawFirstToken, RawPerTry, RawRetry, RetryPolicy};

/// An entry as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object {pool, retry, per_try_timeout, breaker, ...}")]
pub(crate) struct RawEntry {
    pool: String,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    retry: RawRetry,
    #[serde(default)]
    per_try_timeout: RawPerTry,
    #[serde(default)]
    first_token_within: RawFirstToken,
    #[serde(default)]
    breaker: RawBreaker,
}

/// An entry as it is used.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) pool: Pool,
    /// The pool, and those that its requests may go on to.
    pub(crate) chain: Vec<String>,
    pub(crate) mode: Mode,
    pub(crate) retry: RetryPolicy,
    pub(crate) breaker: breaker::Policy,
}

/// All entries.
pub(crate) fn entries(raw: Vec<RawEntry>, catalog: &Catalog) -> Result<Vec<Entry>, Invalid> {
    catalog.per_pool(raw, |raw| &raw.pool, entry)
}

fn entry(raw: RawEntry, pool: &Pool) -> Result<Entry, Invalid> {
    let retry = RetryPolicy::try_from((raw.retry, raw.per_try_timeout, raw.first_token_within))?;
    if retry.along() == Along::Fallback && pool.fallback.is_empty() {
        return Err(Invalid::new(
            "retry.along",
            format!(
                "found `fallback`, and pool `{}` has none; allowed pool; list its fallback pools in pools, in the order of its composite cluster",
                pool.name
            ),
        ));
    }
    let breaker = breaker::Policy::try_from(raw.breaker).map_err(|e| e.under("breaker"))?;
    let chain = std::iter::once(&pool.name).chain(&pool.fallback).cloned().collect();
    Ok(Entry { pool: pool.clone(), chain, mode: raw.mode, retry, breaker })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::check;

    fn checked(section: serde_json::Value) -> String {
        let pools = json!([{"name": "a", "fallback": ["b"]}, {"name": "b"}]);
        let whole = json!({"version": 1, "pools": pools, "retry_breaker": section});
        check(&whole.to_string()).err().unwrap_or_default()
    }

    #[test]
    fn an_entry_that_names_its_pool_is_enough() {
        assert_eq!(checked(json!([{"pool": "a"}, {"pool": "b"}])), "");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_the_cure() {
        let refused = |section, expected: &str| assert_eq!(checked(section), expected);
        refused(json!([]), "retry_breaker: found no entry; allowed one for each pool; add one");
        refused(
            json!([{"pool": "c"}]),
            "retry_breaker[0].pool: found `c`; allowed a, b; add it to pools",
        );
        refused(
            json!([{"pool": "a"}, {"pool": "a"}]),
            "retry_breaker[1].pool: found `a` again; allowed once; put both into one",
        );
        refused(
            json!([{"pool": "a"}, {"pool": "b", "retry": {"along": "fallback"}}]),
            "retry_breaker[1].retry.along: found `fallback`, and pool `b` has none; allowed pool; list its fallback pools in pools, in the order of its composite cluster",
        );
        refused(
            json!([{"pool": "a", "breaker": {"eject_for": "0s"}}]),
            "retry_breaker[0].breaker.eject_for: found `0us`; allowed 1ms to 1d; raise it",
        );
    }

    #[test]
    fn a_field_that_nobody_knows_is_refused_with_those_that_are_known() {
        let error = checked(json!([{"pool": "a", "breakers": {}}]));
        assert!(
            error.starts_with("retry_breaker[0].breakers: unknown field `breakers`"),
            "{error}"
        );
    }
}
