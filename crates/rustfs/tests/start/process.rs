//! The binary as a process: started, asked, stopped.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use tempfile::TempDir;

/// The machine may be busy: nothing here takes long by itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// A user without rights, where the tests run as root.
const NOBODY: u32 = 65534;

/// A folder that goes with the test.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// What is in a folder, sorted.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap();
    assert!(copied.success());
}

#[track_caller]
pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A process that has ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

fn command(words: &[&str], folder: &Path, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rustfs"));
    command.args(words).current_dir(folder).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["RUSTFS_", "MINIO_", "RUST_", "NOTIFY_"].iter().any(|start| text.starts_with(start)) {
            command.env_remove(&name);
        }
    }
    // A port of its own, unless the words say otherwise.
    command.env("RUSTFS_ADDRESS", "127.0.0.1:0");
    command.envs(variables.iter().copied());
    command
}

/// Runs to the end, which must come by itself.
pub(crate) fn run(words: &[&str], folder: &Path) -> Ended {
    run_with(words, folder, &[])
}

pub(crate) fn run_with(words: &[&str], folder: &Path, variables: &[(&str, &str)]) -> Ended {
    end_of(&mut command(words, folder, variables))
}

/// Runs as somebody who may not write in `closed`.
pub(crate) fn run_without_rights(words: &[&str], folder: &Path, closed: &Path) -> Ended {
    let mut command = command(words, folder, &[]);
    if rustix::process::geteuid().is_root() {
        // The binary may lie where only root gets to.
        let binary = folder.join("rustfs");
        fs::copy(env!("CARGO_BIN_EXE_rustfs"), &binary).unwrap();
        let mut other = Command::new(&binary);
        other.args(words).current_dir(folder).stdin(Stdio::null()).env("RUSTFS_ADDRESS", "127.0.0.1:0");
        command = other;
        command.uid(NOBODY).gid(NOBODY);
    } else {
        fs::set_permissions(closed, fs::Permissions::from_mode(0o555)).unwrap();
    }
    end_of(&mut command)
}

fn end_of(command: &mut Command) -> Ended {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let output = child.wait_with_output().unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Makes a store and stops again.
#[track_caller]
pub(crate) fn drives(words: &[&str], folder: &Path) {
    assert_eq!(Server::start(words, folder).stop(Signal::TERM).code, Some(0));
}

/// Starts and kills it after a while.
pub(crate) fn kill_after(words: &[&str], folder: &Path, time: Duration) {
    let mut child = command(words, folder, &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(time);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A server that answers.
pub(crate) struct Server {
    child: Child,
    output: TempDir,
    /// What it printed at its start.
    pub(crate) announced: String,
    port: u16,
}

impl Server {
    #[track_caller]
    pub(crate) fn start(words: &[&str], folder: &Path) -> Self {
        Self::start_with(words, folder, &[])
    }

    #[track_caller]
    pub(crate) fn start_with(words: &[&str], folder: &Path, variables: &[(&str, &str)]) -> Self {
        let output = tempfile::tempdir().unwrap();
        let file = |name: &str| File::create(output.path().join(name)).unwrap();
        let mut command = command(words, folder, variables);
        let child = command.stdout(file("stdout")).stderr(file("stderr")).spawn().unwrap();
        let mut server = Server { child, output, announced: String::new(), port: 0 };
        wait_until("the server has started", || {
            server.announced = server.text("stdout");
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended: {}", server.text("stderr"));
            server.announced.contains("\nRedundancy ") && server.get_port() && server.answers()
        });
        server.announced = server.text("stdout");
        server
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.output.path().join(name)).unwrap()
    }

    fn get_port(&mut self) -> bool {
        let endpoint = self.announced.split("http://127.0.0.1:").nth(1).unwrap();
        self.port = endpoint.split_whitespace().next().unwrap().parse().unwrap();
        true
    }

    fn answers(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).is_ok()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The whole answer to a GET, without credentials.
    pub(crate) fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id() as i32).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Asks it to stop and waits for it.
    #[track_caller]
    pub(crate) fn stop(mut self, signal: Signal) -> Ended {
        self.signal(signal);
        let mut status = None;
        wait_until("the server has stopped", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        let code = status.and_then(|status| status.code());
        Ended { code, stdout: self.text("stdout"), stderr: self.text("stderr") }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Where the test failed; after a stop there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
