//! Smaller cases: each lacks one thing that the case has.

use serde_json::Value;

use super::case::{Case, PLUGINS, Rule};

/// All that are one step smaller, the larger steps first.
pub(super) fn smaller(case: &Case) -> Vec<Case> {
    let mut found = Vec::new();
    let mut with = |change: &dyn Fn(&mut Case)| {
        let mut changed = case.clone();
        change(&mut changed);
        if changed != *case {
            found.push(changed);
        }
    };
    for plugin in PLUGINS {
        with(&|case| case.rules.retain(|rule| rule.plugin != plugin));
    }
    for at in 0..case.rules.len() {
        with(&|case| drop(case.rules.remove(at)));
    }
    for (at, rule) in case.rules.iter().enumerate() {
        for op in 0..rule.ops.len() {
            with(&|case| change(case, at, |rule| drop(rule.ops.remove(op))));
            for inner in 0..later(rule.ops.get(op)).map_or(0, Vec::len) {
                with(&|case| {
                    change(case, at, |rule| {
                        if let Some(ops) = rule.ops.get_mut(op).and_then(later_mut) {
                            drop(ops.remove(inner));
                        }
                    });
                });
            }
        }
        with(&|case| change(case, at, |rule| rule.action = 0));
        if rule.action > 1 {
            with(&|case| change(case, at, |rule| rule.action = 1));
        }
        with(&|case| change(case, at, |rule| rule.nth = None));
    }
    with(&|case| case.reset_ms = None);
    with(&|case| case.trailers = false);
    with(&|case| case.separate_end = false);
    with(&|case| {
        case.pieces = None;
        case.trailers = false;
    });
    with(&|case| {
        if let Some(pieces) = &mut case.pieces {
            pieces.truncate(1);
        }
    });
    with(&|case| case.times = 1);
    // Only a VM of its own may trap.
    if case.own_chain() == case.listener {
        with(&|case| case.server = "server");
    }
    if !case.has_own_vm() {
        with(&|case| case.listener = "single");
        if case.listener != "single" {
            with(&|case| case.listener = "knob");
        }
    }
    with(&|case| case.http2 = true);
    with(&|case| case.announced = false);
    found
}

fn change(case: &mut Case, at: usize, change: impl Fn(&mut Rule)) {
    if let Some(rule) = case.rules.get_mut(at) {
        change(rule);
    }
}

/// What an operation puts off to a later event: the last of its arguments.
fn later(op: Option<&Value>) -> Option<&Vec<Value>> {
    let op = op?;
    DEFERRING.iter().find_map(|name| op.get(name))?.as_array()?.last()?.as_array()
}

fn later_mut(op: &mut Value) -> Option<&mut Vec<Value>> {
    let name = DEFERRING.iter().find(|name| op.get(name).is_some())?;
    op.get_mut(name)?.as_array_mut()?.last_mut()?.as_array_mut()
}

const DEFERRING: [&str; 3] = ["later", "call", "grpc"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::draw;

    #[test]
    fn every_smaller_case_is_another_one_and_lacks_something() {
        let case =
            (0..).map(|index| draw::case(1, index)).find(|case| case.rules.len() > 3).unwrap();
        let all = smaller(&case);
        assert!(all.iter().all(|other| *other != case));
        let size = |case: &Case| format!("{:?}", case.rules).len();
        assert!(all.iter().filter(|other| size(other) < size(&case)).count() > case.rules.len());
    }

    #[test]
    fn taking_things_away_comes_to_an_end() {
        let mut case = draw::case(1, 0);
        for _ in 0..1_000 {
            match smaller(&case).pop() {
                Some(next) => case = next,
                None => return,
            }
        }
        panic!("still smaller: {case:?}");
    }
}
