//! Answers in pieces of any size, and wrong ones.

use super::*;
use crate::body::Pool;
use std::rc::Rc;

fn read(wire: &[u8], step: usize, expect: &Expect) -> Result<Response, &'static str> {
    let mut response = Response::new();
    for piece in wire.chunks(step) {
        response.feed(piece, expect)?;
    }
    Ok(response)
}

#[test]
fn answers_are_read_in_pieces_of_any_size() {
    let answers: [(&[u8], u16, &[u8]); 5] = [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, b"hello"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nt: v\r\n\r\n", 200, b"hello"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 200, b""),
        (b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno", 404, b"no"),
    ];
    for (wire, status, body) in answers {
        for step in 1..=wire.len() {
            let response = read(wire, step, &Expect::Text).unwrap();
            assert!(response.is_done());
            assert_eq!((response.status, response.body.as_slice()), (status, body));
        }
    }
}

#[test]
fn what_is_not_http_is_an_error() {
    for wire in [
        &b"SMTP ready\r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
        b"HTTP/1.1 204 N\r\n\r\nmore",
    ] {
        assert!(read(wire, wire.len(), &Expect::Text).is_err());
    }
}

#[test]
fn a_body_without_length_ends_with_the_connection() {
    let mut response = read(b"HTTP/1.1 200 OK\r\n\r\nhello", 9, &Expect::Text).unwrap();
    assert!(!response.is_done());
    assert!(response.end() && response.close);
}

#[test]
fn one_wrong_byte_of_an_object_is_noticed_wherever_it_is_read() {
    let pool = Pool::new(10_000);
    let payload = Rc::clone(pool.of(3));
    let object = [payload.shared(), payload.stamp(3).as_slice()].concat();
    let expect = Expect::Object { stamp: payload.stamp(3), payload, whole: true };
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\n";
    let wire = [&head[..], &object].concat();
    for step in [1, 13, 4_096, 20_000] {
        let response = read(&wire, step, &expect).unwrap();
        assert!(response.is_done() && response.intact && response.length == 10_000);
        for at in [0, 5_000, 9_983, 9_984, 9_999] {
            let mut wrong = wire.clone();
            wrong[head.len() + at] ^= 1;
            assert!(!read(&wrong, step, &expect).unwrap().intact, "byte {at} in steps of {step}");
        }
    }
}

#[test]
fn the_middle_of_an_object_can_be_dropped() {
    let pool = Pool::new(10_000);
    let payload = Rc::clone(pool.of(3));
    let object = [payload.shared(), payload.stamp(3).as_slice()].concat();
    let expect = Expect::Object { stamp: payload.stamp(3), payload, whole: false };
    let mut response = read(b"HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\n", 99, &expect).unwrap();
    response.feed(&object[..100], &expect).unwrap();
    assert_eq!(response.droppable(&expect), 10_000 - 100 - TAIL_BYTES);
    response.dropped(5_000);
    response.feed(&object[5_100..], &expect).unwrap();
    assert!(response.is_done() && response.intact && response.length == 10_000);
}
