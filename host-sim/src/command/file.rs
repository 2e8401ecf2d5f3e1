//! The Envoy file that a command plays, with the filters that this workspace builds.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use host_sim::bootstrap::{Bootstrap, Rewrite, load_tree};
use host_sim::parts::{Features, Parts};
use host_sim::vm::{Engine, EngineOptions, LoadError};

/// The module that this workspace builds; a file that names another one gets that one.
const OWN_MODULE: &str = "llm_mesh.wasm";

/// Reads a file, and makes an engine for its modules.
pub(super) fn prepare(file: &Path) -> Result<(Bootstrap, Arc<Engine>), Box<dyn std::error::Error>> {
    let tree = load_tree(file)?;
    let mut rewrite = Rewrite::default();
    // Outside of a workspace every module is where the file says.
    let parts = Parts::here().ok();
    if let Some(parts) = &parts
        && std::fs::read_to_string(file)?.contains(OWN_MODULE)
    {
        let module = parts.filters(&Features::Default)?;
        rewrite.modules.insert(OWN_MODULE.to_owned(), module);
    }
    let bootstrap = Bootstrap::from_node(&rewrite.apply(&tree)?)?;
    Ok((bootstrap, engine(parts.as_ref())?))
}

/// The module of this workspace, and an engine for it.
pub(super) fn own_module() -> Result<(PathBuf, Arc<Engine>), Box<dyn std::error::Error>> {
    let parts = Parts::here()?;
    let module = parts.filters(&Features::Default)?;
    Ok((module, engine(Some(&parts))?))
}

fn engine(parts: Option<&Parts>) -> Result<Arc<Engine>, LoadError> {
    let module_cache = parts.map(|parts| parts.path("compiled"));
    Ok(Arc::new(Engine::new(EngineOptions { module_cache, ..EngineOptions::default() })?))
}
