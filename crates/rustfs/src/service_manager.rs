//! Telling systemd (`Type=notify`) how far the server is: one datagram to the socket that it names.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Says `READY=1` or the like to the socket of `NOTIFY_SOCKET`; nothing where there is none.
///
/// # Errors
/// Where the socket does not take it. The server runs on without.
pub fn tell(socket: Option<&str>, state: &str) -> io::Result<()> {
    let Some(socket) = socket.filter(|socket| !socket.is_empty()) else {
        return Ok(());
    };
    let address = match socket.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_comes_as_a_datagram() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        tell(path.to_str(), "READY=1").unwrap();
        let mut read = [0u8; 64];
        let count = manager.recv(&mut read).unwrap();
        assert_eq!(&read[..count], b"READY=1");
        assert!(tell(None, "READY=1").is_ok());
        assert!(tell(Some("/no/such/socket"), "READY=1").is_err());
    }
}
