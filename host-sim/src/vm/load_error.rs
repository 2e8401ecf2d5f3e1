//! Why a module cannot be made into a VM.

use crate::abi::AbiVersion;

/// Why a module cannot be made into a VM.
///
/// Envoy refuses the same modules, with the message "Failed to load Wasm module" or at the first
/// start; the text here says what to change.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The bytes are no valid module.
    #[error("cannot compile the module: {0:#}")]
    Compile(wasmtime::Error),
    /// The bytes are something else.
    #[error(
        "not a module: found {0}; a module begins with the bytes 00 61 73 6d 01 00 00 00; name the \
         `.wasm` file that the compiler made"
    )]
    NotWasm(&'static str),
    /// Exceptions as compilers wrote them before the proposal was changed.
    #[error(
        "the module has exceptions in their older encoding, which Envoy runs and the simulator \
         does not; compile it with the newer one (emscripten: -sWASM_LEGACY_EXCEPTIONS=0, clang: \
         -mllvm -wasm-use-legacy-eh=false)"
    )]
    LegacyExceptions,
    /// Its memory is one that threads share.
    #[error(
        "the module's memory is shared between threads, which Envoy loads and the simulator does \
         not; build the plugin without threads"
    )]
    SharedMemory,
    /// It does not say which ABI it speaks.
    #[error(
        "the module exports no ABI version; a plugin exports one of the functions \
         proxy_abi_version_0_1_0, proxy_abi_version_0_2_0, proxy_abi_version_0_2_1 \
         (SDKs do it in their main macro)"
    )]
    NoAbiVersion,
    /// It has no memory that the host can reach.
    #[error("the module exports no memory; a host passes all bytes through it")]
    NoMemory,
    /// It cannot be given bytes.
    #[error(
        "the module exports neither malloc nor proxy_on_memory_allocate; a host cannot pass \
         bytes to it"
    )]
    NoAllocator,
    /// It imports what no host of this version offers.
    #[error("the module imports what the host does not offer: {}", .0.join("; "))]
    Imports(Vec<String>),
    /// An export has other parameters or results than the ABI says.
    #[error("the module exports `{name}` as {found}; ABI {version} has {wanted}")]
    Signature {
        /// The export.
        name: &'static str,
        /// Its type in the module.
        found: String,
        /// Its type in the ABI.
        wanted: String,
        /// The version that the module says it speaks.
        version: AbiVersion,
    },
    /// The module's own code failed before the first callback.
    #[error("the module did not start: {call} failed: {reason}")]
    Start {
        /// Which of its functions.
        call: &'static str,
        /// Why, with its last words.
        reason: String,
    },
    /// The engine could not do it.
    #[error("cannot run the module: {0:#}")]
    Engine(wasmtime::Error),
}

impl LoadError {
    /// What a compiler that refused the module means.
    pub(super) fn of_compiler(error: wasmtime::Error) -> Self {
        // The library has no type for it, only this name of a feature.
        if format!("{error:#}").contains("legacy_exceptions") {
            Self::LegacyExceptions
        } else {
            Self::Compile(error)
        }
    }
}
