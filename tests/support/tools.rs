//! Tools that the tests build or install for themselves, under the target folder: nothing is asked of the machine but
//! its toolchains.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The project's folder.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder below the target folder that is only `name`'s; made where it isn't there.
pub fn target(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs `command` and returns what it wrote to its standard output.
///
/// # Panics
///
/// With all that it wrote, where it can't be run or fails.
pub fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{text}\n{complaints}",
        output.status
    );
    text
}

/// The Go program `package`, built by the `go.mod` in `tests/<module>`.
pub fn go_tool(module: &str, package: &str) -> PathBuf {
    let folder = project().join("tests").join(module);
    let program = target("tools").join(module);
    let recipe = std::fs::read_to_string(folder.join("go.mod")).unwrap();
    once(&program, &recipe, || {
        let arguments = ["build", "-trimpath", "-ldflags=-s -w", "-o"];
        run(Command::new("go")
            .current_dir(&folder)
            .args(arguments)
            .arg(&program)
            .arg(package));
    });
    program
}

/// The folder with the programs of `packages` from PyPI, each as `name==version`.
pub fn python(name: &str, packages: &[&str]) -> PathBuf {
    let folder = target("tools").join(name);
    once(&folder, &packages.join(" "), || {
        run(Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&folder));
        run(Command::new(folder.join("bin/pip"))
            .args(["install", "--quiet"])
            .args(packages));
    });
    folder.join("bin")
}

/// Makes `thing` unless it stands already, made by the same `recipe`; one process at a time.
fn once(thing: &Path, recipe: &str, make: impl FnOnce()) {
    let lock = File::create(thing.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let note = thing.with_extension("recipe");
    if std::fs::read_to_string(&note).is_ok_and(|made_by| made_by == recipe) && thing.exists() {
        return;
    }
    make();
    std::fs::write(note, recipe).unwrap();
}
