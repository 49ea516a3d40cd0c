//! Servers that the benchmark starts itself, on fresh folders and free ports. Only processes started here are ended,
//! and only folders made here are removed.

use crate::error::BenchError;
use crate::options::{Credentials, Options};
use crate::process::listener;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const READY_SECONDS: u64 = 60;
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);
/// How exactly the time of a start is measured.
const READY_POLL: Duration = Duration::from_millis(2);

/// A server that ends when this is dropped.
pub(crate) struct Server {
    child: Child,
    /// Starts it again as it was.
    command: Command,
    health: String,
    name: &'static str,
    pub(crate) host: String,
    pub(crate) folder: PathBuf,
    keep: bool,
    /// From the start of the process to its first answer that it is ready.
    pub(crate) start_time: Duration,
}

impl Server {
    /// The build of this repository.
    pub(crate) fn start_own(options: &Options) -> Result<Self, BenchError> {
        if !options.server.is_file() {
            return Err(BenchError::NoServer(options.server.clone()));
        }
        let (folder, host) = (fresh_folder(options, "rustfs")?, free_host()?);
        let Credentials { access_key, secret_key } = options.credentials();
        let mut command = Command::new(&options.server);
        command.arg("server").args(["--address", &host]).arg(drives(&folder, options.drives));
        command.envs([("RUSTFS_ACCESS_KEY", &access_key), ("RUSTFS_SECRET_KEY", &secret_key)]);
        Self::start("rustfs", command, (host, folder, options.keep), "/health/ready")
    }

    /// MinIO's server, from `path` or wherever it is installed.
    pub(crate) fn start_minio(options: &Options, path: &str) -> Result<Self, BenchError> {
        let binary = if path == "auto" { find_minio() } else { Some(PathBuf::from(path)) };
        let binary = binary.filter(|path| path.is_file()).ok_or(BenchError::NoMinio)?;
        let (folder, host, console) = (fresh_folder(options, "minio")?, free_host()?, free_host()?);
        let Credentials { access_key, secret_key } = options.credentials();
        let mut command = Command::new(binary);
        command.args(["server", "--quiet", "--address", &host, "--console-address", &console]);
        command.arg(drives(&folder, options.drives));
        command.envs([("MINIO_ROOT_USER", &access_key), ("MINIO_ROOT_PASSWORD", &secret_key)]);
        // Folders of the root file system are refused as drives otherwise.
        command.env("MINIO_CI_CD", "1");
        Self::start("minio", command, (host, folder, options.keep), "/minio/health/cluster")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn start(
        name: &'static str,
        mut command: Command,
        place: (String, PathBuf, bool),
        health: &str,
    ) -> Result<Self, BenchError> {
        let (host, folder, keep) = place;
        let log = File::create(folder.join("log"))
            .map_err(|error| BenchError::io("create the server's log", error))?;
        let second = log.try_clone().map_err(|error| BenchError::io("open the server's log", error))?;
        command.stdin(Stdio::null()).stdout(log).stderr(second);
        let started = Instant::now();
        let child = command.spawn().map_err(|error| BenchError::io(format!("start {name}"), error))?;
        let (health, start_time) = (health.to_owned(), Duration::ZERO);
        let mut server = Self { child, command, health, name, host, folder, keep, start_time };
        server.wait_until_ready(started)?;
        Ok(server)
    }

    /// Ends it at once, as a failing machine does, or asks it to end.
    pub(crate) fn end(&mut self, at_once: bool) {
        if at_once {
            // What has ended already need not be ended.
            let _ = self.child.kill();
            let _ = self.child.wait();
        } else {
            self.stop();
        }
    }

    /// Starts it on the drives that it had, with further settings.
    pub(crate) fn start_again(&mut self, settings: &[(&str, &str)]) -> Result<(), BenchError> {
        self.command.envs(settings.iter().copied());
        let started = Instant::now();
        let child = self.command.spawn();
        self.child = child.map_err(|error| BenchError::io(format!("start {}", self.name), error))?;
        self.wait_until_ready(started)
    }

    /// Removes all that is on its drives; it must have ended.
    pub(crate) fn empty_drives(&self) -> Result<(), BenchError> {
        let wrong = |error| BenchError::io(format!("empty the drives in {}", self.folder.display()), error);
        for drive in fs::read_dir(&self.folder).map_err(wrong)?.flatten() {
            if drive.path().is_dir() {
                fs::remove_dir_all(drive.path())
                    .and_then(|()| fs::create_dir(drive.path()))
                    .map_err(wrong)?;
            }
        }
        Ok(())
    }

    fn wait_until_ready(&mut self, started: Instant) -> Result<(), BenchError> {
        let end = Instant::now() + Duration::from_secs(READY_SECONDS);
        while Instant::now() < end {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(BenchError::Ended {
                    name: self.name.to_owned(),
                    status: status.to_string(),
                    log: self.last_words(),
                });
            }
            // Another process may have taken the port meanwhile: its answers count for nothing.
            let is_ready = is_ready(&self.host, &self.health);
            self.start_time = started.elapsed();
            if is_ready && listener(&self.host).is_none_or(|pid| pid == self.child.id()) {
                return Ok(());
            }
            std::thread::sleep(READY_POLL);
        }
        Err(BenchError::NotReady {
            name: self.name.to_owned(),
            seconds: READY_SECONDS,
            log: self.last_words(),
        })
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    fn stop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // The child has not been waited for: its number is still its own.
            let _ = kill_process(pid, Signal::TERM);
        }
        let end = Instant::now() + STOP_TIMEOUT;
        while Instant::now() < end {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(POLL);
        }
        eprintln!("{} did not end in {} s after SIGTERM and is killed", self.name, STOP_TIMEOUT.as_secs());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            self.stop();
        }
        if self.keep {
            eprintln!("{}'s drives stay in {}", self.name, self.folder.display());
        } else if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("{} cannot be removed: {error}", self.folder.display());
        }
    }
}

