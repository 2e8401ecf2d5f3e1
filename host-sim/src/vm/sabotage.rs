//! A copy of a module in which something goes wrong, at a call that is counted.
//!
//! An export of the module is led through a new function that counts its calls, and fails where it
//! was told to. Nothing else changes: no index moves, so code, data and names stay as they are.
//!
//! # Why in the module
//! A host that fails a guest by itself can only be the simulator. A module that fails by itself does
//! it on every host, so what a filter's failure does to a stream can be compared with Envoy's.
//!
//! # Limits
//! Calls are counted in each VM, from its start, over all root contexts in it. A module whose types
//! are not all plain functions (the GC proposal) is refused; no SDK makes any.

use wasm_encoder::{BlockType, Encode, ExportKind, ExportSection, Function, Module, RawSection};
use wasmparser::{ExternalKind, Parser, Payload, TypeRef};

use crate::abi::Export;

const FUNCTIONS: u8 = 3;
const GLOBALS: u8 = 6;
const EXPORTS: u8 = 7;
const CODE: u8 = 10;
const CUSTOM: u8 = 0;
/// Sections that stand in front of the globals, whose section may be missing.
const BEFORE_GLOBALS: [u8; 7] = [CUSTOM, 1, 2, FUNCTIONS, 4, 5, 13];
/// What a host may ask for memory.
const ALLOCATORS: [&str; 2] = ["proxy_on_memory_allocate", "malloc"];

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// A callback traps.
    Trap {
        /// Which.
        callback: Export,
        /// In which call, from 1.
        call: u32,
    },
    /// The guest has no memory for what the host wants to pass.
    AllocationFailure {
        /// In which call, from 1.
        call: u32,
        /// How many calls fail.
        times: u32,
    },
}

/// Why a module cannot be made to fail.
#[derive(Debug, thiserror::Error)]
pub enum SabotageError {
    /// It is no module, or has what this does not read.
    #[error("cannot read the module")]
    Module(#[from] wasmparser::BinaryReaderError),
    /// It has no such export.
    #[error("the module does not export `{wanted}`; it exports {has}")]
    Missing {
        /// What would have to be there.
        wanted: &'static str,
        /// The functions that are there.
        has: String,
    },
    /// An index points nowhere.
    #[error("the module is broken: {0}")]
    Broken(&'static str),
}

/// The module with the fault in it.
///
/// # Errors
/// When it cannot be read, or has nothing that could fail so.
pub fn apply(code: &[u8], sabotage: Sabotage) -> Result<Vec<u8>, SabotageError> {
    let read = Read::from(code)?;
    let wanted: &[&'static str] = match sabotage {
        Sabotage::Trap { callback, .. } => &[callback.name()],
        Sabotage::AllocationFailure { .. } => &ALLOCATORS,
    };
    let mut wrapped = Vec::new();
    for name in wanted {
        if let Some((_, _, old)) = read.exports.iter().find(|(own, ..)| own == name) {
            wrapped.push((*name, *old, read.type_of(*old)?));
        }
    }
    if wrapped.is_empty() {
        let has: Vec<&str> = read.functions().collect();
        let wanted = wanted.first().copied().unwrap_or_default();
        return Err(SabotageError::Missing { wanted, has: has.join(", ") });
    }
    Ok(read.write(sabotage, &wrapped))
}

/// What has to be known of a module.
#[derive(Default)]
struct Read<'a> {
    sections: Vec<(u8, &'a [u8])>,
    /// How many parameters each type has.
    types: Vec<u32>,
    imported: Vec<u32>,
    defined: Vec<u32>,
    globals: u32,
    exports: Vec<(&'a str, ExternalKind, u32)>,
}

impl<'a> Read<'a> {
    fn from(code: &'a [u8]) -> Result<Self, SabotageError> {
        let mut read = Self::default();
        for payload in Parser::new(0).parse_all(code) {
            let payload = payload?;
            if let Some((id, range)) = payload.as_section() {
                let bytes = code.get(range).ok_or(SabotageError::Broken("a section's length"))?;
                read.sections.push((id, bytes));
            }
            match payload {
                Payload::TypeSection(types) => {
                    for kind in types.into_iter_err_on_gc_types() {
                        let parameters = u32::try_from(kind?.params().len());
                        read.types.push(parameters.unwrap_or(u32::MAX));
                    }
                }
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        match import?.ty {
                            TypeRef::Func(kind) | TypeRef::FuncExact(kind) => {
                                read.imported.push(kind);
                            }
                            TypeRef::Global(_) => read.globals += 1,
                            TypeRef::Table(_) | TypeRef::Memory(_) | TypeRef::Tag(_) => {}
                        }
                    }
                }
                Payload::FunctionSection(functions) => {
                    read.defined = functions.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::GlobalSection(globals) => read.globals += globals.count(),
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export?;
                        read.exports.push((export.name, export.kind, export.index));
                    }
                }
                _ => {}
            }
        }
        Ok(read)
    }

