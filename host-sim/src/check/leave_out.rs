//! Leaves out what the model has not, so that the rest of a file can be read.
//!
//! Whoever runs a file in the simulator wants to hear of the first thing that it cannot play. Whoever has a
//! file checked runs it on an Envoy, and a filter for TLS is no reason not to look at his retries.

use super::{Finding, READING};
use crate::{
    bootstrap::Bootstrap,
    yaml::{Error, Node, Problem, Value},
};

/// More than any file has, and a bound.
const AT_MOST: usize = 1_000;

/// What is left of a tree, and its typed form; none where a mistake is in the way.
pub(super) fn readable(mut tree: Node, findings: &mut Vec<Finding>) -> (Node, Option<Bootstrap>) {
    for _ in 0..AT_MOST {
        let error = match Bootstrap::from_node(&tree) {
            Ok(bootstrap) => return (tree, Some(bootstrap)),
            Err(error) => error,
        };
        let left_out = leave_out(&mut tree, &error);
        findings.push(Finding { rule: READING, is_note: left_out, error });
        if !left_out {
            break;
        }
    }
    (tree, None)
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// Lists whose items can be missed one by one.
const OPTIONAL_ITEMS: [&str; 3] = ["http_filters", "access_log", "custom_tags"];

/// False: it is a mistake, or nothing can be left out there.
fn leave_out(tree: &mut Node, error: &Error) -> bool {
    let Problem::NotModelled { found, .. } = error.problem() else { return false };
    let path = steps(error.path());
    let field = found.trim_matches('`');
    if let Some(node) = at(tree, &path)
        && remove_key(node, field)
    {
        return true;
    }
    // The innermost item of a list that has one: the item itself, or the field of it that leads here.
    let places = path.iter().enumerate();
    let Some((last, index)) = places.rev().find_map(|(place, step)| match step {
        Step::Index(index) => Some((place, *index)),
        Step::Key(_) => None,
    }) else {
        return false;
    };
    let outer = last.checked_sub(1).and_then(|place| path.get(place));
    let optional =
        |step: &Step| matches!(step, Step::Key(key) if OPTIONAL_ITEMS.contains(&key.as_str()));
    if outer.is_some_and(optional) {
        let list = at(tree, path.get(..last).unwrap_or_default());
        return list.is_some_and(|list| remove_item(list, index));
    }
    remove_field_of_item(tree, &path)
}

/// Removes the field of a cluster, a route or a connection manager in which the path ends.
fn remove_field_of_item(tree: &mut Node, path: &[Step]) -> bool {
    let items = ["clusters", "routes", "filters", "virtual_hosts", "listeners"];
    let places = path.iter().zip(path.iter().skip(1)).enumerate();
    let Some((place, _)) = places.rev().find(|(_, (key, index))| {
        matches!(key, Step::Key(key) if items.contains(&key.as_str()))
            && matches!(index, Step::Index(_))
    }) else {
        return false;
    };
    let Some(Step::Key(field)) = path.get(place + 2) else { return false };
    let (field, item) = (field.clone(), path.get(..place + 2).unwrap_or_default());
    at(tree, item).is_some_and(|item| remove_key(item, &field))
}

fn at<'t>(tree: &'t mut Node, path: &[Step]) -> Option<&'t mut Node> {
    path.iter().try_fold(tree, |node, step| match step {
        Step::Key(key) => node.get_mut(key),
        Step::Index(index) => node.items_mut().get_mut(*index),
    })
}

fn remove_key(node: &mut Node, key: &str) -> bool {
    let Value::Map(entries) = &mut node.value else { return false };
    let before = entries.len();
    entries.retain(|entry| entry.key != key);
    entries.len() < before
}

fn remove_item(node: &mut Node, index: usize) -> bool {
    match &mut node.value {
        Value::List(items) if index < items.len() => {
            items.remove(index);
            true
        }
        _ => false,
    }
}

/// The steps of a path as readers write it: `a.b[0]["c.d"]`.
fn steps(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix("[\"") {
            let Some((key, behind)) = quoted.split_once("\"]") else { break };
            steps.push(Step::Key(key.to_owned()));
            rest = behind;
        } else if let Some(inner) = rest.strip_prefix('[') {
            let Some((index, behind)) = inner.split_once(']') else { break };
            let Ok(index) = index.parse() else { break };
            steps.push(Step::Index(index));
            rest = behind;
        } else {
            rest = rest.trim_start_matches('.');
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (key, behind) = rest.split_at(end);
            steps.push(Step::Key(key.to_owned()));
            rest = behind;
        }
    }
    steps
}
