//! Which weights are meant, and what they become.

use std::path::Path;

use super::sites::{Kind, Site};
use super::{Split, Version, Wanted, WeightsError};
use crate::yaml::{Error, Problem};

/// The sites of one name, each with its place among all. A pool may be split at several places of a file, as
/// where two listeners have the same plugin; all of them change.
pub(super) fn select(
    file: &Path,
    sites: &[Site],
    pool: Option<&str>,
) -> Result<Vec<(usize, Site)>, WeightsError> {
    let mut names: Vec<&str> = sites.iter().map(|site| site.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let allowed = || names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let name = match (pool, names.as_slice()) {
        (_, []) => return Err(WeightsError::Nothing(file.to_owned())),
        (Some(pool), names) if names.contains(&pool) => pool,
        (None, [only]) => only,
        (Some(pool), _) => {
            let found = format!("no weights of `{pool}`");
            return Err(WeightsError::Pool { file: file.to_owned(), found, allowed: allowed() });
        }
        (None, _) => {
            let found = format!("the weights of {}", names.len());
            return Err(WeightsError::Pool { file: file.to_owned(), found, allowed: allowed() });
        }
    };
    let all = sites.iter().cloned().enumerate();
    Ok(all.filter(|(_, site)| site.name == name).collect())
}

/// What a site's weights become.
pub(super) fn decide(site: &Site, wanted: &[Wanted]) -> Result<Split, Error> {
    let versions: Vec<&str> = site.arms.iter().map(|arm| arm.version.as_str()).collect();
    let problem = |found: String, allowed: String, cure: &str| {
        let problem = Problem::Invalid { found, allowed, cure: cure.to_owned() };
        Error::new(site.place.clone(), site.path.clone(), problem)
    };
    if site.has_rollout {
        let found = "a `rollout`, which gives the versions their weights".to_owned();
        let cure = "remove it, or change its `candidate_steps`";
        return Err(problem(found, "weights that are in force".to_owned(), cure));
    }
    for (index, version) in versions.iter().enumerate() {
        if versions.iter().skip(index + 1).any(|other| other == version) {
            return Err(problem(format!("`{version}` twice"), "once".to_owned(), "remove one"));
        }
    }
    if let Some(unknown) = wanted.iter().find(|wanted| !versions.contains(&wanted.version.as_str()))
    {
        let cure = "add it to the file, or name one that is there";
        return Err(problem(format!("no `{}`", unknown.version), versions.join(", "), cure));
    }
    let mut split = Split {
        kind: site.kind,
        name: site.name.clone(),
        place: site.place.clone(),
        path: site.path.clone(),
        versions: Vec::new(),
    };
    for arm in &site.arms {
        let new = wanted.iter().find(|wanted| wanted.version == arm.version);
        let after = new.map_or(arm.weight, |wanted| wanted.weight);
        if arm.spot.is_none() && after != arm.weight {
            let found = format!("no `weight` of `{}`", arm.version);
            return Err(problem(found, "a number to change".to_owned(), "add `weight: 0`"));
        }
        let name = arm.version.clone();
        split.versions.push(Version { name, before: arm.weight, after });
    }
    let sum = |weight: fn(&Version) -> u32| {
        split.versions.iter().map(|v| u64::from(weight(v))).sum::<u64>()
    };
    let (before, after) = (sum(|version| version.before), sum(|version| version.after));
    if after == 0 {
        let found = "no weight above 0".to_owned();
        return Err(problem(found, "one or more".to_owned(), "raise that of the version to use"));
    }
    // Envoy adds the weights of a route as a number of 32 bits.
    if site.kind == Kind::VirtualService && after > u64::from(u32::MAX) {
        let allowed = format!("up to {} together", u32::MAX);
        return Err(problem(
            format!("weights that come to {after}"),
            allowed,
            "lower all in proportion",
        ));
    }
    let unnamed: Vec<&str> = versions
        .iter()
        .copied()
        .filter(|version| wanted.iter().all(|w| w.version != *version))
        .collect();
    if !unnamed.is_empty() && before == PERCENT && after != PERCENT {
        let found = format!(
            "weights that came to {PERCENT} and would come to {after}, because {} would stay",
            unnamed.join(", ")
        );
        let allowed = "weights of which is clear what they are parts of".to_owned();
        return Err(problem(found, allowed, "name the weights of all versions"));
    }
    Ok(split)
}

/// What weights come to that are read as percent.
const PERCENT: u64 = 100;
