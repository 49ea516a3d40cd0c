//! Who listens on a port, from the texts of `/proc`. Pure.

use super::finding::Finding;

/// The kernel's number for a socket that listens.
const LISTENS: &str = "0A";

/// The inodes of sockets that listen on this port; `tcp` is the text of `/proc/net/tcp` or `tcp6`.
pub(crate) fn listeners(tcp: &str, port: u16) -> Vec<u64> {
    let of_line = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
        let (_, at) = local.rsplit_once(':')?;
        let is_it = *state == LISTENS && u16::from_str_radix(at, 16).ok()? == port;
        is_it.then(|| inode.parse().ok())?
    };
    tcp.lines().skip(1).filter_map(of_line).collect()
}

/// `socket:[12345]`: what a file descriptor that is a socket leads to.
pub(crate) fn socket_inode(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// Who has a port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holder {
    /// Its process.
    pub(crate) pid: u32,
    /// Its program.
    pub(crate) name: String,
}

/// What it means that the server could not listen: `sentence` is what a start would say. `servers`: processes that hold the
/// drives.
pub(crate) fn judge(sentence: &str, holder: Option<&Holder>, servers: &[u32]) -> Finding {
    match holder {
        Some(holder) if servers.contains(&holder.pid) => Finding::well(
            "ports",
            format!("the server that runs on these drives (process {}) has its port", holder.pid),
        ),
        Some(holder) => {
            let who = format!("{} (process {})", holder.name, holder.pid);
            Finding::fault(
                "ports",
                format!("{sentence}; it is {who}"),
                "stop that program, or choose another port with --address",
            )
        }
        None => Finding::told("ports", super::finding::Severity::Fault, sentence),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;

    const TCP: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2328 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100 0 0 10 0
   1: 0100007F:2328 0100007F:9999 01 00000000:00000000 00:00000000 00000000  1000        0 4712 1 0 100 0 0 10 0
   2: 00000000000000000000000000000000:2329 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 4713 1 0";

    #[test]
    fn who_listens_is_found_and_who_is_connected_is_not() {
        assert_eq!(listeners(TCP, 9000), [4711]);
        assert_eq!(listeners(TCP, 9001), [4713]);
        assert!(
            listeners(TCP, 1).is_empty()
                && listeners("", 9000).is_empty()
                && listeners("a\nb c\n", 1).is_empty()
        );
        assert_eq!((socket_inode("socket:[4711]"), socket_inode("/dev/null")), (Some(4711), None));
    }

    #[test]
    fn the_port_of_the_server_itself_is_no_trouble() {
        let holder = Holder { pid: 17, name: "nginx".into() };
        let sentence = "port 9000 is in use by another program";
        assert_eq!(judge(sentence, Some(&holder), &[17]).severity, Severity::Well);
        let taken = judge(sentence, Some(&holder), &[18]);
        assert!(taken.severity == Severity::Fault && taken.what.contains("nginx (process 17)"), "{taken:?}");
        assert_eq!(judge(sentence, None, &[]).severity, Severity::Fault);
    }
}
