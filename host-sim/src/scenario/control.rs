//! A guest that leaves everything alone, in the place of the filters.
//!
//! A scenario that still passes with it has proved nothing about the filters: two equal `503`s
//! agree on both hosts as well as two equal answers do. So every scenario must fail with it,
//! unless it says `control: passes`, because being left alone is its point.

use std::path::Path;

/// Exports what a proxy-wasm host asks of every module, and no callback: every default applies.
const GUEST: &str = r#"
(module
  (memory (export "memory") 1)
  (global $next (mut i32) (i32.const 1024))
  (func (export "proxy_abi_version_0_2_1"))
  ;; Takes from the memory without ever giving back; nothing large is ever handed to this guest.
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $next))
    (global.set $next (i32.add (global.get $next) (local.get $size)))
    (local.get $at)))
"#;

/// Why the guest cannot be put in place.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The text of this module is not a module.
    #[error("the pass-through guest does not assemble")]
    Assemble(#[from] wat::Error),
    /// The file cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

/// Writes the guest to `path`.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path) -> Result<(), ControlError> {
    let bytes = wat::parse_str(GUEST)?;
    std::fs::write(path, bytes)
        .map_err(|source| ControlError::Write { path: path.display().to_string(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guest_is_a_module_with_the_marker_and_an_allocator() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("control.wasm");
        write(&file).unwrap();
        let bytes = std::fs::read(&file).unwrap();
        assert!(bytes.starts_with(b"\0asm"));
        for export in ["proxy_abi_version_0_2_1", "proxy_on_memory_allocate", "memory"] {
            assert!(bytes.windows(export.len()).any(|part| part == export.as_bytes()), "{export}");
        }
    }
}
