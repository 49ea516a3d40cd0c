//! The limit of open files: raised as far as this user may.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Fewer than this is too few for a busy server.
const ENOUGH: u64 = 4096;

/// Files that are open besides connections: drives, logs, engines.
const BESIDES_CONNECTIONS: u64 = 512;

/// Raises the limit to what is allowed; returns it.
#[must_use]
pub fn raise() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum.unwrap_or(u64::MAX),
        Err(_) => limit.current.unwrap_or(u64::MAX),
    }
}

/// How many connections may be taken under this limit, and a warning where that is fewer than wanted.
#[must_use]
pub fn connections(wanted: usize, limit: u64) -> (usize, Option<String>) {
    let room = limit.saturating_sub(BESIDES_CONNECTIONS).max(limit / 2).max(1);
    let taken = usize::try_from(room).unwrap_or(usize::MAX).min(wanted);
    let warning = (limit < ENOUGH || taken < wanted).then(|| {
        format!(
            "only {limit} files may be open, so {taken} connections are taken at once: raise the limit (ulimit -n, LimitNOFILE=)."
        )
    });
    (taken, warning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_room_for_the_drives() {
        assert_eq!(connections(4096, 1 << 20), (4096, None));
        assert_eq!(connections(4096, u64::MAX), (4096, None));
        let (taken, warning) = connections(4096, 1024);
        assert_eq!(taken, 512);
        assert!(warning.unwrap().contains("only 1024 files"));
        assert_eq!(connections(4096, 4096).0, 3584);
    }

    #[test]
    fn the_limit_is_raised_as_far_as_it_goes() {
        let raised = raise();
        assert_eq!(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX), raised);
    }
}
