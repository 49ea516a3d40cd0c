//! Looking: what of the machine the deciding code is told. Reads only, but for the probe of [`super::probe`].

use std::net::ToSocketAddrs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use env::Env;
use rustix::process::{Resource, getrlimit};

use super::drives::{DriveFacts, Room};
use super::finding::{Finding, Severity};
use super::machine::{self, MachineFacts};
use super::ports::{self, Holder};
use super::{drives, mounts, probe};
use crate::config::{Address, Config};
use crate::drives::{Drives, holder};
use crate::listener::Bound;
use crate::tls::Tls;

/// How long one drive, or one look-up of a name, is waited for.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Texts of `/proc` are read up to here.
const TEXT_BYTES_MAX: usize = 4 << 20;

/// What comes of blocking work, if it comes in time.
async fn in_time<T: Send + 'static>(env: &Env, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    env::within(&*env.clock, WAIT_MAX, tokio::task::spawn_blocking(work)).await?.ok()
}

/// The drives, and the port that the server would have.
pub(super) async fn drives_and_port(env: &Env, config: &Config) -> Vec<Finding> {
    let mut facts = Vec::new();
    for path in &config.drives {
        facts.push(drive(env, path).await);
    }
    let held: Vec<&DriveFacts> = facts.iter().filter(|drive| drive.holder.is_some()).collect();
    let mut findings = match held.is_empty() {
        true => start(env, config).await,
        false => vec![running(&held)],
    };
    let root = in_time(env, || device(Path::new("/"))).await.flatten();
    findings.extend(drives::judge(&facts, root));
    let servers: Vec<u32> = held.iter().filter_map(|drive| drive.holder?).collect();
    findings.push(port(env, &config.address, &servers).await);
    findings
}

/// What a start on these drives would say, without doing anything.
async fn start(env: &Env, config: &Config) -> Vec<Finding> {
    match Drives::foresee(env, &config.drives, config.choices).await {
        Err(error) => vec![Finding::told("drives", Severity::Fault, &error.to_string())],
        Ok(foreseen) if foreseen.warnings.is_empty() => {
            let what = if foreseen.new_store {
                "a first start would make a store on them"
            } else {
                "the drives belong together"
            };
            vec![Finding::well("drives", what)]
        }
        Ok(foreseen) => {
            let warnings = foreseen.warnings.iter();
            warnings.map(|warning| Finding::told("drives", Severity::Warning, warning)).collect()
        }
    }
}

fn running(held: &[&DriveFacts]) -> Finding {
    let pid = held.iter().find_map(|drive| drive.holder?);
    let who = pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
    Finding::note(
        "drives",
        format!(
            "a server runs on {} of the drives{who}: nothing was written to those, and their syncs were not timed",
            held.len()
        ),
        "ask it with --url, or `rustfs admin drives`, how they are",
    )
}

async fn drive(env: &Env, path: &Path) -> DriveFacts {
    let empty = DriveFacts { path: path.to_owned(), ..DriveFacts::default() };
    let (clock, folder) = (env.clock.clone(), path.to_owned());
    let facts = in_time(env, move || look_at(&*clock, folder)).await;
    facts.unwrap_or_else(|| DriveFacts {
        probe: Some(Err(format!("it has not answered for {} seconds", WAIT_MAX.as_secs()))),
        ..empty
    })
}

/// Blocks. A folder that is not there is told of by what a start would say.
fn look_at(clock: &dyn env::Clock, path: PathBuf) -> DriveFacts {
    let Ok(real) = rustix::fs::stat(&path).and_then(|_| canonical(&path)) else {
        return DriveFacts { path, ..DriveFacts::default() };
    };
    let mounts = read("/proc/self/mountinfo").unwrap_or_default();
    let holder = holder(&path);
    // What a server holds is left alone.
    let probe = holder.is_none().then(|| probe::probe(clock, &path).map_err(|error| error.to_string()));
    DriveFacts {
        mount: mounts::of(&mounts, &real),
        device: device(&path),
        room: room(&path),
        holder,
        probe,
        path,
    }
}

fn canonical(path: &Path) -> rustix::io::Result<PathBuf> {
    std::fs::canonicalize(path)
        .map_err(|error| rustix::io::Errno::from_io_error(&error).unwrap_or(rustix::io::Errno::IO))
}

fn device(path: &Path) -> Option<u64> {
    rustix::fs::stat(path).ok().map(|stat| stat.st_dev)
}

fn room(path: &Path) -> Option<Room> {
    let stat = rustix::fs::statvfs(path).ok()?;
    Some(Room {
        total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
        free_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
        inodes_total: stat.f_files,
        inodes_free: stat.f_favail,
    })
}

