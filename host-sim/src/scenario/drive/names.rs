//! Names in a scenario that only its configuration can confirm: clusters, and endpoints of them.
//!
//! A misspelt one would go unseen: an expectation of absence holds of a cluster that does not exist, and
//! a header keeps the text of an endpoint that nobody replaced.

use crate::bootstrap::Bootstrap;
use crate::scenario::Scenario;
use crate::scenario::step::RequestStep;

const ENDPOINT: &str = "endpoint(";

/// Whether all of them are there.
///
/// # Errors
/// Names the first that is not, with its step and with what there is.
pub(super) fn check(scenario: &Scenario, bootstrap: &Bootstrap) -> Result<(), String> {
    let known: Vec<(&str, usize)> = bootstrap
        .clusters
        .iter()
        .map(|cluster| (cluster.name.as_str(), cluster.endpoints.len()))
        .collect();
    let at = |path: String, problem: String| {
        Err(format!("{}: {path}: {problem}", scenario.path.display()))
    };
    for (cluster, _) in &scenario.upstreams {
        if let Some(problem) = unknown_upstream(cluster, &known) {
            return at("upstreams".to_owned(), problem);
        }
    }
    for (number, step) in scenario.steps.iter().enumerate() {
        let Some(step) = step.request() else { continue };
        if let Some((field, problem)) = of_step(step, &known) {
            return at(format!("steps[{number}].{field}"), problem);
        }
    }
    let called = scenario.finally.callouts.iter().map(|(cluster, _)| cluster);
    match called.filter_map(|cluster| unknown(cluster, &known)).next() {
        Some(problem) => at("finally.callouts".to_owned(), problem),
        None => Ok(()),
    }
}

fn of_step(step: &RequestStep, known: &[(&str, usize)]) -> Option<(String, String)> {
    let counts = step.expect.upstream_requests.iter().map(|(cluster, _)| cluster);
    let counts = counts.map(|cluster| ("upstream_requests", cluster));
    let details = step.expect.upstream.iter().map(|(cluster, _)| ("upstream", cluster));
    for (field, cluster) in counts.chain(details) {
        if let Some(problem) = unknown(cluster, known) {
            return Some((format!("expect.{field}"), problem));
        }
    }
    step.request.headers.iter().find_map(|(name, value)| {
        let problem = unknown_endpoint(value, known)?;
        Some((format!("request.headers.{name}"), problem))
    })
}

/// A cluster, or the endpoint at one of its places.
fn unknown_upstream(name: &str, known: &[(&str, usize)]) -> Option<String> {
    let is_place = known.iter().any(|(cluster, endpoints)| {
        (0..*endpoints).any(|place| name == format!("{cluster}({place})"))
    });
    if is_place { None } else { unknown(name, known) }
}

fn unknown(cluster: &str, known: &[(&str, usize)]) -> Option<String> {
    let all: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    (!all.contains(&cluster))
        .then(|| format!("found cluster `{cluster}`; allowed {}; correct the name", all.join(", ")))
}

fn unknown_endpoint(value: &str, known: &[(&str, usize)]) -> Option<String> {
    value.match_indices(ENDPOINT).find_map(|(start, _)| {
        let inside = value.get(start + ENDPOINT.len()..)?;
        let inside = inside.split_once(')').map_or(inside, |(inside, _)| inside);
        let is_known = known.iter().any(|(cluster, endpoints)| {
            (0..*endpoints).any(|place| inside == format!("{cluster},{place}"))
        });
        (!is_known).then(|| {
            let all: Vec<String> = known
                .iter()
                .filter_map(|(name, endpoints)| {
                    let last = endpoints.checked_sub(1)?;
                    Some(format!("endpoint({name},0) to endpoint({name},{last})"))
                })
                .collect();
            format!(
                "found `{ENDPOINT}{inside})`; allowed {}, without spaces; correct it",
                all.join(", ")
            )
        })
    })
}
