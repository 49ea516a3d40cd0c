//! What /proc tells: CPU, memory and drive traffic of the server, CPU of this process and of the whole machine.
//! A figure that cannot be read (another host, another user's process) is absent, never zero.

use std::fs;
use std::net::{SocketAddr, ToSocketAddrs};

/// Sums since the start of whatever they count.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) server_cpu_s: Option<f64>,
    pub(crate) server_written_bytes: Option<u64>,
    pub(crate) server_read_bytes: Option<u64>,
    pub(crate) client_cpu_s: Option<f64>,
    /// All CPUs together, whoever used them.
    pub(crate) machine_cpu_s: Option<f64>,
}

impl Snapshot {
    pub(crate) fn take(server: Option<u32>) -> Self {
        Self {
            server_cpu_s: server.and_then(cpu_s),
            server_written_bytes: server.and_then(|pid| drive_bytes(pid, "write_bytes:")),
            server_read_bytes: server.and_then(|pid| drive_bytes(pid, "read_bytes:")),
            client_cpu_s: cpu_s(std::process::id()),
            machine_cpu_s: machine_cpu_s(),
        }
    }

    /// What was used between `earlier` and this.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let seconds = |now: Option<f64>, then: Option<f64>| Some((now? - then?).max(0.0));
        let bytes = |now: Option<u64>, then: Option<u64>| Some(now?.saturating_sub(then?));
        Self {
            server_cpu_s: seconds(self.server_cpu_s, earlier.server_cpu_s),
            server_written_bytes: bytes(self.server_written_bytes, earlier.server_written_bytes),
            server_read_bytes: bytes(self.server_read_bytes, earlier.server_read_bytes),
            client_cpu_s: seconds(self.client_cpu_s, earlier.client_cpu_s),
            machine_cpu_s: seconds(self.machine_cpu_s, earlier.machine_cpu_s),
        }
    }

    /// Sums of two windows; absent where either is.
    pub(crate) fn plus(&self, other: &Self) -> Self {
        let seconds = |one: Option<f64>, two: Option<f64>| Some(one? + two?);
        let bytes = |one: Option<u64>, two: Option<u64>| Some(one? + two?);
        Self {
            server_cpu_s: seconds(self.server_cpu_s, other.server_cpu_s),
            server_written_bytes: bytes(self.server_written_bytes, other.server_written_bytes),
            server_read_bytes: bytes(self.server_read_bytes, other.server_read_bytes),
            client_cpu_s: seconds(self.client_cpu_s, other.client_cpu_s),
            machine_cpu_s: seconds(self.machine_cpu_s, other.machine_cpu_s),
        }
    }
}

/// User and system time of all threads, dead ones and waited-for children included.
fn cpu_s(pid: u32) -> Option<f64> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
        .map(|ticks| ticks as f64 / ticks_per_second())
}

fn parse_stat(stat: &str) -> Option<u64> {
    // The name in parentheses may hold spaces and parentheses itself.
    let fields: Vec<&str> = stat[stat.rfind(')')? + 2..].split(' ').collect();
    fields.get(11..15)?.iter().map(|field| field.parse::<u64>().ok()).sum()
}

/// Bytes that went to or came from drives, as /proc names them.
fn drive_bytes(pid: u32, name: &str) -> Option<u64> {
    field(&fs::read_to_string(format!("/proc/{pid}/io")).ok()?, name)
}

fn machine_cpu_s() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let ticks: Vec<u64> =
        stat.lines().next()?.split_whitespace().skip(1).map_while(|field| field.parse().ok()).collect();
    // user, nice, system, then idle and iowait, then irq, softirq and what the hypervisor took.
    let busy: u64 = ticks.get(..3)?.iter().chain(ticks.get(5..8)?).sum();
    Some(busy as f64 / ticks_per_second())
}

fn ticks_per_second() -> f64 {
    rustix::param::clock_ticks_per_second() as f64
}

