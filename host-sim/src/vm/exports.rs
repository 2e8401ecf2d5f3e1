//! The exports of an instance that a host calls, looked up once.
//!
//! Envoy refuses a module whose export has another type than the ABI says, and takes an export
//! that is absent, or no function, for the default behaviour. So does this.

use wasmtime::{
    AsContextMut, FuncType, Instance, Store, TypedFunc, ValType, WasmParams, WasmResults,
};

use super::{LoadError, State};
use crate::{
    abi::{AbiVersion, Callback, Export},
    model::EnvoyVersion,
};

/// A callback that the module has, by its shape.
enum Entry {
    Silent1(TypedFunc<u32, ()>),
    Silent2(TypedFunc<(u32, u32), ()>),
    Silent3(TypedFunc<(u32, u32, u32), ()>),
    Silent5(TypedFunc<(u32, u32, u32, u32, u32), ()>),
    Answering1(TypedFunc<u32, u32>),
    Answering2(TypedFunc<(u32, u32), u32>),
    Answering3(TypedFunc<(u32, u32, u32), u32>),
}

/// All callbacks of one instance, by [`Export::index`].
pub(super) struct Exports(Vec<Option<Entry>>);

/// How a module is started.
pub(super) enum Start {
    /// `_initialize`, then `main` under one of its two names if there is one.
    Reactor(TypedFunc<(), ()>, Main),
    /// `_start`.
    Command(TypedFunc<(), ()>),
    /// The module has neither.
    Nothing,
}

/// The function that follows `_initialize`.
pub(super) enum Main {
    WithArguments(TypedFunc<(u32, u32), u32>),
    Void(TypedFunc<(), u32>),
    Absent,
}

impl Exports {
    pub(super) fn find(
        store: &mut Store<State>,
        instance: &Instance,
        version: AbiVersion,
    ) -> Result<Self, LoadError> {
        let find = |export: &Export| entry(store, instance, *export, version);
        Export::ALL.iter().map(find).collect::<Result<_, _>>().map(Self)
    }

    /// Calls an export; `None` when the module has none.
    #[inline]
    pub(super) fn call(
        &self,
        store: &mut Store<State>,
        callback: &Callback,
    ) -> Option<wasmtime::Result<u32>> {
        let entry = self.0.get(callback.kind().index())?.as_ref()?;
        let [a, b, c, d, e] = callback.arguments();
        Some(match entry {
            Entry::Silent1(function) => function.call(store, a).map(|()| 0),
            Entry::Silent2(function) => function.call(store, (a, b)).map(|()| 0),
            Entry::Silent3(function) => function.call(store, (a, b, c)).map(|()| 0),
            Entry::Silent5(function) => function.call(store, (a, b, c, d, e)).map(|()| 0),
            Entry::Answering1(function) => function.call(store, a),
            Entry::Answering2(function) => function.call(store, (a, b)),
            Entry::Answering3(function) => function.call(store, (a, b, c)),
        })
    }
}

fn entry(
    store: &mut Store<State>,
    instance: &Instance,
    export: Export,
    version: AbiVersion,
) -> Result<Option<Entry>, LoadError> {
    // Envoy does not look for it in the oldest version.
    if export == Export::ForeignFunction && version == AbiVersion::V0_1_0 {
        return Ok(None);
    }
    let name = export.name();
    if !store.data().allows(name) {
        return Ok(None);
    }
    Ok(match (export.parameters(version), export.answers()) {
        (1, false) => find(store, instance, name, version)?.map(Entry::Silent1),
        (2, false) => find(store, instance, name, version)?.map(Entry::Silent2),
        (3, false) => find(store, instance, name, version)?.map(Entry::Silent3),
        (_, false) => find(store, instance, name, version)?.map(Entry::Silent5),
        (1, true) => find(store, instance, name, version)?.map(Entry::Answering1),
        (2, true) => find(store, instance, name, version)?.map(Entry::Answering2),
        (_, true) => find(store, instance, name, version)?.map(Entry::Answering3),
    })
}

/// One export as a typed function; absent is no error, another type is.
pub(super) fn find<P: WasmParams, R: WasmResults>(
    mut store: impl AsContextMut<Data = State>,
    instance: &Instance,
    name: &'static str,
    version: AbiVersion,
) -> Result<Option<TypedFunc<P, R>>, LoadError> {
    let Some(function) = instance.get_func(&mut store, name) else { return Ok(None) };
    function.typed(&store).map(Some).map_err(|_| LoadError::Signature {
        name,
        found: describe(&function.ty(&store)),
        wanted: wanted::<P, R>(),
        version,
    })
}

/// The ABI's type of an export, from the Rust type that calls it.
fn wanted<P, R>() -> String {
    // Every parameter and result is a u32.
    let words = |bytes: usize| vec!["i32"; bytes / size_of::<u32>()].join(", ");
    format!("({}) -> ({})", words(size_of::<P>()), words(size_of::<R>()))
}

/// A function's type in the notation of the messages.
pub(super) fn describe(ty: &FuncType) -> String {
    let list = |types: &mut dyn Iterator<Item = ValType>| {
        types.map(|ty| ty.to_string()).collect::<Vec<_>>().join(", ")
    };
    format!("({}) -> ({})", list(&mut ty.params()), list(&mut ty.results()))
}

/// The guest's allocator: `malloc` goes before the ABI's own name.
pub(super) fn allocator(
    store: &mut Store<State>,
    instance: &Instance,
    version: AbiVersion,
) -> Result<TypedFunc<u32, u32>, LoadError> {
    for name in ["malloc", "proxy_on_memory_allocate"] {
        if let Some(function) = find(&mut *store, instance, name, version)? {
            return Ok(function);
        }
    }
    Err(LoadError::NoAllocator)
}

/// What runs before the first callback.
///
/// `__main_void`, which is what C compilers call a `main` without parameters, came with Envoy 1.39.
pub(super) fn start(
    store: &mut Store<State>,
    instance: &Instance,
    version: AbiVersion,
    envoy: EnvoyVersion,
) -> Result<Start, LoadError> {
    let Some(initialize) = find(&mut *store, instance, "_initialize", version)? else {
        let command = find(&mut *store, instance, "_start", version)?;
        return Ok(command.map_or(Start::Nothing, Start::Command));
    };
    let main = match find(&mut *store, instance, "main", version)? {
        Some(main) => Main::WithArguments(main),
        None if envoy < EnvoyVersion::V1_39 => Main::Absent,
        None => find(store, instance, "__main_void", version)?.map_or(Main::Absent, Main::Void),
    };
    Ok(Start::Reactor(initialize, main))
}
