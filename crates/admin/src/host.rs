//! What the kernel says of the machine. A part that can't be read is left out: nothing is made up.

use std::path::Path;

use env::Env;
use serde_json::{Map, Value, json};

/// Files of the kernel are read up to here.
const FILE_BYTES_MAX: usize = 64 << 10;
/// The kernel counts processor time in hundredths of a second.
const TICKS_PER_SECOND: f64 = 100.0;
/// The columns of the first line of `/proc/stat`.
const TIMES: [&str; 10] =
    ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guestNice"];

/// madmin's `MemInfo`.
pub(crate) async fn memory(env: &Env, address: &str) -> Option<Value> {
    let text = read(env, "/proc/meminfo").await?;
    let bytes = |name: &str| kibibytes(&text, name).map(|kibibytes| kibibytes << 10);
    let (total, free) = (bytes("MemTotal")?, bytes("MemFree")?);
    let available = bytes("MemAvailable").unwrap_or(free);
    Some(json!({
        "addr": address,
        "total": total,
        "used": total.saturating_sub(available),
        "free": free,
        "available": available,
        "shared": bytes("Shmem").unwrap_or(0),
        "cache": bytes("Cached").unwrap_or(0),
        "buffer": bytes("Buffers").unwrap_or(0),
        "swap_space_total": bytes("SwapTotal").unwrap_or(0),
        "swap_space_free": bytes("SwapFree").unwrap_or(0),
        "limit": total,
    }))
}

/// The fields of madmin's `CPUMetrics`.
pub(crate) async fn processors(env: &Env) -> Option<Map<String, Value>> {
    let (stat, load) = (read(env, "/proc/stat").await?, read(env, "/proc/loadavg").await?);
    let mut fields = Map::new();
    fields.insert("timesStat".into(), times(&stat)?);
    fields.insert("loadStat".into(), loads(&load)?);
    fields.insert("cpuCount".into(), std::thread::available_parallelism().map_or(0, usize::from).into());
    Some(fields)
}

/// Bytes of memory that this process holds.
pub(crate) async fn resident_bytes(env: &Env) -> Option<u64> {
    kibibytes(&read(env, "/proc/self/status").await?, "VmRSS").map(|kibibytes| kibibytes << 10)
}

async fn read(env: &Env, path: &str) -> Option<String> {
    let bytes = env::read_file(&*env.disk, Path::new(path), FILE_BYTES_MAX).await.ok()?;
    String::from_utf8(bytes.to_vec()).ok()
}

/// `MemTotal:  8039696 kB`.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// `cpu  4705 150 1120 16250 520 0 175 0 0 0`: gopsutil's `TimesStat`, in seconds.
fn times(text: &str) -> Option<Value> {
    let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let mut ticks = line.split_ascii_whitespace().map(str::parse::<f64>);
    let mut times = Map::new();
    times.insert("cpu".into(), "cpu-total".into());
    for name in TIMES {
        // Older kernels have fewer columns.
        let seconds = ticks.next().unwrap_or(Ok(0.0)).ok()? / TICKS_PER_SECOND;
        times.insert(name.into(), seconds.into());
    }
    Some(Value::Object(times))
}

/// `0.20 0.18 0.12 1/80 11206`: gopsutil's `AvgStat`.
fn loads(text: &str) -> Option<Value> {
    let mut loads = text.split_ascii_whitespace().map(|load| load.parse::<f64>().ok());
    let mut next = || loads.next().flatten();
    Some(json!({ "load1": next()?, "load5": next()?, "load15": next()? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_kernel_are_read() {
        let memory = "MemTotal:        8039696 kB\nMemFree:          100 kB\nMemFreeX: 1 kB\n";
        assert_eq!(
            (kibibytes(memory, "MemTotal"), kibibytes(memory, "MemFree")),
            (Some(8_039_696), Some(100))
        );
        assert_eq!(kibibytes(memory, "Cached"), None);
        let times = times("cpu  4705 150 1120 16250 520\ncpu0 1 2 3 4\n").unwrap();
        assert_eq!(
            (&times["user"], &times["idle"], &times["steal"]),
            (&47.05.into(), &162.5.into(), &0.0.into())
        );
        assert_eq!(loads("0.20 0.18 0.12 1/80 11206\n").unwrap()["load15"], 0.12);
        assert!(loads("0.2").is_none() && super::times("intr 1").is_none());
    }
}
