//! Compares what servers received from plugins.
//!
//! A tracing guest says in [`CALLER`] which stream a request is made for. Requests that say so compare with
//! that stream, so that a difference names its step; the others compare for the whole run.

use std::collections::BTreeMap;

use super::{Found, clusters, normal::fields, received};
use crate::scenario::observation::{CALLER, Observation, Received};

/// Requests by the stream they were made for; several of one stream arrive in any order, over connections of
/// their own.
fn by_caller(seen: &Observation) -> BTreeMap<Option<String>, Vec<Received>> {
    let mut calls: BTreeMap<Option<String>, Vec<Received>> = BTreeMap::new();
    for call in &seen.callouts {
        calls.entry(call.headers.joined(CALLER)).or_default().push(call.clone());
    }
    for of_one in calls.values_mut() {
        of_one.sort_by_cached_key(|one| {
            let headers = format!("{:?}", fields(&one.headers));
            (one.cluster.clone(), one.path.clone(), one.body.clone(), headers)
        });
    }
    calls
}

/// Step and name of the place of a stream, by its number.
pub(super) type Places = BTreeMap<String, (usize, String)>;

pub(super) fn compare(found: &mut Found<'_>, places: &Places) {
    let (ours, mut theirs) = (by_caller(found.left), by_caller(found.right));
    let mut pairs: Vec<(Option<String>, Vec<Received>, Vec<Received>)> = Vec::new();
    for (caller, own) in ours {
        let other = theirs.remove(&caller).unwrap_or_default();
        pairs.push((caller, own, other));
    }
    pairs.extend(theirs.into_iter().map(|(caller, other)| (caller, Vec::new(), other)));
    for (caller, ours, theirs) in pairs {
        let place = caller.and_then(|caller| places.get(&caller));
        found.step = place.map(|(step, _)| *step);
        found.place = place.map(|(_, name)| name.clone());
        found.compare("callouts", &clusters(&ours), &clusters(&theirs));
        for (index, (a, b)) in ours.iter().zip(&theirs).enumerate() {
            received(found, &format!("callouts[{index}]"), a, b);
        }
    }
}