    fn functions(&self) -> impl Iterator<Item = &str> {
        let functions = self.exports.iter().filter(|(_, kind, _)| *kind == ExternalKind::Func);
        functions.map(|(name, ..)| *name)
    }

    fn type_of(&self, function: u32) -> Result<u32, SabotageError> {
        let all = self.imported.iter().chain(&self.defined);
        all.copied().nth(function as usize).ok_or(SabotageError::Broken("an export's index"))
    }

    /// The module with a new function in the place of each export, and one counter for all of them.
    fn write(&self, sabotage: Sabotage, wrapped: &[(&str, u32, u32)]) -> Vec<u8> {
        let first = u32::try_from(self.imported.len() + self.defined.len()).unwrap_or(u32::MAX);
        let mut module = Module::new();
        let mut has_counter = false;
        for (id, bytes) in &self.sections {
            if !has_counter && (*id == GLOBALS || !BEFORE_GLOBALS.contains(id)) {
                has_counter = true;
                let data = longer(if *id == GLOBALS { bytes } else { &[0] }, 1, &COUNTER);
                module.section(&RawSection { id: GLOBALS, data: &data });
                if *id == GLOBALS {
                    continue;
                }
            }
            let data = match *id {
                FUNCTIONS => {
                    let mut types = Vec::new();
                    wrapped.iter().for_each(|(_, _, kind)| kind.encode(&mut types));
                    longer(bytes, wrapped.len(), &types)
                }
                CODE => {
                    let mut bodies = Vec::new();
                    for (_, old, kind) in wrapped {
                        let parameters = self.types.get(*kind as usize).copied().unwrap_or(0);
                        counting(sabotage, self.globals, *old, parameters).encode(&mut bodies);
                    }
                    longer(bytes, wrapped.len(), &bodies)
                }
                EXPORTS => {
                    module.section(&self.exports(first, wrapped));
                    continue;
                }
                _ => bytes.to_vec(),
            };
            module.section(&RawSection { id: *id, data: &data });
        }
        module.finish()
    }

    fn exports(&self, first: u32, wrapped: &[(&str, u32, u32)]) -> ExportSection {
        let mut exports = ExportSection::new();
        for (name, kind, index) in &self.exports {
            let new = wrapped.iter().position(|(own, ..)| own == name);
            let index = match new.and_then(|place| u32::try_from(place).ok()) {
                Some(place) => first.saturating_add(place),
                None => *index,
            };
            let kind = match kind {
                ExternalKind::Func | ExternalKind::FuncExact => ExportKind::Func,
                ExternalKind::Table => ExportKind::Table,
                ExternalKind::Memory => ExportKind::Memory,
                ExternalKind::Global => ExportKind::Global,
                ExternalKind::Tag => ExportKind::Tag,
            };
            exports.export(name, kind, index);
        }
        exports
    }
}

/// `i32`, mutable, `i32.const 0`, `end`.
const COUNTER: [u8; 5] = [0x7f, 0x01, 0x41, 0x00, 0x0b];

/// A section that is a list, with so many items more.
fn longer(section: &[u8], more: usize, items: &[u8]) -> Vec<u8> {
    let (count, rest) = counted(section);
    let mut longer = Vec::with_capacity(section.len() + items.len() + 2);
    (count + more).encode(&mut longer);
    longer.extend_from_slice(rest);
    longer.extend_from_slice(items);
    longer
}