/// Resident memory now and at its highest since [`reset_peak`], in bytes.
pub(crate) fn resident_bytes(pid: u32) -> Option<(u64, u64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    Some((field(&status, "VmRSS:")? << 10, field(&status, "VmHWM:")? << 10))
}

/// Makes the peak start over; where that is not permitted, the peak is since the start of the process.
pub(crate) fn reset_peak(pid: u32) -> bool {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").is_ok()
}

fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

/// The process of this machine that listens where `host` points.
pub(crate) fn listener(host: &str) -> Option<u32> {
    let address = host.to_socket_addrs().ok()?.next()?;
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .find_map(|table| listening_inode(&fs::read_to_string(table).ok()?, address))?;
    let wanted = format!("socket:[{inode}]");
    let holds = |pid: &u32| {
        let Ok(links) = fs::read_dir(format!("/proc/{pid}/fd")) else {
            return false;
        };
        links
            .flatten()
            .any(|link| fs::read_link(link.path()).is_ok_and(|target| target.as_os_str() == wanted.as_str()))
    };
    fs::read_dir("/proc")
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .find(holds)
}

/// Only an address of this machine has a listener in the table; a wildcard counts for a loopback address alone.
fn listening_inode(table: &str, address: SocketAddr) -> Option<u64> {
    const LISTEN: &str = "0A";
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (ip, port) = fields.get(1)?.split_once(':')?;
        let same_port = u16::from_str_radix(port, 16).ok()? == address.port();
        let wildcard = ip.bytes().all(|digit| digit == b'0') && address.ip().is_loopback();
        let listens = same_port && *fields.get(3)? == LISTEN && (wildcard || ip == proc_ip(address));
        if listens { fields.get(9)?.parse().ok() } else { None }
    })
}

/// An address as the tables write it: each 32-bit word in the machine's byte order.
fn proc_ip(address: SocketAddr) -> String {
    let bytes = match address.ip() {
        std::net::IpAddr::V4(ip) => ip.octets().to_vec(),
        std::net::IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let word = |four: &[u8]| {
        let mut word = four.to_vec();
        if cfg!(target_endian = "little") {
            word.reverse();
        }
        word.iter().map(|byte| format!("{byte:02X}")).collect::<String>()
    };
    bytes.chunks(4).map(word).collect()
}

/// One line about the machine: cores, processor, memory, kernel, load.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let cpu_info = read("/proc/cpuinfo");
    let model = cpu_info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, name)| name);
    let memory_gib = field(&read("/proc/meminfo"), "MemTotal:").unwrap_or(0) as f64 / f64::from(1 << 20);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{cores} cores ({model}), {memory_gib:.0} GiB, Linux {}, load {}", kernel.trim(), load())
}

/// The load averages of 1, 5 and 15 minutes.
pub(crate) fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_process_name_with_parentheses_does_not_shift_the_fields() {
        let stat = "42 (a) b) S 1 42 42 0 -1 4194560 100 200 0 0 7 11 13 17 20 0 8 0 100 1000 50";
        assert_eq!(parse_stat(stat), Some(7 + 11 + 13 + 17));
    }

    #[test]
    fn the_listener_of_a_port_is_found() {
        let listener_here = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener_here.local_addr().unwrap().to_string();
        assert_eq!(listener(&host), Some(std::process::id()));
        drop(listener_here);
        assert_eq!(listener(&host), None);
    }

    #[test]
    fn this_process_has_figures() {
        let one = Snapshot::take(Some(std::process::id()));
        let two = Snapshot::take(Some(std::process::id())).since(&one);
        assert!(two.server_cpu_s.is_some() && two.machine_cpu_s.is_some() && two.client_cpu_s.is_some());
        assert!(resident_bytes(std::process::id()).is_some_and(|(now, peak)| now > 0 && peak >= now));
        assert_eq!(two.plus(&Snapshot::default()).server_cpu_s, None);
    }
}
