//! What the parts of a rollout's tests have in common: one rollout.

use serde_json::json;
use traffic_policy::catalog::{Catalog, RawPool};
use traffic_policy::rollout::{RawRollout, Rollout};
use traffic_policy::split::{RawArm, Split};

/// Instants are every 10 s from 1,700,000,000 s after 1970 on, and evaluated 5 s earlier.
pub(super) fn rollout() -> Rollout {
    let section = json!({
        "start_at": "2023-11-14T22:13:20Z", "interval": "10s", "candidate_steps": [10, 50, 100],
        "min_samples": 100, "gates": [{"signal": "failures"}],
        "prometheus": {"cluster": "prometheus", "evaluation_delay": "5s"},
    });
    let raw: RawRollout = serde_json::from_value(section).unwrap();
    Rollout::try_from((raw, &split())).unwrap()
}

pub(super) fn split() -> Split {
    let pool = RawPool {
        name: "gpu".into(),
        model: None,
        versions: vec!["v1".into(), "v2".into()],
        fallback: vec![],
        endpoints: vec![],
    };
    let catalog = Catalog::try_from((vec![], vec![pool])).unwrap();
    let arm = |version: &str, weight| RawArm { version: version.into(), weight, model: None };
    let arms = vec![arm("v1", 90), arm("v2", 10)];
    Split::try_from((arms, catalog.pool("gpu").unwrap(), &catalog)).unwrap()
}
