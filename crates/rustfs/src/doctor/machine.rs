//! The machine: its limits, memory, kernel, names and clock. Pure; the texts of `/proc` and `/sys` come from the caller.

use super::finding::Finding;
use crate::client::units::bytes;

/// Files that a busy server has open.
const FILES_MIN: u64 = 8_192;

/// Threads that the server makes at most, with some for others of the same user.
const THREADS_MIN: u64 = 1_024;

/// What the server takes besides what metadata may have: code, threads, connections and requests of a moderate load.
const MEMORY_BASE_BYTES: u64 = 256 << 20;

/// Dirty pages beyond this make a sync wait for all of them.
const DIRTY_BYTES_MAX: u64 = 4 << 30;

/// When this program was not yet written. A clock before that was never set.
const CLOCK_MIN_SECONDS: u64 = 1_767_225_600;

/// Two clocks may differ so much without anybody noticing.
const SKEW_SECONDS_MAX: u64 = 30;

/// And so much before signatures are refused.
const SKEW_SECONDS_LIMIT: u64 = 15 * 60;

/// Limits of the process, and what there is of memory.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MachineFacts {
    /// Files that may be open, as far as the limit can be raised; none: any number.
    pub(crate) files_max: Option<u64>,
    /// Processes and threads of this user.
    pub(crate) threads_max: Option<u64>,
    /// Bytes that this control group may have.
    pub(crate) group_bytes_max: Option<u64>,
    /// Bytes that the machine has.
    pub(crate) memory_bytes: Option<u64>,
    /// Bytes that metadata may have.
    pub(crate) metadata_bytes: u64,
    /// Part of the memory that may be dirty before writers wait, in hundredths.
    pub(crate) dirty_percent: Option<u64>,
    /// The same in bytes, where it is set so.
    pub(crate) dirty_bytes: Option<u64>,
}

/// What is wrong with limits, memory and kernel.
pub(crate) fn judge(facts: &MachineFacts) -> Vec<Finding> {
    [files(facts), threads(facts), memory(facts)].into_iter().chain(dirty(facts)).collect()
}

fn files(facts: &MachineFacts) -> Finding {
    match facts.files_max {
        Some(files) if files < FILES_MIN => Finding::warning(
            "limits",
            format!("only {files} files may be open: large objects and connections are one each"),
            format!("raise the limit to {FILES_MIN} at least (ulimit -n, LimitNOFILE= of systemd)"),
        ),
        _ => Finding::well("limits", "enough files may be open"),
    }
}

fn threads(facts: &MachineFacts) -> Finding {
    match facts.threads_max {
        Some(threads) if threads < THREADS_MIN => Finding::warning(
            "limits",
            format!("this user may have {threads} threads only"),
            format!("raise the limit to {THREADS_MIN} at least (ulimit -u, TasksMax= of systemd)"),
        ),
        _ => Finding::well("limits", "enough threads may run"),
    }
}

fn memory(facts: &MachineFacts) -> Finding {
    let needed = facts.metadata_bytes + MEMORY_BASE_BYTES;
    let limits = [(facts.group_bytes_max, "this control group"), (facts.memory_bytes, "this machine")];
    let least = limits.into_iter().filter_map(|(bytes, whose)| Some((bytes?, whose))).min();
    match least {
        Some((limit, whose)) if limit < needed => Finding::warning(
            "memory",
            format!(
                "{whose} has {} of memory; metadata alone may take {}: the kernel may end the server",
                bytes(limit),
                bytes(facts.metadata_bytes)
            ),
            format!("raise the limit to {}, or set RUSTFS_METADATA_MEMORY lower", bytes(needed)),
        ),
        _ => Finding::well("memory", "there is enough memory for what is set"),
    }
}

fn dirty(facts: &MachineFacts) -> Option<Finding> {
    let by_percent =
        facts.dirty_percent.zip(facts.memory_bytes).map(|(percent, memory)| memory / 100 * percent);
    let most = facts.dirty_bytes.filter(|bytes| *bytes > 0).or(by_percent)?;
    (most > DIRTY_BYTES_MAX).then(|| {
        Finding::note(
            "kernel",
            format!("{} of memory may be unwritten before writers are held up (vm.dirty_ratio)", bytes(most)),
            "where other programs write to the same disks, syncs wait for all of that: `sysctl vm.dirty_bytes=1073741824`",
        )
    })
}

