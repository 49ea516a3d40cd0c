//! Connections that are encrypted, from a client's side.

use std::path::Path;
use std::sync::Arc;

use http_body_util::Full;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, version};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::config::Address;
use crate::shutdown::{self, Stopper};
use crate::tls::testing::{Authority, Made, put};
use crate::tls::{ClientCertificates, TlsOptions};

/// Answers with what it knows of the connection: `<is it encrypted> <length of the client's certificate>.`
struct Tells;

impl Respond for Tells {
    type Body = Full<Bytes>;

    async fn respond(&self, request: Request<Incoming>, peer: Peer) -> Response<Full<Bytes>> {
        let leaf = request.extensions().get::<ClientCertificate>().map_or(0, |leaf| leaf.0.len());
        Response::new(Full::new(format!("{} {leaf}.", peer.is_tls).into()))
    }
}

struct Running {
    env: Env,
    tls: Tls,
    authority: Authority,
    served: Made,
    folder: TempDir,
    port: u16,
    stopper: Stopper,
    end: env::BoxFuture<'static, ()>,
}

async fn running(clients: ClientCertificates, options: ListenerOptions) -> Running {
    let env = env::real::env(&tokio::runtime::Handle::current());
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let served = authority.leaf(&["localhost"]);
    served.put(folder.path());
    put(folder.path(), "client_ca.crt", &authority.certificate());
    let tls = TlsOptions {
        folder: folder.path().to_owned(),
        clients,
        client_authorities: None,
        looked_at_every: Some(Duration::from_millis(20)),
    };
    let tls = Tls::open(&env, tls).await.unwrap();
    let bound = Bound::new(&Address { host: Some("127.0.0.1".into()), port: 0 }).unwrap();
    let port = bound.addresses().next().unwrap().port();
    let (stopper, stop) = shutdown::stop();
    drop(env.spawn.task(Box::pin(crate::tls::keep_fresh(env.clone(), tls.clone(), stop.clone()))));
    let door = (bound.listen().unwrap(), Some(tls.clone()));
    let serving = serve(env.clone(), door, Arc::new(Tells), options, stop);
    let end = env.spawn.task(Box::pin(serving));
    Running { env, tls, authority, served, folder, port, stopper, end }
}

fn options() -> ListenerOptions {
    ListenerOptions { connections_max: 8, patience: Patience::default() }
}

impl Running {
    fn client(
        &self,
        shown: Option<&Made>,
        protocols: &[&str],
        version: &'static rustls::SupportedProtocolVersion,
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(self.authority.der().to_vec())).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
        let builder = builder.with_root_certificates(roots);
        let mut config = match shown {
            None => builder.with_no_client_auth(),
            Some(made) => {
                let key = PrivateKeyDer::try_from(made.key_der.clone()).unwrap();
                builder.with_client_auth_cert(vec![CertificateDer::from(made.der.clone())], key).unwrap()
            }
        };
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }

    async fn plain(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }

    async fn connect(&self, config: ClientConfig) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, self.plain().await).await
    }

    async fn connect_showing(&self, shown: Option<&Made>) -> io::Result<TlsStream<TcpStream>> {
        self.connect(self.client(shown, &["http/1.1"], &version::TLS13)).await
    }

    async fn stop(self) {
        self.stopper.go_to(Phase::Finishing);
        self.end.await;
    }
}

/// What the server says to a GET; an error where the connection is refused, which TLS 1.3 tells after the handshake.
async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<String> {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
    read_until(stream, ".").await
}

async fn read_until(stream: &mut (impl AsyncRead + Unpin), end: &str) -> io::Result<String> {
    let mut read = Vec::new();
    let mut part = [0u8; 4096];
    loop {
        match stream.read(&mut part).await? {
            0 => break,
            count => read.extend_from_slice(&part[..count]),
        }
        if String::from_utf8_lossy(&read).split("\r\n\r\n").nth(1).is_some_and(|body| body.contains(end)) {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&read).into_owned())
}

use tokio::io::{AsyncRead, AsyncWrite};

fn certificate_of(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    stream.get_ref().1.peer_certificates().unwrap()[0].as_ref().to_vec()
}

#[tokio::test]
async fn both_versions_and_both_protocols_are_offered() {
    let server = running(ClientCertificates::Off, options()).await;
    for version in [&version::TLS12, &version::TLS13] {
        let mut stream = server.connect(server.client(None, &["http/1.1"], version)).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        let answer = ask(&mut stream).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("true 0."), "{answer}");
    }
    let stream = server.connect(server.client(None, &["http/1.1", "h2"], &version::TLS13)).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]), "the server's order counts");
    drop(stream);
    server.stop().await;
}

#[tokio::test]
async fn requests_over_http_2_are_answered() {
    let server = running(ClientCertificates::Off, options()).await;
    let stream = server.connect(server.client(None, &["h2"], &version::TLS13)).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    drop(server.env.spawn.task(Box::pin(async move { connection.await.unwrap() })));
    let request = Request::builder().uri("https://localhost/").body(Full::new(Bytes::new())).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!((answer.status(), answer.version()), (StatusCode::OK, http::Version::HTTP_2));
    drop(sender);
    server.stop().await;
}