/// `<folder>/d{1...4}`, as both servers take it; one drive goes without braces.
fn drives(folder: &Path, count: u32) -> PathBuf {
    folder.join(if count == 1 { "d1".to_owned() } else { format!("d{{1...{count}}}") })
}

fn fresh_folder(options: &Options, name: &str) -> Result<PathBuf, BenchError> {
    let wrong = |error| BenchError::io(format!("make fresh folders in {}", options.dir.display()), error);
    let folder = options.dir.join(format!("{name}-{}", std::process::id()));
    for drive in 1..=options.drives {
        fs::create_dir_all(folder.join(format!("d{drive}"))).map_err(wrong)?;
    }
    folder.canonicalize().map_err(wrong)
}

/// A port that nobody listened on a moment ago.
fn free_host() -> Result<String, BenchError> {
    let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    address.map(|address| address.to_string()).map_err(|error| BenchError::io("find a free port", error))
}

fn is_ready(host: &str, path: &str) -> bool {
    let attempt = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(host)?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status.ends_with(b" 200"))
    };
    attempt().unwrap_or(false)
}

fn find_minio() -> Option<PathBuf> {
    let go_path = Command::new("go")
        .args(["env", "GOPATH"])
        .output()
        .ok()
        .map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned());
    let in_go = go_path.filter(|path| !path.is_empty()).map(|path| PathBuf::from(path).join("bin"));
    let in_path = std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).collect::<Vec<_>>())
        .unwrap_or_default();
    in_path.into_iter().chain(in_go).map(|folder| folder.join("minio")).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drives_are_written_as_servers_expand_them() {
        assert_eq!(drives(Path::new("/x"), 1), Path::new("/x/d1"));
        assert_eq!(drives(Path::new("/x"), 4), Path::new("/x/d{1...4}"));
    }

    #[test]
    fn a_process_that_ends_early_is_reported_with_its_words_and_its_folder_goes() {
        let folder = std::env::temp_dir().join(format!("bench-test-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such drive; exit 3"]);
        let result = Server::start("sh", command, (free_host().unwrap(), folder.clone(), false), "/");
        let text = result.err().unwrap().to_string();
        assert!(text.contains("no such drive") && text.contains('3'), "{text}");
        assert!(!folder.exists());
    }
}