/// A text of the kernel's. Those have no length and are not waited for.
fn read(path: &str) -> Option<String> {
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, rustix::fs::Mode::empty()).ok()?;
    let mut text = Vec::new();
    let mut part = vec![0u8; 64 << 10];
    while text.len() < TEXT_BYTES_MAX {
        match rustix::io::read(&file, &mut part) {
            Ok(0) => break,
            Ok(count) => text.extend_from_slice(part.get(..count)?),
            Err(_) => return None,
        }
    }
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// Whether the server could listen.
async fn port(env: &Env, address: &Address, servers: &[u32]) -> Finding {
    let wanted = address.clone();
    let bound = match in_time(env, move || Bound::new(&wanted).map(|_| ())).await {
        None => {
            Err("the address of the server can't be looked up in time: give --address an address".to_owned())
        }
        Some(bound) => bound.map_err(|error| error.to_string()),
    };
    let Err(sentence) = bound else {
        return Finding::well("ports", format!("port {} is free", address.port));
    };
    let number = address.port;
    let holder = in_time(env, move || holder_of(number)).await.flatten();
    let sentence = match &holder {
        Some(_) => sentence.split_once(": ").map_or(sentence.clone(), |(what, _)| what.to_owned()),
        None => sentence,
    };
    ports::judge(&sentence, holder.as_ref(), servers)
}

/// The process that listens on a port, as far as this user may see it. Blocks.
fn holder_of(port: u16) -> Option<Holder> {
    let texts = ["/proc/net/tcp", "/proc/net/tcp6"].into_iter().filter_map(read);
    let inodes: Vec<u64> = texts.flat_map(|text| ports::listeners(&text, port)).collect();
    let pids = std::fs::read_dir("/proc").ok()?.flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let pid = pids.into_iter().find(|pid| has_socket(*pid, &inodes))?;
    let name = read(&format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned();
    Some(Holder { pid, name })
}

fn has_socket(pid: u32, inodes: &[u64]) -> bool {
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let mut links = files.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    links.any(|link| link.to_str().and_then(ports::socket_inode).is_some_and(|inode| inodes.contains(&inode)))
}

/// Whether domains, and buckets before them, lead anywhere.
pub(super) async fn domains(env: &Env, domains: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for domain in domains {
        for name in [domain.clone(), format!("rustfs-doctor.{domain}")] {
            let asked = name.clone();
            let found = in_time(env, move || {
                (asked.as_str(), 0).to_socket_addrs().is_ok_and(|mut all| all.next().is_some())
            });
            findings.push(match found.await {
                Some(true) => Finding::well("domains", format!("{name} leads to an address")),
                _ => Finding::warning(
                    "domains",
                    format!(
                        "{name} leads to no address here: clients that name buckets by host find nothing"
                    ),
                    format!("let {domain} and *.{domain} lead to the server in DNS"),
                ),
            });
        }
    }
    findings
}

/// The server's certificates, where it has any.
pub(super) async fn certificates(env: &Env, config: &Config) -> Vec<Finding> {
    let Some(options) = config.tls.clone() else { return Vec::new() };
    let read = env::within(&*env.clock, WAIT_MAX, Tls::open(env, options)).await;
    super::of_certificates(match read {
        None => {
            Err("the folder of certificates does not answer: look at the file system that it is on".into())
        }
        Some(read) => read.map(|tls| tls.warnings()).map_err(|error| error.to_string()),
    })
}

/// Limits, memory and kernel.
pub(super) async fn machine(env: &Env, metadata_bytes: u64) -> MachineFacts {
    let facts = in_time(env, move || {
        let number = |path: &str| read(path)?.trim().parse::<u64>().ok();
        let group = read("/proc/self/cgroup").unwrap_or_default();
        let group = machine::control_group(&group).map(|group| format!("/sys/fs/cgroup/{group}/memory.max"));
        MachineFacts {
            files_max: getrlimit(Resource::Nofile).maximum,
            threads_max: getrlimit(Resource::Nproc).current,
            group_bytes_max: group
                .and_then(|path| number(&path))
                .or_else(|| number("/sys/fs/cgroup/memory.max")),
            memory_bytes: read("/proc/meminfo").and_then(|text| machine::memory_total(&text)),
            metadata_bytes,
            dirty_percent: number("/proc/sys/vm/dirty_ratio"),
            dirty_bytes: number("/proc/sys/vm/dirty_bytes"),
        }
    });
    facts.await.unwrap_or_default()
}
