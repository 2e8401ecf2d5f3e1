//! What runs need from outside: the filters' module, Envoy, a folder to write in.
//!
//! Each is made when the first scenario asks for it and then shared, so that a run in the
//! simulator alone never looks for an Envoy, and no module is ever stale: the build tool is asked
//! once in every run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::model::EnvoyVersion;
use crate::parts::{Features, Parts, PlaceError, Without};
use crate::scenario::control;
use crate::vm::{Engine, EngineOptions};

/// Which module stands where the configuration names the filters'.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Module {
    /// The one that users load.
    Filters,
    /// The same, and these features of cargo besides: vocabularies, or traps on request.
    With(Vec<String>),
    /// A guest that does nothing.
    Control,
    /// A guest that writes down every callback and does what it is told.
    Tracing,
}

/// Why the workbench cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum WorkbenchError {
    /// There is no workspace around.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// No folder to write in.
    #[error("no temporary folder")]
    Scratch(#[from] std::io::Error),
}

/// The shared means of all runs.
pub struct Workbench {
    parts: Parts,
    without: Without,
    scratch: tempfile::TempDir,
    modules: Mutex<BTreeMap<Module, Made<PathBuf>>>,
    assembled: Mutex<BTreeMap<PathBuf, Made<PathBuf>>>,
    envoys: Mutex<BTreeMap<EnvoyVersion, Made<PathBuf>>>,
    engine: OnceLock<Result<Arc<Engine>, String>>,
}

/// Made once; a failure is not tried again but told to everyone who asks.
type Made<T> = Arc<Result<T, String>>;

impl Workbench {
    /// Sets it up in the workspace around the current folder.
    ///
    /// # Errors
    /// When there is no workspace, or no place for temporary files.
    pub fn here(without: Without) -> Result<Self, WorkbenchError> {
        Self::with(Parts::here()?, without)
    }

    /// Sets it up in the workspace around the current folder, or in the user's cache where there is
    /// none. Then it has everything but the filters.
    ///
    /// # Errors
    /// When there is no place for temporary files.
    pub fn anywhere(without: Without) -> Result<Self, WorkbenchError> {
        Self::with(Parts::here().or_else(|_| Parts::in_cache())?, without)
    }

    fn with(parts: Parts, without: Without) -> Result<Self, WorkbenchError> {
        Ok(Self {
            parts,
            without,
            scratch: tempfile::tempdir()?,
            modules: Mutex::default(),
            assembled: Mutex::default(),
            envoys: Mutex::default(),
            engine: OnceLock::new(),
        })
    }

    /// What was left out by name.
    #[must_use]
    pub const fn without(&self) -> &Without {
        &self.without
    }

    /// The workspace's root.
    #[must_use]
    pub fn workspace(&self) -> &Path {
        self.parts.workspace()
    }

    /// What makes the simulator's VMs. It keeps compiled modules, so all runs share it.
    ///
    /// # Errors
    /// When there is none for this machine.
    pub fn engine(&self) -> Result<Arc<Engine>, String> {
        let make = || {
            let module_cache = Some(self.parts.path("compiled"));
            let options = EngineOptions { module_cache, ..EngineOptions::default() };
            Engine::new(options).map(Arc::new).map_err(|error| rim(&error))
        };
        self.engine.get_or_init(make).clone()
    }

    /// A new folder for the files of one run, which goes with the returned value.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder(&self) -> std::io::Result<tempfile::TempDir> {
        tempfile::tempdir_in(self.scratch.path())
    }

    /// The file of a module, built if it is not there or stale.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn module(&self, module: Module) -> Result<PathBuf, String> {
        made_once(&self.modules, module.clone(), || match module {
            Module::Filters => build(&self.parts, &Features::Default),
            Module::With(mut features) => {
                features.push("default".to_owned());
                build(&self.parts, &Features::Only(features))
            }
            Module::Tracing => self.parts.tracing_guest().map_err(|error| rim(&error)),
            Module::Control => {
                let path = self.scratch.path().join("control.wasm");
                control::write(&path).map_err(|error| rim(&error))?;
                Ok(path)
            }
        })
    }

    /// A plugin's file as hosts load it: a module in text (`.wat`) is assembled.
    ///
    /// # Errors
    /// When the file cannot be read, or is not the text of a module.
    pub fn plugin(&self, file: &Path) -> Result<PathBuf, String> {
        let at = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let file = std::path::absolute(file).map_err(|error| at(&error))?;
        if file.extension().is_none_or(|ending| ending != "wat") {
            return Ok(file);
        }
        let number = self.assembled.lock().unwrap_or_else(PoisonError::into_inner).len();
        made_once(&self.assembled, file.clone(), || {
            let text = crate::yaml::read_text(&file).map_err(|error| error.to_string())?;
            let code = wat::parse_str(&text).map_err(|error| not_assembled(&file, &error))?;
            let name = file.file_stem().unwrap_or_default().to_string_lossy();
            let made = self.scratch.path().join(format!("{number}-{name}.wasm"));
            std::fs::write(&made, code).map_err(|error| at(&error))?;
            Ok(made)
        })
    }

    /// The binary of an Envoy, fetched if it is not there.
    ///
    /// # Errors
    /// When there is none and none can be fetched.
    pub fn envoy(&self, version: EnvoyVersion) -> Result<PathBuf, String> {
        made_once(&self.envoys, version, || self.parts.envoy(version).map_err(|e| rim(&e)))
    }
}

/// `FILE:LINE:COLUMN: what is wrong`; the library tells the place only in a drawing of several lines.
fn not_assembled(file: &Path, error: &wat::Error) -> String {
    let drawing = error.to_string();
    let place = drawing.lines().find_map(|line| line.trim().strip_prefix("--> <anon>"));
    let what = drawing.lines().next().unwrap_or_default();
    format!("{}{}: {what}", file.display(), place.unwrap_or_default())
}

fn build(parts: &Parts, features: &Features) -> Result<PathBuf, String> {
    parts.filters(features).map_err(|error| rim(&error))
}

/// Makes what is not there yet, while others who want it wait.
fn made_once<K: Ord, T: Clone>(
    all: &Mutex<BTreeMap<K, Made<T>>>,
    key: K,
    make: impl FnOnce() -> Result<T, String>,
) -> Result<T, String> {
    // A panic of one test must not keep the others from their parts.
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    let made = all.entry(key).or_insert_with(|| Arc::new(make()));
    made.as_ref().clone()
}

/// An error with its causes, each of which prints its own level only.
pub(crate) fn rim(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
