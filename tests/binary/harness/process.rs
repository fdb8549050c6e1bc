//! A process of the binary; it is killed by its ID when its owner drops it.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use super::eventually;

const BINARY: &str = env!("CARGO_BIN_EXE_spark-broker");

/// The program without settings of whoever runs the tests.
fn program() -> Command {
    let mut command = Command::new(BINARY);
    for name in [
        "SPARK_BROKER_API",
        "SPARK_BROKER_CONFIG",
        "SPARK_BROKER_LOG",
        "SPARK_BROKER_LOG_FORMAT",
        "SPARK_BROKER_TOKEN_FILE",
        "AWS_ENDPOINT_URL",
        "AWS_PROFILE",
    ] {
        command.env_remove(name);
    }
    command
}

/// Runs a command of the program to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    program().args(arguments).output().unwrap()
}

/// Runs a command of the program to its end with `input` on its standard input.
pub(crate) fn run_with(arguments: &[&str], input: &str) -> Output {
    let mut child = program()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

type Lines = Arc<Mutex<Vec<String>>>;

/// A running process of the program.
pub(crate) struct Process {
    child: Child,
    out: Lines,
    err: Lines,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    pub(crate) fn start(arguments: &[&str], environment: &[(&str, String)]) -> Self {
        let mut child = program()
            .args(arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (out, reads_out) = collect(child.stdout.take().unwrap());
        let (err, reads_err) = collect(child.stderr.take().unwrap());
        let readers = vec![reads_out, reads_err];
        Self {
            child,
            out,
            err,
            readers,
        }
    }

    /// Every line of standard output so far.
    pub(crate) fn out(&self) -> Vec<String> {
        self.out.lock().unwrap().clone()
    }

    /// Every line of standard error so far.
    pub(crate) fn err(&self) -> Vec<String> {
        self.err.lock().unwrap().clone()
    }

    /// Sends `signal`, such as `TERM`.
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args(["-s", signal, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// SIGKILL, and no sooner back than the process is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The exit code, once it has ended by itself; all that it said can then be read.
    pub(crate) async fn exit_code(&mut self) -> Option<i32> {
        let child = Mutex::new(&mut self.child);
        let status = eventually("the end of the process", async || {
            child.lock().unwrap().try_wait().unwrap()
        });
        let code = status.await.code();
        self.readers.drain(..).for_each(|reader| reader.join().unwrap());
        code
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let err = self.err();
            let tail = &err[err.len().saturating_sub(40)..];
            eprintln!("--- the end of its standard error\n{}", tail.join("\n"));
        }
    }
}

fn collect(stream: impl Read + Send + 'static) -> (Lines, JoinHandle<()>) {
    let lines = Lines::default();
    let seen = Arc::clone(&lines);
    let reader = thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            seen.lock().unwrap().push(line);
        }
    });
    (lines, reader)
}

/// A directory of a test's own, removed with it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("binary-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file and gives its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
