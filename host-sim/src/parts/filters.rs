//! The filters, built for wasm by cargo.
//!
//! The simulator knows the filters only as a `.wasm` file; this is the one place that knows where the file
//! comes from. The default set of features is built where `cargo filters` builds it, so that the manifests,
//! which name that place, run by hand afterwards. Any other set has a target directory of its own, or one
//! build would overwrite another's `llm_mesh.wasm` while a test reads it. Cargo decides what is stale.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{
    command::{CommandError, line, output},
    place::{Parts, PlaceError},
};

/// Why there are no filters.
#[derive(Debug, thiserror::Error)]
pub enum FiltersError {
    /// No place, or no lock.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The target is not there and cannot be added.
    #[error("the Rust target wasm32-wasip1 is missing; `rustup target add wasm32-wasip1` adds it")]
    Target(#[source] CommandError),
    /// Cargo cannot be run.
    #[error("the filters cannot be built")]
    Cargo(#[source] CommandError),
    /// Cargo said what is wrong already.
    #[error("`{line}` failed ({status}); its messages are above")]
    Build {
        /// The command line.
        line: String,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// The build gave no module.
    #[error("the build gave no {}", .0.display())]
    NoModule(PathBuf),
}

/// Which filters are in the module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Features {
    /// All that are built by default.
    #[default]
    Default,
    /// Only these, by their cargo features.
    Only(Vec<String>),
}

const RUSTUP: &str = "install rustup (https://rustup.rs)";

impl Parts {
    /// Builds `llm_mesh.wasm` and gives its path. Cargo's progress goes to standard error.
    ///
    /// Blocks; the first build takes about a minute, one without changes less than a second.
    ///
    /// # Errors
    /// When the target cannot be added or the build fails.
    pub fn filters(&self, features: &Features) -> Result<PathBuf, FiltersError> {
        let name = directory(features);
        let _lock = self.lock(&name)?;
        let target = match features {
            Features::Default => self.target().to_path_buf(),
            Features::Only(_) => self.target().join(&name),
        };
        let features = match features {
            Features::Default => Vec::new(),
            Features::Only(features) => {
                vec!["--no-default-features".to_owned(), "--features".into(), features.join(",")]
            }
        };
        self.wasm("llm-mesh", &target, &features)
    }

    /// Builds `tracing_guest.wasm`, the plugin that writes down every callback, and gives its path.
    ///
    /// # Errors
    /// When the target cannot be added or the build fails.
    pub fn tracing_guest(&self) -> Result<PathBuf, FiltersError> {
        let _lock = self.lock("tracing-guest")?;
        self.wasm("tracing-guest", self.target(), &[])
    }

    fn wasm(
        &self,
        package: &str,
        target: &Path,
        features: &[String],
    ) -> Result<PathBuf, FiltersError> {
        self.wasm_target()?;
        let file = format!("wasm32-wasip1/filter/{}.wasm", package.replace('-', "_"));
        let module = target.join(file);
        if !module.exists() {
            self.say(&format!(
                "building {package} for wasm32-wasip1 (the first time takes a minute)"
            ));
        }
        let mut cargo = self.cargo();
        cargo.args(["build", "--profile", "filter", "--target", "wasm32-wasip1", "-p", package]);
        cargo.arg("--target-dir").arg(target).args(features);
        let missing =
            |reason| CommandError::Missing { program: "cargo".into(), reason, cure: RUSTUP };
        cargo.stdin(Stdio::null()).stdout(Stdio::null());
        let status = cargo.status().map_err(|reason| FiltersError::Cargo(missing(reason)))?;
        if !status.success() {
            return Err(FiltersError::Build { line: line(&cargo), status });
        }
        if module.exists() { Ok(module) } else { Err(FiltersError::NoModule(module)) }
    }

    /// Adds the wasm target to the workspace's toolchain when it is not there.
    fn wasm_target(&self) -> Result<(), FiltersError> {
        let mut rustc = Command::new("rustc");
        rustc.args(["--print", "target-libdir", "--target", "wasm32-wasip1"]);
        rustc.current_dir(self.workspace());
        let library = output(self.clean(&mut rustc), RUSTUP);
        if library.is_ok_and(|path| PathBuf::from(path.trim()).is_dir()) {
            return Ok(());
        }
        self.say("adding the Rust target wasm32-wasip1");
        let mut rustup = Command::new("rustup");
        rustup.args(["target", "add", "wasm32-wasip1"]).current_dir(self.workspace());
        output(self.clean(&mut rustup), RUSTUP).map_err(FiltersError::Target)?;
        Ok(())
    }

    fn cargo(&self) -> Command {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(self.workspace());
        self.clean(&mut cargo);
        cargo
    }

    /// Takes out of the environment what belongs to an outer cargo. Its flags would replace the ones that
    /// this workspace sets for wasm, simd128 among them.
    fn clean<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        for name in
            ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET", "CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS"]
        {
            command.env_remove(name);
        }
        command
    }
}

/// The name of a set of features: of its lock, and of its target directory below cargo's own.
fn directory(features: &Features) -> String {
    match features {
        Features::Default => "filters".to_owned(),
        Features::Only(features) if features.is_empty() => "filters-none".to_owned(),
        Features::Only(features) => {
            let mut sorted = features.clone();
            sorted.sort_unstable();
            format!("filters-{}", sorted.join("+"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_set_of_features_has_a_directory_of_its_own() {
        let only = |names: &[&str]| Features::Only(names.iter().map(|&name| name.into()).collect());
        assert_eq!(directory(&Features::Default), "filters");
        assert_eq!(directory(&only(&[])), "filters-none");
        assert_eq!(directory(&only(&["b", "a"])), directory(&only(&["a", "b"])));
    }
}
