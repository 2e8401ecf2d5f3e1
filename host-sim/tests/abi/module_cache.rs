//! Compiled modules on disk.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use host_sim::{
    model::{Guest, World},
    vm::{Engine, EngineOptions},
};

use crate::guest::{START, on_start, spec};

fn run(code: &Arc<[u8]>, directory: &Path) -> u32 {
    let module_cache = Some(directory.to_owned());
    let engine = Engine::new(EngineOptions { module_cache, ..EngineOptions::default() }).unwrap();
    let mut world = World::default();
    let mut vm = engine.instance(&mut world, &spec(code)).unwrap();
    vm.call(&mut world, &START).unwrap().unwrap()
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(directory).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn a_module_is_compiled_once_and_found_again() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (on_start("", "i32.const 1"), on_start("", "i32.const 2"));
    assert_eq!(run(&one, directory.path()), 1);
    let file_of_one = files(directory.path()).pop().unwrap();
    assert_eq!(run(&two, directory.path()), 2);
    let file_of_two =
        files(directory.path()).into_iter().find(|file| *file != file_of_one).unwrap();
    assert_eq!(run(&one, directory.path()), 1);
    assert_eq!(files(directory.path()).len(), 2, "the second run of one module adds no file");
    // A file that was compiled again would be another file in the place of the first.
    let number = |file: &Path| fs::metadata(file).unwrap().ino();
    let before = number(&file_of_one);
    assert_eq!(run(&one, directory.path()), 1);
    assert_eq!(number(&file_of_one), before);
    // A file of another module is not trusted for its name.
    fs::copy(&file_of_two, &file_of_one).unwrap();
    assert_eq!(run(&one, directory.path()), 1);
    assert_ne!(number(&file_of_one), before);
}

#[test]
fn a_damaged_file_is_compiled_again_and_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let code = on_start("", "i32.const 7");
    run(&code, directory.path());
    let file = files(directory.path()).pop().unwrap();
    let sound = fs::read(&file).unwrap();
    let damages: [fn(&mut Vec<u8>); 5] = [
        |bytes| bytes.clear(),
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| *bytes = b"something else".to_vec(),
        |bytes| bytes.extend(b"more"),
        |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        },
    ];
    for damage in damages {
        let mut bytes = sound.clone();
        damage(&mut bytes);
        fs::write(&file, &bytes).unwrap();
        assert_eq!(run(&code, directory.path()), 7);
        assert_eq!(fs::read(&file).unwrap(), sound);
    }
}

#[test]
fn a_directory_that_cannot_be_made_costs_time_only() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    assert_eq!(run(&on_start("", "i32.const 3"), &file.join("below a file")), 3);
}
