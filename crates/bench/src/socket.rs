//! Sockets: one request at a time for preparations, and connections that the load drives without ever blocking.

use crate::error::BenchError;
use crate::request::{Expect, Request};
use crate::response::Response;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

pub(crate) const READ_BYTES: usize = 256 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long answers may take that are outstanding when a window ends, or when a call waits for one.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// One request on a connection of its own, answered or failed when this returns.
pub(crate) fn call(host: &str, request: &mut Request) -> Result<Response, BenchError> {
    request.close_text();
    let attempt = || -> io::Result<Response> {
        let mut stream =
            TcpStream::connect_timeout(&resolve(host).map_err(io::Error::other)?, CONNECT_TIMEOUT)?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        stream.write_all(&request.to_bytes())?;
        let mut response = Response::new();
        let mut buffer = vec![0; READ_BYTES];
        while !response.is_done() {
            let bytes = stream.read(&mut buffer)?;
            if bytes == 0 && !response.end() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            response.feed(&buffer[..bytes], &Expect::Text).map_err(io::Error::other)?;
        }
        Ok(response)
    };
    attempt().map_err(|source| BenchError::Connect { host: host.to_owned(), source })
}

pub(crate) fn resolve(host: &str) -> Result<SocketAddr, BenchError> {
    let found = host
        .to_socket_addrs()
        .and_then(|mut found| found.next().ok_or_else(|| io::ErrorKind::NotFound.into()));
    found.map_err(|source| BenchError::Connect { host: host.to_owned(), source })
}

/// A connection as the load uses it.
pub(crate) fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT)?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// An error as a report names it.
pub(crate) fn label(error: &io::Error) -> String {
    format!("{:?}", error.kind())
}
