//! Compiled modules on disk, because compiling takes seconds and loading a millisecond.
//!
//! A file is named by a sum of the module and by everything that decides what the compiler makes
//! of it (wasmtime's version, the settings, the processor), so nothing ever has to be invalidated:
//! a change makes another name.
//! It is written beside its place and renamed, so that a reader sees all of it or nothing.
//! The module itself stands behind its compiled form: two modules of one name are told apart by
//! comparing them, which is exact and takes a tenth of the time of a cryptographic sum.
//! A file that is cut short, altered or foreign is compiled again and replaced.
//! A directory that cannot be written costs time, never correctness.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher as _},
    io::{self, Write},
    path::{Path, PathBuf},
};

use wasmtime::{Engine, Module};

/// What a file ends with, before its checksum.
const MARK: &[u8; 8] = b"hostsim4";

/// Loads a module from the directory, or compiles it and leaves it there.
pub(super) fn load(engine: &Engine, code: &[u8], directory: &Path) -> wasmtime::Result<Module> {
    let path = directory.join(file_name(engine, code));
    if let Some(module) = read(engine, &path, code) {
        return Ok(module);
    }
    let module = Module::from_binary(engine, code)?;
    if let Ok(compiled) = module.serialize() {
        let _ = write(&path, &compiled, code);
    }
    Ok(module)
}

fn file_name(engine: &Engine, code: &[u8]) -> PathBuf {
    // Not the same function for ever; when it changes, so does the name, and nothing else.
    let mut settings = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut settings);
    let content = u64::from_le_bytes(sum(code));
    PathBuf::from(format!("{content:016x}-{:016x}.cwasm", settings.finish()))
}

fn read(engine: &Engine, path: &Path, code: &[u8]) -> Option<Module> {
    let file = fs::read(path).ok()?;
    let (compiled, checksum) = file.split_last_chunk()?;
    let compiled = compiled.strip_suffix(MARK)?.strip_suffix(code)?;
    if checksum != &sum(compiled) {
        return None;
    }
    trusted(engine, path)
}

#[expect(unsafe_code, reason = "compiled code can be loaded in no other way")]
fn trusted(engine: &Engine, path: &Path) -> Option<Module> {
    // SAFETY: the file begins with what `Module::serialize` gave to `write` below, which the checksum
    // behind it says, so no accident has altered it; wasmtime itself refuses what another version or
    // other settings made, and does not look at what stands behind. The file is mapped, which saves
    // the time of a copy: it is only ever replaced as a whole, by a rename, so that a mapping keeps
    // what it had. Whoever can forge a file in the user's build directory can replace this program as
    // well.
    unsafe { Module::deserialize_file(engine, path) }.ok()
}

fn write(path: &Path, compiled: &[u8], code: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(compiled)?;
    file.write_all(code)?;
    file.write_all(MARK)?;
    file.write_all(&sum(compiled))?;
    file.persist(path)?;
    Ok(())
}

/// Guards against accidents, not against people: one word that differs always shows, and so do two
/// that are exchanged. A cryptographic sum would take longer than all else that loading does; four
/// sums side by side keep the processor busy.
fn sum(bytes: &[u8]) -> [u8; 8] {
    let (groups, rest) = bytes.as_chunks::<32>();
    let mut tail = [0; 32];
    for (to, from) in tail.iter_mut().zip(rest) {
        *to = *from;
    }
    let mut sums = [0_u64; 4];
    for group in groups.iter().chain([&tail]) {
        let (words, _) = group.as_chunks::<8>();
        for (sum, word) in sums.iter_mut().zip(words) {
            *sum = step(*sum, u64::from_le_bytes(*word));
        }
    }
    sums.into_iter().fold(bytes.len() as u64, step).to_le_bytes()
}

/// No two words lead from one sum to the same.
fn step(sum: u64, word: u64) -> u64 {
    const FACTOR: u64 = 0x517c_c1b7_2722_0a95;
    (sum.rotate_left(5) ^ word).wrapping_mul(FACTOR)
}
