//! `host-sim weights`: other weights for a split, in the file that has them.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use host_sim::weights::{Kind, Plan, Split, Wanted, WantedError, plan};
use serde_json::{Value, json};

use super::{Format, out};

/// Changes weights in the file that has them, and nothing else of it: a WasmPlugin, a VirtualService, a file that
/// Envoy watches (ECDS), or a static Envoy file.
///
/// Says how many users move, and how many of them without need. The file is replaced at one stroke, as Envoy
/// wants it. Versions that are not named keep their weights; where the weights came to 100 and would not any
/// more, that is refused, because it is not clear what is meant: name all then. Where a pool stands at several
/// places of the file, all change.
#[derive(Debug, Args)]
pub(super) struct Weights {
    /// The file.
    file: PathBuf,
    /// Versions and their weights, from 0 to 2147483647: `v1=60 v2=30 v3=10`. In a VirtualService versions are
    /// subsets, or hosts where there are none.
    #[arg(required = true, value_name = "VERSION=WEIGHT", value_parser = wanted)]
    weights: Vec<Wanted>,
    /// The pool whose weights are meant, or the name of a VirtualService's route, where the file has several.
    #[arg(long, value_name = "NAME")]
    pool: Option<String>,
    /// Writes nothing.
    #[arg(long)]
    dry_run: bool,
    /// For people, or one JSON object.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

fn wanted(text: &str) -> Result<Wanted, WantedError> {
    text.parse()
}

impl Weights {
    pub(super) fn run(self) -> ExitCode {
        let planned = match plan(&self.file, &self.weights, self.pool.as_deref()) {
            Ok(planned) => planned,
            Err(error) => return super::refuse(&error),
        };
        if !self.dry_run
            && let Err(error) = planned.write()
        {
            return super::refuse(&error);
        }
        match self.format {
            Format::Json => out::all([self.json(&planned)], ExitCode::SUCCESS),
            Format::Text => {
                let lines = planned.splits.iter().flat_map(lines);
                out::all(lines.chain([self.end(&planned)]), ExitCode::SUCCESS)
            }
        }
    }

    fn is_written(&self, planned: &Plan) -> bool {
        !self.dry_run && planned.is_change()
    }

    fn end(&self, planned: &Plan) -> String {
        let file = self.file.display();
        match (planned.is_change(), self.dry_run) {
            (false, _) => format!("{file}: these weights are in it already"),
            (true, true) => format!("{file}: not written (--dry-run)"),
            (true, false) => format!("{file}: written"),
        }
    }

    fn json(&self, planned: &Plan) -> Value {
        let splits: Vec<Value> = planned.splits.iter().map(as_json).collect();
        json!({"file": self.file, "written": self.is_written(planned), "splits": splits})
    }
}

fn lines(split: &Split) -> Vec<String> {
    let what = match split.kind {
        Kind::CanarySplit => "pool",
        Kind::VirtualService => "route",
    };
    let mut lines = vec![format!("{}: {what} `{}`", split.place, split.name)];
    let width =
        split.versions.iter().map(|version| version.name.chars().count()).max().unwrap_or(0);
    for (version, (before, after)) in split.versions.iter().zip(split.shares()) {
        let weights = format!("{} -> {}", version.before, version.after);
        let shares = format!("{} -> {}", percent(before), percent(after));
        lines.push(format!("  {:width$}  {weights:>12}   {shares}", version.name));
    }
    lines.push(match (split.kind, split.moves()) {
        (Kind::CanarySplit, Some(moves)) => format!(
            "  {} of users move; at least {} have to, {} without need",
            percent(moves.moved),
            percent(moves.least),
            percent(moves.excess())
        ),
        (Kind::CanarySplit, None) => "  no version had a weight: every user is new".to_owned(),
        (Kind::VirtualService, _) => {
            "  a VirtualService keeps no user at a version: each request is drawn anew".to_owned()
        }
    });
    lines
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn as_json(split: &Split) -> Value {
    let versions = split.versions.iter().zip(split.shares()).map(|(version, (before, after))| {
        json!({
            "version": version.name,
            "before": version.before,
            "after": version.after,
            "share_before": before,
            "share_after": after,
        })
    });
    let moves = split
        .moves()
        .map(|moves| json!({"moved": moves.moved, "least": moves.least, "excess": moves.excess()}));
    json!({
        "kind": split.kind.as_str(),
        "name": split.name,
        "line": split.place.line,
        "path": split.path,
        "versions": versions.collect::<Vec<_>>(),
        "moves": moves,
    })
}
