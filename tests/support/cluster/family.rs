//! The processes of one control plane: a process group that dies with its owner.
//!
//! A destructor isn't enough: values in statics are never dropped, and a test process can be killed. So a small shell
//! stands by, whose standard input only the test process holds: when that ends, in whatever way, the shell kills the
//! group and removes the folder.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Waits for its input to end; then kills the group `$1` and removes the folder `$2`. A killed process may write for a
/// moment more, hence the second try.
const WATCHDOG: &str =
    r#"cat >/dev/null; kill -s KILL -- "-$1"; rm -rf -- "$2" || { sleep 1; rm -rf -- "$2"; }"#;

/// A folder and the process group that works in it.
pub struct Family {
    folder: PathBuf,
    leader: Child,
    watchdog: Child,
}

impl Family {
    /// An empty group that works in `folder`, which is made.
    pub fn new(folder: PathBuf) -> Self {
        fs::create_dir_all(&folder).expect("the folder of a control plane can be made");
        // Not waited for before the end, so that its number, the group's name, is given to nobody else.
        let leader = quiet(Command::new("sleep").arg("1000000"))
            .spawn()
            .expect("`sleep` can be run");
        let group = leader.id().to_string();
        let mut shell = Command::new("sh");
        shell.args(["-c", WATCHDOG, "sh", &group]).arg(&folder);
        let watchdog = quiet(&mut shell)
            .stdin(Stdio::piped())
            .spawn()
            .expect("`sh` can be run");
        Self {
            folder,
            leader,
            watchdog,
        }
    }

    /// Where the group works.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts `command` in this group; what it prints goes to `<name>.log` in the folder.
    pub fn spawn(&self, name: &str, command: &mut Command) -> Process {
        let path = self.folder.join(format!("{name}.log"));
        let log = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .expect("a log can be written");
        let errors = log.try_clone().expect("a file can be opened twice");
        let group = i32::try_from(self.leader.id()).expect("a process ID fits in 31 bits");
        command
            .process_group(group)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{name} can't be run: {error}"));
        Process {
            name: name.to_owned(),
            child,
            log: path,
        }
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
        let _ = self.leader.kill();
        let _ = self.leader.wait();
    }
}

/// A running program; killed when dropped. What it started itself lives until its [`Family`] goes.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Its process ID.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// All that it printed so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Sends `signal` (`STOP`, `CONT`, `TERM`, …).
    pub fn signal(&self, signal: &str) {
        let line = format!("kill -s {signal} {}", self.id());
        let status = quiet(Command::new("sh").args(["-c", &line])).status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "{} got no {signal}",
            self.name
        );
    }

    /// Ends it by SIGKILL and waits until it has gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Panics with the end of its log if it has ended.
    pub fn assert_running(&mut self) {
        if !self.is_running() {
            let log = self.log();
            let tail = log.lines().rev().take(15).collect::<Vec<_>>();
            let tail = tail.into_iter().rev().collect::<Vec<_>>().join("\n");
            panic!("{} has ended:\n{tail}", self.name);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// In a group of its own, so that Ctrl-C in a terminal ends the test but not what cleans up after it.
fn quiet(command: &mut Command) -> &mut Command {
    command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
}