#[tokio::test]
async fn who_sends_plain_http_is_told_that_this_is_https() {
    let server = running(ClientCertificates::Off, options()).await;
    for method in ["GET", "PUT", "PRI"] {
        let mut stream = server.plain().await;
        stream.write_all(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await.unwrap();
        let answer = read_until(&mut stream, "never").await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
        assert!(answer.ends_with("Client sent an HTTP request to an HTTPS server.\n"), "{answer}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_slow_handshake_has_its_time_and_holds_up_no_other() {
    let patience = Patience { handshake: Duration::from_millis(300), ..Patience::default() };
    let server = running(ClientCertificates::Off, ListenerOptions { patience, ..options() }).await;
    let mut silent = server.plain().await;
    let mut half = server.plain().await;
    half.write_all(&[0x16, 3, 1, 2]).await.unwrap();
    let mut other = server.connect_showing(None).await.unwrap();
    assert!(ask(&mut other).await.unwrap().ends_with("true 0."));
    for stream in [&mut silent, &mut half] {
        assert_eq!(read_until(stream, "never").await.unwrap_or_default(), "", "closed when its time is over");
    }
    drop((silent, half, other));
    server.stop().await;
}

#[tokio::test]
async fn handshakes_count_as_connections_and_one_too_many_is_told_over_tls() {
    let server = running(ClientCertificates::Off, ListenerOptions { connections_max: 1, ..options() }).await;
    let silent = server.plain().await;
    for _ in 0..100 {
        let mut second = server.connect_showing(None).await.unwrap();
        let answer = ask(&mut second).await.unwrap_or_default();
        if answer.starts_with("HTTP/1.1 503") {
            assert!(answer.contains("<Code>SlowDown</Code>"), "{answer}");
            drop(silent);
            return server.stop().await;
        }
        // The second was taken first.
        drop(second);
    }
    panic!("a handshake took no place");
}

#[tokio::test]
async fn a_new_certificate_is_for_new_connections() {
    let server = running(ClientCertificates::Off, options()).await;
    let mut old = server.connect_showing(None).await.unwrap();
    assert_eq!(certificate_of(&old), server.served.der);
    let new = server.authority.leaf(&["localhost"]);
    put_pair(server.folder.path(), &new);
    let seen = async {
        loop {
            let stream = server.connect_showing(None).await.unwrap();
            if certificate_of(&stream) == new.der {
                return;
            }
            server.env.clock.sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(env::within(&*server.env.clock, Duration::from_secs(20), seen).await.is_some());
    assert!(ask(&mut old).await.unwrap().ends_with("true 0."), "the old one lives on");
    drop(old);
    server.stop().await;
}

fn put_pair(folder: &Path, made: &Made) {
    made.put(folder);
}

#[tokio::test]
async fn a_client_without_a_good_certificate_is_refused_where_one_is_required() {
    let server = running(ClientCertificates::Required, options()).await;
    let (good, stranger) = (server.authority.leaf(&["client"]), Authority::new().leaf(&["client"]));
    let mut stream = server.connect_showing(Some(&good)).await.unwrap();
    let answer = ask(&mut stream).await.unwrap();
    assert!(answer.ends_with(&format!("true {}.", good.der.len())), "{answer}");
    for shown in [None, Some(&stranger)] {
        let answer = match server.connect_showing(shown).await {
            Ok(mut stream) => ask(&mut stream).await,
            Err(error) => Err(error),
        };
        assert!(answer.is_err(), "{answer:?}");
    }
    drop(stream);
    server.stop().await;
}

#[tokio::test]
async fn a_client_may_do_without_a_certificate_where_one_is_optional_but_not_show_a_wrong_one() {
    let server = running(ClientCertificates::Optional, options()).await;
    let (good, stranger) = (server.authority.leaf(&["client"]), Authority::new().leaf(&["client"]));
    for (shown, length) in [(None, 0), (Some(&good), good.der.len())] {
        let mut stream = server.connect_showing(shown).await.unwrap();
        let answer = ask(&mut stream).await.unwrap();
        assert!(answer.ends_with(&format!("true {length}.")), "{answer}");
    }
    let refused = match server.connect_showing(Some(&stranger)).await {
        Ok(mut stream) => ask(&mut stream).await.is_err(),
        Err(_) => true,
    };
    assert!(refused);
    assert!(!server.tls.warnings().iter().any(|warning| warning.contains("read by every user")));
    server.stop().await;
}

#[tokio::test]
async fn a_stop_does_not_wait_for_handshakes() {
    let server = running(ClientCertificates::Off, options()).await;
    let mut silent = server.plain().await;
    server.stopper.go_to(Phase::Finishing);
    assert_eq!(read_until(&mut silent, "never").await.unwrap_or_default(), "");
    server.end.await;
}
