//! Against small servers of a few lines on real sockets.

use super::*;
use crate::body::Pool;
use crate::request::Expect;
use std::net::TcpListener;
use std::rc::Rc;

/// Asks for `left` objects, one request each.
struct Counted {
    left: u64,
    lost: u64,
    expect: Option<(Rc<crate::body::Payload>, bool)>,
}

impl Driver for Counted {
    fn next(&mut self, _slot: usize, request: &mut Request) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        request.push(b"GET / HTTP/1.1\r\n\r\n");
        if let Some((payload, whole)) = &self.expect {
            request.expect =
                Expect::Object { payload: Rc::clone(payload), stamp: payload.stamp(0), whole: *whole };
        }
        true
    }

    fn finish(&mut self, _slot: usize, _request: &Request, response: &Response) -> Result<Done, String> {
        if response.status == 200 && response.intact {
            Ok(Done { operations: 1, bytes: response.length })
        } else {
            Err(response.error_label())
        }
    }

    fn lost(&mut self, _slot: usize, _request: &Request) {
        self.lost += 1;
    }
}

/// Answers every request of every connection; hangs up on every `close_each`th.
fn serve(answer: Vec<u8>, close_each: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, answer) = (stream.unwrap(), answer.clone());
            std::thread::spawn(move || {
                let mut buffer = [0; 1024];
                for count in 1.. {
                    if stream.read(&mut buffer).unwrap_or(0) == 0 || count % close_each == 0 {
                        return;
                    }
                    stream.write_all(&answer).unwrap();
                }
            });
        }
    });
    host
}

fn load(host: &str, driver: &mut Counted) -> (Outcome, Vec<Edge>) {
    let plan = Plan { connections: 3, warmup: Duration::ZERO, window: None, answered: true };
    let mut edges = Vec::new();
    let outcome = run(host, &plan, driver, &mut |edge| edges.push(edge)).unwrap();
    (outcome, edges)
}

#[test]
fn every_request_is_answered_once() {
    let host = serve(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec(), usize::MAX);
    let mut driver = Counted { left: 1_000, lost: 0, expect: None };
    let (outcome, edges) = load(&host, &mut driver);
    assert_eq!(edges, [Edge::Start, Edge::End]);
    assert_eq!((outcome.done.operations, outcome.done.bytes, outcome.latency.count()), (1_000, 2_000, 1_000));
    assert!(outcome.errors.is_empty() && outcome.seconds > 0.0);
}

#[test]
fn a_window_ends_on_time_or_with_its_last_answer() {
    let host = serve(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec(), usize::MAX);
    for answered in [false, true] {
        let window = Some(Duration::from_millis(200));
        let plan = Plan { connections: 3, warmup: Duration::from_millis(50), window, answered };
        let mut driver = Counted { left: u64::MAX, lost: 0, expect: None };
        let outcome = run(&host, &plan, &mut driver, &mut |_| {}).unwrap();
        let asked = u64::MAX - driver.left;
        assert!(
            outcome.done.operations > 0 && outcome.done.operations < asked,
            "the warm-up counts for nothing"
        );
        assert!(outcome.seconds >= 0.2 && outcome.errors.is_empty());
    }
}

#[test]
fn a_server_that_goes_away_ends_a_load_without_end() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || listener.accept().map(drop));
    let plan = Plan { connections: 40, warmup: Duration::ZERO, window: None, answered: true };
    let mut driver = Counted { left: u64::MAX, lost: 0, expect: None };
    // Connections that waited to be accepted are reset, and then nobody listens.
    let outcome = run(&host, &plan, &mut driver, &mut |_| {});
    assert!(outcome.is_err() || outcome.is_ok_and(|outcome| !outcome.errors.is_empty()));
}

#[test]
fn errors_are_counted_by_status_and_code() {
    let host =
        serve(b"HTTP/1.1 503 S\r\ncontent-length: 21\r\n\r\n<Code>SlowDown</Code>".to_vec(), usize::MAX);
    let (outcome, _) = load(&host, &mut Counted { left: 10, lost: 0, expect: None });
    assert_eq!(outcome.done.operations, 0);
    assert_eq!(outcome.errors.into_iter().collect::<Vec<_>>(), [("HTTP 503 SlowDown".to_owned(), 10)]);
}

#[test]
fn a_connection_lost_is_an_error_and_the_load_goes_on() {
    let host = serve(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec(), 10);
    let mut driver = Counted { left: 300, lost: 0, expect: None };
    let (outcome, _) = load(&host, &mut driver);
    let errors: u64 = outcome.errors.values().sum();
    assert!(errors >= 20 && errors == driver.lost, "{:?}", outcome.errors);
    assert_eq!(outcome.done.operations + errors, 300);
}

#[test]
fn large_objects_are_checked_with_and_without_their_middle() {
    let pool = Pool::new(3_000_000);
    let payload = Rc::clone(pool.of(0));
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 3000000\r\n\r\n".to_vec();
    let mut answer = [head.as_slice(), payload.shared(), payload.stamp(0).as_slice()].concat();
    for whole in [true, false] {
        let host = serve(answer.clone(), usize::MAX);
        let (outcome, _) =
            load(&host, &mut Counted { left: 20, lost: 0, expect: Some((Rc::clone(&payload), whole)) });
        assert_eq!((outcome.done.operations, outcome.done.bytes), (20, 60_000_000), "{:?}", outcome.errors);
    }
    let last = answer.len() - 1;
    answer[last] ^= 1;
    let host = serve(answer, usize::MAX);
    let (outcome, _) = load(&host, &mut Counted { left: 5, lost: 0, expect: Some((payload, false)) });
    assert_eq!(outcome.errors.values().sum::<u64>(), 5);
}