/// The number at the beginning of a list (LEB128), and what follows.
fn counted(section: &[u8]) -> (usize, &[u8]) {
    let mut count = 0_usize;
    for (place, byte) in section.iter().enumerate() {
        count |= usize::from(byte & 0x7f) << (7 * place.min(8));
        if byte & 0x80 == 0 {
            return (count, section.get(place + 1..).unwrap_or_default());
        }
    }
    (count, &[])
}

/// Counts, fails if it is time, and else does what the old function does.
fn counting(sabotage: Sabotage, counter: u32, old: u32, parameters: u32) -> Function {
    let (call, times) = match sabotage {
        Sabotage::Trap { call, .. } => (call, 1),
        Sabotage::AllocationFailure { call, times } => (call, times),
    };
    let mut function = Function::new([]);
    let mut code = function.instructions();
    code.global_get(counter).i32_const(1).i32_add().global_set(counter);
    code.global_get(counter).i32_const(call.cast_signed()).i32_sub();
    code.i32_const(times.cast_signed()).i32_lt_u().if_(BlockType::Empty);
    match sabotage {
        Sabotage::Trap { .. } => code.unreachable(),
        Sabotage::AllocationFailure { .. } => code.i32_const(0).return_(),
    };
    code.end();
    for parameter in 0..parameters {
        code.local_get(parameter);
    }
    code.call(old).end();
    function
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUEST: &str = r#"(module
      (import "env" "proxy_log" (func (param i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "proxy_abi_version_0_2_1"))
      (func (export "malloc") (param i32) (result i32) (i32.const 64))
      (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (local.get 1)))"#;

    fn instance(code: &[u8]) -> (wasmtime::Store<()>, wasmtime::Instance) {
        let engine = wasmtime::Engine::default();
        let module = wasmtime::Module::new(&engine, code).unwrap();
        let mut store = wasmtime::Store::new(&engine, ());
        let log = wasmtime::Func::wrap(&mut store, |_: i32, _: i32, _: i32| 0_i32);
        let instance = wasmtime::Instance::new(&mut store, &module, &[log.into()]).unwrap();
        (store, instance)
    }

    #[test]
    fn the_named_callback_traps_in_the_named_call_and_passes_its_arguments_in_all_others() {
        let trap = Sabotage::Trap { callback: Export::RequestHeaders, call: 2 };
        let code = apply(&wat::parse_str(GUEST).unwrap(), trap).unwrap();
        let (mut store, instance) = instance(&code);
        let headers = instance
            .get_typed_func::<(i32, i32, i32), i32>(&mut store, "proxy_on_request_headers")
            .unwrap();
        assert_eq!(headers.call(&mut store, (1, 7, 0)).unwrap(), 7);
        assert!(headers.call(&mut store, (1, 7, 0)).is_err());
        assert_eq!(headers.call(&mut store, (1, 9, 0)).unwrap(), 9);
    }

    #[test]
    fn memory_is_refused_as_often_as_told() {
        let fault = Sabotage::AllocationFailure { call: 2, times: 2 };
        let code = apply(&wat::parse_str(GUEST).unwrap(), fault).unwrap();
        let (mut store, instance) = instance(&code);
        let malloc = instance.get_typed_func::<i32, i32>(&mut store, "malloc").unwrap();
        let got: Vec<i32> = (0..4).map(|_| malloc.call(&mut store, 8).unwrap()).collect();
        assert_eq!(got, [64, 0, 0, 64]);
    }

    #[test]
    fn what_the_module_has_not_is_named_with_what_it_has() {
        let trap = Sabotage::Trap { callback: Export::Tick, call: 1 };
        let error = apply(&wat::parse_str(GUEST).unwrap(), trap).unwrap_err().to_string();
        assert!(error.starts_with("the module does not export `proxy_on_tick`; it exports proxy_abi_version_0_2_1, malloc"), "{error}");
        assert!(apply(b"nonsense", trap).is_err());
    }
}
