//! Where things lie: the tests' sources, the target folder, and what is made there once.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

/// `tests/support/` of the sources.
pub fn support() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support")
}

/// What the tests build and download, shared by all test binaries: `target/cluster-tools/`.
pub fn made() -> PathBuf {
    let folder = scratch().with_file_name("cluster-tools");
    fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

/// Where running control planes keep their data: `target/tmp/`.
pub fn scratch() -> PathBuf {
    let told = option_env!("CARGO_TARGET_TMPDIR").map(PathBuf::from);
    told.unwrap_or_else(|| target_of_an_example().join("tmp"))
}

/// Cargo tells examples nothing; they lie in `target/<profile>/examples/`.
fn target_of_an_example() -> PathBuf {
    let program = std::env::current_exe().expect("a process knows its program");
    let target = program.ancestors().nth(3);
    target.expect("an example lies in the target folder").to_owned()
}

/// The file or folder `name` below [`made`], made by `make` unless one made of the same `ingredients` is there.
///
/// A file lock lets one test process make it while the others wait. `make` must not call this function again.
pub fn once(name: &str, ingredients: &[&[u8]], make: impl FnOnce(&Path)) -> PathBuf {
    let path = made().join(name);
    let stamp = made().join(format!("{name}.made-of"));
    let wanted = hash(ingredients);
    let is_there = || path.exists() && fs::read_to_string(&stamp).is_ok_and(|found| found == wanted);
    if is_there() {
        return path;
    }
    let lock = File::create(made().join("lock")).expect("the lock file can be written");
    lock.lock().expect("the lock can be taken");
    if !is_there() {
        remove(&path);
        remove(&stamp);
        make(&path);
        fs::write(&stamp, wanted).expect("the stamp can be written");
    }
    path
}

/// Runs `command` and returns what it printed; `fault` is the sentence for a program that this machine lacks.
pub fn run(command: &mut Command, fault: &str) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{fault} ({error})"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?} ended with {}:\n{errors}",
        output.status
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn hash(ingredients: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for ingredient in ingredients {
        hash.update(ingredient);
        hash.update([0]);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn remove(path: &Path) {
    if path.is_dir() {
        fs::remove_dir_all(path).expect("an old version can be removed");
    } else if path.exists() {
        fs::remove_file(path).expect("an old version can be removed");
    }
}
