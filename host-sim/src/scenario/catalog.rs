//! Finds scenario files.

use std::path::{Path, PathBuf};

/// Why there are no scenarios.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The path cannot be read.
    #[error("{path}")]
    Unreadable {
        /// The path.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A folder without a scenario: probably not the one that was meant.
    #[error("{0}: no scenario in it or below it; a scenario is a file with the ending .yaml")]
    Empty(String),
}

/// Every scenario that the paths name: a file itself, a folder all below it, in order of names.
///
/// Folders called `envoy` hold bootstrap files of scenarios, not scenarios.
///
/// # Errors
/// When a path is not there or holds no scenario.
pub fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, CatalogError> {
    let mut found = Vec::new();
    for path in paths {
        let before = found.len();
        collect(path, &mut found)?;
        if found.len() == before {
            return Err(CatalogError::Empty(path.display().to_string()));
        }
    }
    found.dedup();
    Ok(found)
}

fn collect(path: &Path, found: &mut Vec<PathBuf>) -> Result<(), CatalogError> {
    let unreadable = |source| CatalogError::Unreadable { path: path.display().to_string(), source };
    if !std::fs::metadata(path).map_err(unreadable)?.is_dir() {
        found.push(path.to_owned());
        return Ok(());
    }
    let mut inside: Vec<PathBuf> = std::fs::read_dir(path)
        .map_err(unreadable)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(unreadable)?;
    inside.sort();
    for path in inside {
        let is_yaml = path.extension().is_some_and(|ending| ending == "yaml");
        let holds_bootstraps = path.file_name().is_some_and(|name| name == "envoy");
        if is_yaml || (path.is_dir() && !holds_bootstraps) {
            collect(&path, found)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_are_found_below_a_folder_and_bootstraps_are_not() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.yaml", "router/a.yaml", "router/notes.md", "router/envoy/chain.yaml"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let found = find(&[folder.path().to_owned()]).unwrap();
        let names: Vec<_> =
            found.iter().map(|path| path.strip_prefix(folder.path()).unwrap()).collect();
        assert_eq!(names, [Path::new("b.yaml"), Path::new("router/a.yaml")]);
    }

    #[test]
    fn an_empty_folder_is_an_error_and_not_a_success_of_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let message = find(&[folder.path().to_owned()]).unwrap_err().to_string();
        assert!(message.contains("no scenario in it"), "{message}");
    }
}
