//! The sockets to listen on. They are bound before anything is opened, so that a port in use stops the start early, and
//! listen only when the store is open, so that nobody waits for an answer of a server that is still starting.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;
use tokio::net::TcpListener;

use crate::config::Address;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// Why the server can't listen. Each sentence says what to do.
#[derive(Debug, Error)]
pub enum ListenError {
    /// Another program has the port.
    #[error(
        "port {port} is in use by another program: stop that one, or choose another port with --address :{other} (or RUSTFS_ADDRESS)"
    )]
    InUse {
        /// The port.
        port: u16,
        /// One that might do.
        other: u16,
    },
    /// The port is reserved.
    #[error(
        "port {port} may not be used by this user: choose one from 1024 on with --address, or grant CAP_NET_BIND_SERVICE"
    )]
    NotAllowed {
        /// The port.
        port: u16,
    },
    /// The address is of another machine.
    #[error(
        "{host} is no address of this machine: give --address one that is, or leave the host out to use all of them"
    )]
    NotHere {
        /// What was given.
        host: String,
    },
    /// The name leads nowhere.
    #[error("{host} leads to no address ({reason}): give --address a name or an address of this machine")]
    Unknown {
        /// What was given.
        host: String,
        /// What the resolver says.
        reason: String,
    },
    /// Anything else.
    #[error("the server can't listen on {address}: {source}")]
    Io {
        /// Where.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
}

/// Sockets that have their addresses but don't listen yet.
#[derive(Debug)]
pub struct Bound {
    sockets: Vec<(Socket, SocketAddr)>,
}

impl Bound {
    /// Takes the addresses. Must be called within the runtime.
    ///
    /// # Errors
    /// Where one of them can't be had.
    pub fn new(address: &Address) -> Result<Self, ListenError> {
        let Some(host) = &address.host else {
            return bind_all(address.port);
        };
        let named = (host.as_str(), address.port)
            .to_socket_addrs()
            .map_err(|error| ListenError::Unknown { host: host.clone(), reason: error.to_string() })?;
        let mut sockets: Vec<(Socket, SocketAddr)> = Vec::new();
        let mut not_here = false;
        for mut wanted in named {
            // Where any port will do, all addresses get the same.
            if let Some((_, first)) = sockets.first() {
                wanted.set_port(first.port());
            }
            if sockets.iter().any(|(_, known)| known.ip() == wanted.ip()) {
                continue;
            }
            match bind(wanted, false) {
                Ok(socket) => sockets.push(socket),
                Err(error) if is_no_address(&error) => not_here = true,
                Err(error) => return Err(listen_error(wanted, error)),
            }
        }
        match sockets.is_empty() {
            true if not_here => Err(ListenError::NotHere { host: host.clone() }),
            true => Err(ListenError::Unknown { host: host.clone(), reason: "no address".into() }),
            false => Ok(Bound { sockets }),
        }
    }

    /// The addresses that it has.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.sockets.iter().map(|(_, address)| *address)
    }

    /// Begins to listen. Must be called within the runtime.
    ///
    /// # Errors
    /// Where another program was quicker.
    pub fn listen(self) -> Result<Vec<TcpListener>, ListenError> {
        let listen = |(socket, address): (Socket, SocketAddr)| {
            socket.listen(BACKLOG).map_err(|error| listen_error(address, error))?;
            TcpListener::from_std(socket.into()).map_err(|error| listen_error(address, error))
        };
        self.sockets.into_iter().map(listen).collect()
    }
}

/// Every address of this machine: one socket for IPv6 and IPv4, or IPv4 alone where there is no IPv6.
fn bind_all(port: u16) -> Result<Bound, ListenError> {
    let six = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    match bind(six, true) {
        Ok(socket) => return Ok(Bound { sockets: vec![socket] }),
        Err(error) if is_no_address(&error) => {}
        Err(error) => return Err(listen_error(six, error)),
    }
    let four = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    let socket = bind(four, false).map_err(|error| listen_error(four, error))?;
    Ok(Bound { sockets: vec![socket] })
}

fn bind(address: SocketAddr, both: bool) -> io::Result<(Socket, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!both)?;
    }
    // Connections of a server that was stopped a moment ago are no hindrance.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    let bound = socket.local_addr()?.as_socket().unwrap_or(address);
    Ok((socket, bound))
}

fn is_no_address(error: &io::Error) -> bool {
    let unsupported = error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error());
    unsupported || error.kind() == io::ErrorKind::AddrNotAvailable
}

fn listen_error(address: SocketAddr, source: io::Error) -> ListenError {
    let port = address.port();
    match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse { port, other: port.checked_add(100).unwrap_or(9000) },
        io::ErrorKind::PermissionDenied => ListenError::NotAllowed { port },
        _ => ListenError::Io { address, source },
    }
}
