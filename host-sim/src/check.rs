//! What of a configuration cannot work together.
//!
//! Envoy takes each part of a file for itself: a limit that ends retries, a filter that is never asked, a
//! plugin that stays dead after a trap are all valid. What they come to shows under load, or in an outage.
//! Here a file is read as a whole, with what the filters' own configuration says beside what the proxy's says.
//!
//! Three readers, in this order:
//! 1. the [bootstrap](crate::bootstrap) reader, as for every run; what only a real Envoy has (TLS, other
//!    filters) is left out with a note, so that the rest can be looked at;
//! 2. [`rules()`] across both configurations;
//! 3. the [plugins themselves](plugin_verdicts), which configure themselves in the simulated proxy.
//!
//! # Limits
//! Routes by `x-llm-pool` are understood where they match its exact value. A plugin's configuration that is no
//! JSON is the plugin's own affair.

mod leave_out;
mod rules;
#[cfg(test)]
mod tests;
mod verdict;
mod view;

use std::{fmt, path::PathBuf};

use crate::{
    bootstrap::{Bootstrap, load_tree},
    istio,
    yaml::{Error, Node, Problem, read_file},
};

pub use verdict::plugin_verdicts;

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The name of the rule.
    pub rule: &'static str,
    /// It says what was not looked at; nothing is wrong with it.
    pub is_note: bool,
    /// Where, what, and what to do.
    pub error: Error,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let note = if self.is_note { "note: " } else { "" };
        write!(f, "{note}{} [{}]", self.error, self.rule)
    }
}

impl Finding {
    fn new(rule: &'static str, error: Error) -> Self {
        Self { rule, is_note: false, error }
    }

    /// What was found, what is allowed, and the cure; each empty where the others say it.
    #[must_use]
    pub fn parts(&self) -> (String, String, String) {
        match self.error.problem().clone() {
            Problem::Unreadable(why) => {
                (format!("a file that cannot be read: {why}"), String::new(), String::new())
            }
            Problem::Syntax(why) => {
                (format!("a file that is no YAML: {why}"), String::new(), String::new())
            }
            Problem::Missing { field } => {
                (format!("no `{field}`"), String::new(), "add it".to_owned())
            }
            Problem::UnknownField { field, allowed, cure } => {
                (format!("unknown field `{field}`"), allowed, cure)
            }
            Problem::Invalid { found, allowed, cure } => (found, allowed, cure),
            Problem::NotModelled { found, has, cure } => (found, has, cure),
        }
    }
}

/// A configuration that was read.
#[derive(Debug)]
pub struct Configuration {
    /// The files that it was made of.
    pub files: Vec<PathBuf>,
    /// The tree, without what only a real Envoy has.
    pub tree: Node,
    /// Its typed form.
    pub bootstrap: Bootstrap,
}

/// Reads files: each bootstrap is a configuration of its own, all Istio resources together are one. A file that
/// cannot be read leaves a finding in its place.
#[must_use]
pub fn read(files: &[PathBuf]) -> (Vec<Configuration>, Vec<Finding>) {
    let (mut configurations, mut findings) = (Vec::new(), Vec::new());
    let mut resources = Vec::new();
    for file in files {
        match read_file(file) {
            Err(error) => findings.push(Finding::new(READING, error)),
            Ok(documents) if documents.first().is_some_and(istio::is_resource) => {
                resources.push(file.clone());
            }
            Ok(_) => take(vec![file.clone()], load_tree(file), &mut configurations, &mut findings),
        }
    }
    if !resources.is_empty() {
        let tree = istio::load(&resources);
        take(resources, tree, &mut configurations, &mut findings);
    }
    (configurations, findings)
}

/// The name of the first reader.
const READING: &str = "reading";

fn take(
    files: Vec<PathBuf>,
    tree: Result<Node, Error>,
    configurations: &mut Vec<Configuration>,
    findings: &mut Vec<Finding>,
) {
    match tree {
        Err(error) => findings.push(Finding::new(READING, error)),
        Ok(tree) => {
            let (tree, bootstrap) = leave_out::readable(tree, findings);
            if let Some(bootstrap) = bootstrap {
                configurations.push(Configuration { files, tree, bootstrap });
            }
        }
    }
}

/// What the rules find in a configuration, in the order of the rules.
#[must_use]
pub fn rules(configuration: &Configuration) -> Vec<Finding> {
    rules::all(&view::View::new(&configuration.tree, &configuration.bootstrap))
}
