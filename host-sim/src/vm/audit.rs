//! Looks at a module's imports and exports before anything runs.
//!
//! Envoy stops at the first import that it does not have; here all of them are named, because
//! they usually have one cause (a WASI feature, another ABI version) and one cure.

use wasmtime::{Extern, ExternType, FuncType, ImportType, Linker, Module, Store};

use super::{LoadError, State, exports::describe};
use crate::abi::{AbiVersion, table::Hostcall};

/// The version that the module says it speaks: the first marker among its functions.
pub(super) fn abi_version(module: &Module) -> Result<AbiVersion, LoadError> {
    module
        .exports()
        .filter(|export| export.ty().func().is_some())
        .find_map(|export| AbiVersion::from_marker(export.name()))
        .ok_or(LoadError::NoAbiVersion)
}

/// What the bytes are, if a compiler need not even try.
pub(super) fn magic(code: &[u8]) -> Result<(), LoadError> {
    let found = match code {
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => return Ok(()),
        [] => "an empty file",
        [0, b'a', b's', b'm', _, _, 1, 0, ..] => "a component, not a core module",
        [0, b'a', b's', b'm', _, _, _, _, ..] => "another version of WebAssembly than 1",
        [0, b'a', b's', b'm', ..] => "the first bytes of a module only",
        _ => "other bytes",
    };
    Err(LoadError::NotWasm(found))
}

/// The name of the module's memory, which need not be `memory`.
pub(super) fn memory(module: &Module) -> Result<String, LoadError> {
    let types = module.exports().map(|export| (export.name(), export.ty()));
    let mut memories =
        types.filter_map(|(name, ty)| ty.memory().map(|memory| (name, memory.is_shared())));
    match memories.next() {
        Some((_, true)) => Err(LoadError::SharedMemory),
        Some((name, false)) => Ok(name.to_owned()),
        None => Err(LoadError::NoMemory),
    }
}

/// Whether bytes can be given to the guest at all.
pub(super) fn allocator(module: &Module) -> Result<(), LoadError> {
    let has = |name| module.get_export(name).is_some_and(|export| export.func().is_some());
    if has("malloc") || has("proxy_on_memory_allocate") {
        Ok(())
    } else {
        Err(LoadError::NoAllocator)
    }
}

/// Whether everything that the module imports is linked, with the type it wants.
pub(super) fn imports(
    module: &Module,
    linker: &Linker<State>,
    scratch: &mut Store<State>,
) -> Result<(), LoadError> {
    let version = scratch.data().abi;
    let mut problems: Vec<_> =
        module.imports().filter_map(|import| problem(&import, linker, scratch, version)).collect();
    problems.sort();
    if problems.is_empty() { Ok(()) } else { Err(LoadError::Imports(problems)) }
}

fn problem(
    import: &ImportType<'_>,
    linker: &Linker<State>,
    scratch: &mut Store<State>,
    version: AbiVersion,
) -> Option<String> {
    let (from, name) = (import.module(), import.name());
    let ExternType::Func(wanted) = import.ty() else {
        return Some(format!("`{from}.{name}`, which is no function"));
    };
    let Some(Extern::Func(offered)) = linker.get_by_import(&mut *scratch, import) else {
        return Some(format!("`{from}.{name}`, {}", why_unknown(from, name, version)));
    };
    let offered = offered.ty(&*scratch);
    (!same(&wanted, &offered)).then(|| {
        let (wanted, offered) = (describe(&wanted), describe(&offered));
        format!("`{from}.{name}` as {wanted}, which the host has as {offered}")
    })
}

fn same(wanted: &FuncType, offered: &FuncType) -> bool {
    FuncType::eq(wanted, offered)
}

fn why_unknown(from: &str, name: &str, version: AbiVersion) -> String {
    match Hostcall::named(name).filter(|_| from == "env") {
        Some(hostcall) if version < hostcall.since => {
            format!("which came with ABI {}, and the module says {version}", hostcall.since)
        }
        Some(hostcall) => {
            format!("which went after ABI {}, and the module says {version}", hostcall.until)
        }
        None if from.starts_with("wasi_") => {
            "which this Envoy does not link; see which WASI feature the plugin uses".to_owned()
        }
        None => format!("which ABI {version} does not define (see `host-sim abi`)"),
    }
}
