//! The client against servers of this machine: what is believed, and what ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::{AskLimits, Outbound, OutboundError, Trust};

const ANSWER: &str =
    "HTTP/1.1 302 Found\r\nLocation: http://elsewhere.test/\r\nContent-Length: 5\r\n\r\nhello";

fn client(authorities: &[&[u8]]) -> Outbound {
    let env = env::real::env(&tokio::runtime::Handle::current());
    Outbound::new(&env, &Trust::new(authorities, None).unwrap())
}

fn get(url: &str) -> Request<Bytes> {
    Request::get(url).body(Bytes::new()).unwrap()
}

/// Reads a head and gives this answer, then is silent.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, text: &str) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    stream.write_all(text.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    std::future::pending::<()>().await;
}

async fn plain_server(text: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { answer(listener.accept().await.unwrap().0, text).await });
    address
}

/// A server for `localhost`; its certificate in PEM, signed by itself.
async fn encrypted_server(text: &'static str) -> (SocketAddr, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let stream = listener.accept().await.unwrap().0;
        if let Ok(stream) = TlsAcceptor::from(Arc::new(config)).accept(stream).await {
            answer(stream, text).await;
        }
    });
    (address, made.cert.pem())
}

#[tokio::test]
async fn an_answer_is_read_whole_and_a_redirection_is_not_followed() {
    let address = plain_server(ANSWER).await;
    let answer = client(&[]).ask(get(&format!("http://{address}/a?b")), AskLimits::default()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::FOUND);
    assert_eq!(answer.body(), "hello");
}

#[tokio::test]
async fn who_is_vouched_for_is_asked_under_tls() {
    let (address, pem) = encrypted_server(ANSWER).await;
    let url = format!("https://localhost:{}/", address.port());
    let answer = client(&[pem.as_bytes()]).ask(get(&url), AskLimits::default()).await.unwrap();
    assert_eq!(answer.body(), "hello");
}

#[tokio::test]
async fn who_is_not_vouched_for_or_has_another_name_is_not_asked() {
    let (address, _) = encrypted_server(ANSWER).await;
    let url = format!("https://localhost:{}/", address.port());
    let error = client(&[]).ask(get(&url), AskLimits::default()).await.unwrap_err();
    assert!(error.to_string().contains("invalid peer certificate"), "{error}");
    let (address, pem) = encrypted_server(ANSWER).await;
    let url = format!("https://127.0.0.1:{}/secret?token=1", address.port());
    let error = client(&[pem.as_bytes()]).ask(get(&url), AskLimits::default()).await.unwrap_err();
    assert!(error.to_string().contains("not valid for name"), "{error}");
    assert!(!error.to_string().contains("token"), "{error}");
}

#[tokio::test]
async fn a_long_answer_and_a_silent_server_have_an_end() {
    let address = plain_server(ANSWER).await;
    let limits = AskLimits { answer_bytes: 4, ..AskLimits::default() };
    let error = client(&[]).ask(get(&format!("http://{address}/")), limits).await.unwrap_err();
    assert_eq!(error, OutboundError::TooLong { server: format!("http://{address}"), bytes_max: 4 });
    let address = plain_server("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello").await;
    let limits = AskLimits { time: Duration::from_secs(1), ..AskLimits::default() };
    let error = client(&[]).ask(get(&format!("http://{address}/")), limits).await.unwrap_err();
    assert_eq!(error, OutboundError::Late { server: format!("http://{address}"), seconds: 1 });
}

#[tokio::test]
async fn what_is_no_address_or_answers_nobody_is_told_apart() {
    for wrong in ["ftp://host/", "/path", "host:1", "http:///x"] {
        let Ok(request) = Request::get(wrong).body(Bytes::new()) else { continue };
        assert_eq!(client(&[]).ask(request, AskLimits::default()).await.unwrap_err(), OutboundError::Address);
    }
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = client(&[]).ask(get(&format!("http://{free}/")), AskLimits::default()).await.unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
}

#[test]
fn a_file_without_a_certificate_is_refused() {
    let error = Trust::new(&[b"hello"], None).unwrap_err();
    assert!(matches!(error, OutboundError::Certificate { .. }), "{error}");
}
