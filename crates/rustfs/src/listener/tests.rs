use super::*;

use crate::config::Address;
use crate::shutdown::{self, Stopper};
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Answers with what it was sent; `/slow` first waits for a while.
struct Echo(Env);

impl Respond for Echo {
    type Body = Full<Bytes>;

    async fn respond(&self, request: Request<Incoming>, peer: Peer) -> Response<Full<Bytes>> {
        assert!(peer.address.is_loopback() && !peer.is_tls);
        if request.uri().path() == "/slow" {
            self.0.clock.sleep(Duration::from_millis(300)).await;
        }
        let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        Response::new(Full::new(body))
    }
}

struct Running {
    port: u16,
    stopper: Stopper,
    end: env::BoxFuture<'static, ()>,
}

fn running(options: ListenerOptions) -> Running {
    let env = env::real::env(&tokio::runtime::Handle::current());
    let bound = Bound::new(&Address { host: Some("127.0.0.1".into()), port: 0 }).unwrap();
    let port = bound.addresses().next().unwrap().port();
    let (stopper, stop) = shutdown::stop();
    let service = Arc::new(Echo(env.clone()));
    let serving = serve(env.clone(), (bound.listen().unwrap(), None), service, options, stop);
    let end = env.spawn.task(Box::pin(serving));
    Running { port, stopper, end }
}

fn options() -> ListenerOptions {
    ListenerOptions { connections_max: 8, patience: Patience::default() }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }

    async fn stop(self) {
        self.stopper.go_to(Phase::Finishing);
        self.end.await;
    }
}

async fn send(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// Reads until the text has come, or the end.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    let mut part = [0u8; 4096];
    while !String::from_utf8_lossy(&read).contains(end) {
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => break,
            Ok(count) => read.extend_from_slice(&part[..count]),
        }
    }
    String::from_utf8_lossy(&read).into_owned()
}

#[tokio::test]
async fn requests_follow_each_other_on_a_connection() {
    let server = running(options());
    let mut client = server.connect().await;
    for word in ["one", "two"] {
        send(&mut client, &format!("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n{word}")).await;
        assert!(read_until(&mut client, word).await.starts_with("HTTP/1.1 200"));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_stop_lets_the_request_in_progress_end_and_closes_the_idle() {
    let server = running(options());
    let mut idle = server.connect().await;
    let mut busy = server.connect().await;
    send(&mut busy, "PUT /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n").await;
    send(&mut idle, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx").await;
    assert!(read_until(&mut idle, "x").await.starts_with("HTTP/1.1 200"));
    let port = server.port;
    server.stopper.go_to(Phase::Finishing);
    assert_eq!(read_until(&mut idle, "never").await, "");
    send(&mut busy, "done").await;
    assert!(read_until(&mut busy, "done").await.starts_with("HTTP/1.1 200"));
    server.end.await;
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
}

#[tokio::test]
async fn a_second_signal_waits_for_nobody() {
    let server = running(options());
    let mut busy = server.connect().await;
    send(&mut busy, "PUT /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n").await;
    server.stopper.go_to(Phase::Finishing);
    server.stopper.go_to(Phase::AtOnce);
    server.end.await;
}

#[tokio::test]
async fn one_connection_too_many_is_told_to_slow_down() {
    let server = running(ListenerOptions { connections_max: 1, ..options() });
    let mut first = server.connect().await;
    send(&mut first, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx").await;
    read_until(&mut first, "x").await;
    let mut second = server.connect().await;
    let answer = read_until(&mut second, "</Error>").await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("<Code>SlowDown</Code>"), "{answer}");
    drop(first);
    // The place is free as soon as the server has seen the end.
    for _ in 0..100 {
        let mut third = server.connect().await;
        send(&mut third, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx").await;
        if read_until(&mut third, "x").await.starts_with("HTTP/1.1 200") {
            drop((second, third));
            return server.stop().await;
        }
    }
    panic!("the place never became free");
}

#[tokio::test]
async fn who_keeps_the_server_waiting_is_closed() {
    let short = Duration::from_millis(100);
    let patience = Patience { head: short, idle: 3 * short, ..Patience::default() };
    let server = running(ListenerOptions { patience, ..options() });
    let mut idle = server.connect().await;
    assert_eq!(read_until(&mut idle, "never").await, "");
    let mut slow = server.connect().await;
    send(&mut slow, "PUT / HTTP/1.1\r\nHost:").await;
    assert_eq!(read_until(&mut slow, "never").await, "");
    // A request in progress is not idle.
    let mut busy = server.connect().await;
    send(&mut busy, "PUT /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\ndone").await;
    assert!(read_until(&mut busy, "done").await.starts_with("HTTP/1.1 200"));
    server.stop().await;
}

#[tokio::test]
async fn headers_are_bounded() {
    let server = running(options());
    for (headers, length) in [(200, 10), (20, 3000)] {
        let mut client = server.connect().await;
        let mut request = "GET / HTTP/1.1\r\nHost: a\r\n".to_owned();
        for number in 0..headers {
            request.push_str(&format!("x-{number}: {}\r\n", "v".repeat(length)));
        }
        send(&mut client, &(request + "\r\n")).await;
        let answer = read_until(&mut client, "\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{headers} headers: {answer}");
    }
    server.stop().await;
}

#[test]
fn an_address_that_is_taken_or_elsewhere_is_explained() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _within = runtime.enter();
    let all = Bound::new(&Address { host: None, port: 0 }).unwrap();
    let port = all.addresses().next().unwrap().port();
    let _listening = all.listen().unwrap();
    let message = |host: &str, port| {
        let bound = Bound::new(&Address { host: Some(host.to_owned()), port });
        bound.map(|_| ()).unwrap_err().to_string()
    };
    assert!(message("127.0.0.1", port).starts_with(&format!("port {port} is in use by another program")));
    assert!(message("192.0.2.1", 0).starts_with("192.0.2.1 is no address of this machine"));
    assert!(message("no-such-host.invalid", 0).starts_with("no-such-host.invalid leads to no address"));
}
