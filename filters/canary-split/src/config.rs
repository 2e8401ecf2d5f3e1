//! The section `canary_split`: a list, with an entry for each pool that is split.

use filter_shell::Shared;
use serde::Deserialize;
use traffic_policy::catalog::{Catalog, Pool};
use traffic_policy::invalid::Invalid;
use traffic_policy::mode::Mode;
use traffic_policy::split::{Force, Key, RawArm, RawForce, RawKey, Split, sticky};

/// An entry as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object {pool, weights, sticky, ...}")]
pub(crate) struct RawEntry {
    pool: String,
    #[serde(default)]
    mode: Mode,
    weights: Vec<RawArm>,
    #[serde(default)]
    sticky: Vec<RawKey>,
    force: Option<RawForce>,
}

/// An entry as it is used.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) pool: String,
    pub(crate) mode: Mode,
    pub(crate) split: Split,
    pub(crate) sticky: Vec<Key>,
    pub(crate) force: Option<Force>,
}

/// All entries.
pub(crate) fn entries(raw: Vec<RawEntry>, shared: &Shared) -> Result<Vec<Entry>, Invalid> {
    let catalog = &shared.catalog;
    catalog.per_pool(raw, |raw| &raw.pool, |raw, pool| entry(raw, pool, catalog))
}

fn entry(raw: RawEntry, pool: &Pool, catalog: &Catalog) -> Result<Entry, Invalid> {
    let split = Split::try_from((raw.weights, pool, catalog))?;
    let force = raw.force.map(|raw| Force::try_from((raw, &split))).transpose();
    Ok(Entry {
        pool: pool.name.clone(),
        mode: raw.mode,
        sticky: sticky(raw.sticky).map_err(|e| e.under("sticky"))?,
        force: force.map_err(|e| e.under("force"))?,
        split,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::check;

    fn checked(section: serde_json::Value) -> String {
        let pools = json!([{"name": "gpu", "versions": ["v1", "v2"]}]);
        let whole = json!({"version": 1, "pools": pools, "canary_split": section});
        check(&whole.to_string()).err().unwrap_or_default()
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_the_cure() {
        let weights = json!([{"version": "v1", "weight": 9}, {"version": "v2", "weight": 1}]);
        assert_eq!(checked(json!([{"pool": "gpu", "weights": weights}])), "");
        let refused = |section, expected: &str| assert_eq!(checked(section), expected);
        refused(json!([]), "canary_split: found no entry; allowed one for each pool; add one");
        refused(
            json!([{"pool": "cpu", "weights": weights}]),
            "canary_split[0].pool: found `cpu`; allowed gpu; add it to pools",
        );
        refused(
            json!([{"pool": "gpu", "weights": [{"version": "v3", "weight": 1}]}]),
            "canary_split[0].weights[0].version: found `v3`; allowed v1, v2; add it to versions of pool `gpu`",
        );
        refused(
            json!([{"pool": "gpu", "weights": [{"version": "v1", "weight": 0}]}]),
            "canary_split[0].weights: found no weight above 0; allowed one or more; raise that of the version to use",
        );
        refused(
            json!([{"pool": "gpu", "weights": [{"version": "v1", "weight": -1}]}]),
            "canary_split[0].weights[0].weight: found `-1`; allowed 0 to 2147483647; raise it",
        );
    }
}
