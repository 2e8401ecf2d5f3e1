//! The section `canary_split`: a list, with an entry for each pool that is split.

use filter_shell::Shared;
use serde::Deserialize;
use traffic_policy::adjust::{Adjust, RawAdjust};
use traffic_policy::catalog::{Catalog, Pool};
use traffic_policy::invalid::Invalid;
use traffic_policy::mode::Mode;
use traffic_policy::rollout::{RawRollout, Rollout};
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
    adjust: Option<RawAdjust>,
    rollout: Option<RawRollout>,
}

/// An entry as it is used.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) pool: String,
    pub(crate) mode: Mode,
    pub(crate) split: Split,
    pub(crate) sticky: Vec<Key>,
    pub(crate) force: Option<Force>,
    pub(crate) course: Course,
}

/// What moves the weights.
#[derive(Debug)]
pub(crate) enum Course {
    /// Nothing but a new configuration.
    Fixed,
    /// How much load each version has.
    Adjusted(Adjust),
    /// How well the candidate does.
    Rollout(Box<Rollout>),
}

/// All entries.
pub(crate) fn entries(raw: Vec<RawEntry>, shared: &Shared) -> Result<Vec<Entry>, Invalid> {
    let catalog = &shared.catalog;
    catalog.per_pool(raw, |raw| &raw.pool, |raw, pool| entry(raw, pool, catalog))
}

fn entry(raw: RawEntry, pool: &Pool, catalog: &Catalog) -> Result<Entry, Invalid> {
    let split = Split::try_from((raw.weights, pool, catalog))?;
    let force = raw.force.map(|raw| Force::try_from((raw, &split))).transpose();
    let course = course(raw.adjust, raw.rollout, raw.mode, &split)?;
    Ok(Entry {
        pool: pool.name.clone(),
        mode: raw.mode,
        sticky: sticky(raw.sticky).map_err(|e| e.under("sticky"))?,
        force: force.map_err(|e| e.under("force"))?,
        split,
        course,
    })
}

fn course(
    adjust: Option<RawAdjust>,
    rollout: Option<RawRollout>,
    mode: Mode,
    split: &Split,
) -> Result<Course, Invalid> {
    let refused = |problem| Err(Invalid::new("rollout", problem));
    match (adjust, rollout) {
        (None, None) => Ok(Course::Fixed),
        (Some(_), Some(_)) => {
            refused("found it beside adjust; allowed one of the two; remove the other")
        }
        (_, Some(_)) if mode.is_shadow() => refused(
            "found it in shadow mode; allowed where requests are sent to the candidate, which is what it judges; remove mode or rollout",
        ),
        (Some(raw), None) => {
            let adjust = Adjust::try_from((raw, split)).map_err(|e| e.under("adjust"))?;
            Ok(Course::Adjusted(adjust))
        }
        (None, Some(raw)) => {
            let rollout = Rollout::try_from((raw, split)).map_err(|e| e.under("rollout"))?;
            Ok(Course::Rollout(Box::new(rollout)))
        }
    }
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
