//! Compiled modules on disk, because compiling takes seconds and loading a millisecond.
//!
//! A file is named by the module's content and by everything that decides what the compiler makes
//! of it (wasmtime's version, the settings, the processor), so nothing ever has to be invalidated:
//! a change makes another name.
//! It is written beside its place and renamed, so that a reader sees all of it or nothing.
//! A file that is cut short, altered or foreign is compiled again and replaced.
//! A directory that cannot be written costs time, never correctness.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher as _},
    io::{self, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use wasmtime::{Engine, Module};

/// What a file ends with, before its checksum.
const MARK: &[u8; 8] = b"hostsim2";

/// Loads a module from the directory, or compiles it and leaves it there.
pub(super) fn load(engine: &Engine, code: &[u8], directory: &Path) -> wasmtime::Result<Module> {
    let path = directory.join(file_name(engine, code));
    if let Some(module) = read(engine, &path) {
        return Ok(module);
    }
    let module = Module::from_binary(engine, code)?;
    if let Ok(compiled) = module.serialize() {
        let _ = write(&path, &compiled);
    }
    Ok(module)
}

fn file_name(engine: &Engine, code: &[u8]) -> PathBuf {
    // Not the same function for ever; when it changes, so does the name, and nothing else.
    let mut settings = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut settings);
    let content = Sha256::digest(code);
    let content: String = content.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    PathBuf::from(format!("{content}-{:016x}.cwasm", settings.finish()))
}

fn read(engine: &Engine, path: &Path) -> Option<Module> {
    let file = fs::read(path).ok()?;
    let (compiled, checksum) = file.split_last_chunk()?;
    let compiled = compiled.strip_suffix(MARK)?;
    if checksum != &sum(compiled) {
        return None;
    }
    trusted(engine, compiled)
}

#[expect(unsafe_code, reason = "compiled code can be loaded in no other way")]
fn trusted(engine: &Engine, compiled: &[u8]) -> Option<Module> {
    // SAFETY: the bytes are what `Module::serialize` gave to `write` below, which the checksum
    // behind them says, so no accident has altered them; wasmtime itself refuses what another
    // version or other settings made. They are in our own memory, so nothing alters them later.
    // Whoever can forge a file in the user's build directory can replace this program as well.
    unsafe { Module::deserialize(engine, compiled) }.ok()
}

fn write(path: &Path, compiled: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(compiled)?;
    file.write_all(MARK)?;
    file.write_all(&sum(compiled))?;
    file.persist(path)?;
    Ok(())
}

/// Guards against accidents, not against people: one word that differs always shows, and so do two
/// that are exchanged. A cryptographic sum would take longer than all else that loading does.
fn sum(bytes: &[u8]) -> [u8; 8] {
    const FACTOR: u64 = 0x517c_c1b7_2722_0a95;
    let (words, rest) = bytes.as_chunks::<8>();
    let mut tail = [0; 8];
    for (to, from) in tail.iter_mut().zip(rest) {
        *to = *from;
    }
    let length = bytes.len() as u64;
    let words = words.iter().chain([&tail]).map(|word| u64::from_le_bytes(*word));
    words
        .chain([length])
        .fold(0_u64, |sum, word| (sum.rotate_left(5) ^ word).wrapping_mul(FACTOR))
        .to_le_bytes()
}