/// What is wrong with the clock by itself: it was never set, or jumped while it was looked at.
pub(crate) fn judge_clock(now_seconds: u64, passed_milliseconds: u64, wall_milliseconds: i64) -> Finding {
    if now_seconds < CLOCK_MIN_SECONDS {
        return Finding::fault(
            "clock",
            "the clock of this machine shows a time before this program was written",
            "set it, and keep it right with chrony or systemd-timesyncd: signatures are refused when clocks differ by 15 minutes",
        );
    }
    let jumped = wall_milliseconds.abs_diff(i64::try_from(passed_milliseconds).unwrap_or(i64::MAX));
    if jumped > 1_000 {
        return Finding::warning(
            "clock",
            format!("the clock jumped by {jumped} ms while it was looked at"),
            "see that one program alone sets it (chrony or systemd-timesyncd), and that it slews",
        );
    }
    Finding::well("clock", "the clock runs evenly")
}

/// What the difference to the server's clock means. `sure_milliseconds`: how long the answer was under way.
pub(crate) fn judge_skew(here_seconds: u64, there_seconds: u64, sure_milliseconds: u64) -> Finding {
    let skew = here_seconds.abs_diff(there_seconds).saturating_sub(sure_milliseconds / 1_000 + 1);
    let which = if here_seconds < there_seconds { "behind" } else { "ahead of" };
    let what = format!("the clock of this machine is {skew} s {which} the server's");
    let todo = "set the one that is wrong, and keep both right with chrony or systemd-timesyncd";
    match skew {
        skew if skew >= SKEW_SECONDS_LIMIT => {
            Finding::fault("clock", format!("{what}: everything that is signed here is refused"), todo)
        }
        skew if skew > SKEW_SECONDS_MAX => Finding::warning(
            "clock",
            format!("{what}; from 15 minutes on everything that is signed here is refused"),
            todo,
        ),
        _ => Finding::well("clock", "the clock agrees with the server's"),
    }
}

/// `0::/system.slice/rustfs.service` of `/proc/self/cgroup`: where the group's files are below `/sys/fs/cgroup`.
pub(crate) fn control_group(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("0::")).map(|path| path.trim_start_matches('/'))
}

/// `MemTotal:  24117248 kB` of `/proc/meminfo`, in bytes.
pub(crate) fn memory_total(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;

    fn worst(facts: MachineFacts) -> Severity {
        judge(&facts).iter().map(|finding| finding.severity).min().unwrap()
    }

    #[test]
    fn limits_that_are_too_low_are_named() {
        let good =
            MachineFacts { metadata_bytes: 64 << 20, memory_bytes: Some(8 << 30), ..MachineFacts::default() };
        for (facts, severity) in [
            (good, Severity::Well),
            (MachineFacts { files_max: Some(1024), ..good }, Severity::Warning),
            (MachineFacts { files_max: Some(1 << 20), threads_max: Some(4096), ..good }, Severity::Well),
            (MachineFacts { threads_max: Some(100), ..good }, Severity::Warning),
            (MachineFacts { group_bytes_max: Some(256 << 20), ..good }, Severity::Warning),
            (MachineFacts { group_bytes_max: Some(512 << 20), ..good }, Severity::Well),
            (MachineFacts { metadata_bytes: 16 << 30, ..good }, Severity::Warning),
            (MachineFacts { dirty_percent: Some(20), memory_bytes: Some(64 << 30), ..good }, Severity::Note),
            (
                MachineFacts {
                    dirty_percent: Some(20),
                    dirty_bytes: Some(1 << 20),
                    memory_bytes: Some(64 << 30),
                    ..good
                },
                Severity::Well,
            ),
        ] {
            assert_eq!(worst(facts), severity, "{facts:?}");
        }
    }

    #[test]
    fn clocks_are_judged_by_what_they_break() {
        let now = CLOCK_MIN_SECONDS + 1_000_000;
        assert_eq!(judge_clock(now, 50, 51).severity, Severity::Well);
        assert_eq!(judge_clock(0, 50, 51).severity, Severity::Fault);
        assert_eq!(judge_clock(now, 50, -5_000).severity, Severity::Warning);
        for (there, sure, severity) in [
            (now, 0, Severity::Well),
            (now + 20, 0, Severity::Well),
            (now + 40, 0, Severity::Warning),
            (now + 40, 20_000, Severity::Well),
            (now - 60, 0, Severity::Warning),
            (now + 3_600, 0, Severity::Fault),
            (now - 3_600, 0, Severity::Fault),
        ] {
            assert_eq!(judge_skew(now, there, sure).severity, severity, "{there} {sure}");
        }
        assert!(judge_skew(now, now + 3_600, 0).what.contains("behind"));
    }

    #[test]
    fn what_the_kernel_writes_is_read() {
        assert_eq!(control_group("1:cpu:/x\n0::/system.slice/a.service\n"), Some("system.slice/a.service"));
        assert_eq!(control_group("0::/\n"), Some(""));
        assert_eq!(control_group(""), None);
        assert_eq!(memory_total("MemFree: 1 kB\nMemTotal:       24117248 kB\n"), Some(24_117_248 << 10));
        assert_eq!(memory_total("MemTotal: many"), None);
    }
}
