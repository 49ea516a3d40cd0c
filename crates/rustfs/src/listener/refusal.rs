//! What a connection is told that is not served. Its request is read and thrown away, or the answer would be lost with the
//! connection. Always: who says so bounds the time.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const TOO_MANY: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>SlowDown</Code><Message>\
    Please reduce your request rate: this server has as many connections as it takes.</Message></Error>";

/// What clients look for that were given the wrong scheme.
const NOT_ENCRYPTED: &str = "Client sent an HTTP request to an HTTPS server.\n";

/// That there are too many.
pub(super) async fn too_many(stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let head = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/xml\r\nRetry-After: 1\r\n";
    refuse(stream, head, TOO_MANY).await
}

/// That this port is for HTTPS.
pub(super) async fn not_encrypted(stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let head = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n";
    refuse(stream, head, NOT_ENCRYPTED).await
}

async fn refuse(mut stream: impl AsyncRead + AsyncWrite + Unpin, head: &str, body: &str) -> io::Result<()> {
    let answer = format!("{head}Connection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    let mut rest = [0u8; 4096];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}
