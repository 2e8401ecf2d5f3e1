//! `host-sim check`: what of a configuration cannot work together, before it runs.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use host_sim::bootstrap::{Bootstrap, Rewrite, stand_in_for_secrets};
use host_sim::check::{self, Configuration, Finding};
use host_sim::model::GuestFactory;
use host_sim::parts::{Features, Parts};
use host_sim::vm::{Engine, EngineOptions};
use serde_json::json;

use super::{Format, out};

/// Checks Envoy files and Istio manifests: the filters' own verdict on their configuration, and what belongs
/// together across both.
///
/// Each Envoy file is a configuration of its own; all Istio manifests together are one. Every finding says where,
/// what was found, what is allowed, and the cure. Exit code 1: something was found.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// Envoy bootstrap files, Istio manifests.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The filters' module, in the place of the one that the files name; the plugins' verdicts come from it.
    #[arg(long, value_name = "FILE.wasm")]
    module: Option<PathBuf>,
    /// One line for each finding, or one JSON object for all.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// The module that this workspace builds.
const OWN_MODULE: &str = "llm_mesh.wasm";

impl Check {
    /// Checks them all.
    pub(super) fn run(self) -> ExitCode {
        if let Some(missing) = self.files.iter().find(|file| !file.exists()) {
            let reason = std::io::Error::other(format!("{}: no such file", missing.display()));
            return super::refuse(&reason);
        }
        let (configurations, mut findings) = check::read(&self.files);
        let verdicts = Verdicts::new(self.module.clone());
        let mut plugins = 0;
        for configuration in &configurations {
            findings.extend(check::rules(configuration));
            match verdicts.of(configuration) {
                Ok((count, found)) => {
                    plugins += count;
                    findings.extend(found);
                }
                Err(error) => return super::refuse(&*error),
            }
        }
        self.tell(&findings, plugins)
    }

    fn tell(&self, findings: &[Finding], plugins: usize) -> ExitCode {
        let wrong = findings.iter().filter(|finding| !finding.is_note).count();
        let code = if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        match self.format {
            Format::Text => {
                let lines = findings.iter().map(ToString::to_string);
                let files = self.files.len();
                let end = format!("{files} files, {plugins} plugins: {wrong} findings");
                out::all(lines.chain([end]), code)
            }
            Format::Json => {
                let findings: Vec<serde_json::Value> = findings.iter().map(as_json).collect();
                out::all(
                    [json!({"files": self.files, "plugins": plugins, "findings": findings})],
                    code,
                )
            }
        }
    }
}

/// What plugins say of their configuration, with the module that is at hand.
struct Verdicts {
    module: Option<PathBuf>,
    parts: Option<Parts>,
}

impl Verdicts {
    fn new(module: Option<PathBuf>) -> Self {
        Self { module, parts: Parts::here().ok() }
    }

    /// How many plugins there are, and what those say that refuse.
    fn of(
        &self,
        configuration: &Configuration,
    ) -> Result<(usize, Vec<Finding>), Box<dyn std::error::Error>> {
        let mut rewrite = Rewrite::default();
        let module = match (&self.module, &self.parts) {
            (Some(module), _) => Some(module.clone()),
            // Outside of a workspace every module is where the file says.
            (None, Some(parts)) => Some(parts.filters(&Features::Default)?),
            (None, None) => None,
        };
        if let Some(module) = module {
            rewrite.modules.insert(OWN_MODULE.to_owned(), module);
        }
        let folder = tempfile::tempdir()?;
        let mut tree = rewrite.apply(&configuration.tree)?;
        stand_in_for_secrets(&mut tree, folder.path())?;
        let bootstrap = Bootstrap::from_node(&tree)?;
        let module_cache = self.parts.as_ref().map(|parts| parts.path("compiled"));
        let engine = Engine::new(EngineOptions { module_cache, ..EngineOptions::default() })?;
        let factory: Arc<dyn GuestFactory> = Arc::new(engine);
        let files = configuration.files.clone();
        Ok(check::plugin_verdicts(&Configuration { files, tree, bootstrap }, &factory))
    }
}

fn as_json(finding: &Finding) -> serde_json::Value {
    let place = finding.error.place();
    let (found, allowed, cure) = finding.parts();
    json!({
        "rule": finding.rule,
        "note": finding.is_note,
        "file": &*place.file,
        "line": place.line,
        "column": place.column,
        "path": finding.error.path(),
        "found": found,
        "allowed": allowed,
        "cure": cure,
    })
}
