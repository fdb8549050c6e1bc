//! The shape of the sources: who may import whom, that every file is part of the crate, and how long a file gets.
//!
//! The rules stand in `rules`; each is tried here on the sources and, beside its code, on small bad samples.

#![cfg(test)]

mod rules;
mod tokens;

use std::path::{Path, PathBuf};

use rules::Source;

/// Every `.rs` file under `src/`, its path relative to `src/`.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    files
        .iter()
        .map(|path| {
            let relative = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            Source::new(relative, std::fs::read_to_string(path).unwrap())
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn assert_none(faults: &[String]) {
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

#[test]
fn the_modules_stand_in_the_order_in_which_a_job_passes_them() {
    assert_none(&rules::order_of_modules(&rules::declared(&sources())));
}

#[test]
fn a_module_imports_only_what_is_declared_above_it() {
    assert_none(&rules::imports(&sources()));
}

#[test]
fn every_file_is_declared() {
    assert_none(&rules::undeclared_files(&sources()));
}

#[test]
fn vendor_crates_are_named_in_their_place_only() {
    assert_none(&rules::vendor_crates(&sources()));
}

#[test]
fn no_file_is_longer_than_it_may_be() {
    assert_none(&rules::long_files(&sources()));
}
