"""Everything has a limit, and each limit its S3 error."""

import socket
import time

import pytest

from harness.checksums import md5
from harness.errors import refused
from harness.raw import read_answer, status_of

GIB = 1 << 30


@pytest.mark.parametrize("sign", [True, False])
def test_a_put_of_more_than_5_gib_is_refused_before_its_body(raw, bucket, sign):
    prepared = raw.prepare("PUT", f"/{bucket}/k", payload="UNSIGNED-PAYLOAD", length=False, sign=sign)
    prepared.headers["Content-Length"] = str(5 * GIB + 1)
    started = time.monotonic()
    answer = raw.bytes(raw.head_bytes(prepared), timeout=10)
    assert time.monotonic() - started < 8
    assert status_of(answer) == (400 if sign else 403), answer
    assert (b"<Code>EntityTooLarge</Code>" if sign else b"<Code>AccessDenied</Code>") in answer


def test_a_part_of_more_than_5_gib_is_refused_before_its_body(raw, s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    prepared = raw.prepare("PUT", f"/{bucket}/k", [("partNumber", "1"), ("uploadId", upload)], payload="UNSIGNED-PAYLOAD", length=False)
    prepared.headers["Content-Length"] = str(5 * GIB + 1)
    answer = raw.bytes(raw.head_bytes(prepared), timeout=10)
    assert status_of(answer) == 400 and b"EntityTooLarge" in answer, answer


def test_a_stream_that_decodes_to_more_than_5_gib_is_refused(raw, bucket):
    prepared = raw.prepare(
        "PUT",
        f"/{bucket}/k",
        headers={"content-encoding": "aws-chunked", "x-amz-decoded-content-length": str(5 * GIB + 1)},
        payload="STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        length=False,
    )
    prepared.headers["Content-Length"] = str(5 * GIB + 10_000_000)
    answer = raw.bytes(raw.head_bytes(prepared), timeout=10)
    assert status_of(answer) == 400 and b"EntityTooLarge" in answer, answer


def test_too_many_bytes_of_headers(raw):
    answer = raw("GET", "/", unsigned_headers={f"X-Filler-{number}": "x" * 4000 for number in range(40)})
    assert answer.status in (400, 431), answer


def test_too_many_headers(raw):
    answer = raw("GET", "/", unsigned_headers={f"X-Filler-{number}": "x" for number in range(2000)})
    assert answer.status in (400, 431), answer


def test_an_endless_request_line(raw):
    answer = raw.bytes(b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert status_of(answer) in (0, 400, 414, 431), answer[:200]


@pytest.mark.parametrize(
    "junk",
    [
        b"\r\n\r\n\r\n\r\n",
        b"hello\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_and_harms_nobody(raw, junk):
    answer = raw.bytes(junk, timeout=10, end=True)
    assert status_of(answer) in (0, 400, 403, 505), answer[:200]
    assert raw("GET", "/").status == 200


def test_an_xml_body_that_is_too_large(raw, bucket):
    body = b"<CreateBucketConfiguration>" + b"<!-- -->" * 100_000 + b"</CreateBucketConfiguration>"
    answer = raw("PUT", f"/{bucket}-new", body=body)
    assert answer.status == 400 and answer.code in ("MaxMessageLengthExceeded", "MalformedXML", "EntityTooLarge"), answer


def test_a_delete_body_that_is_too_large(raw, bucket):
    body = b"<Delete>" + b"<Object><Key>" + b"k" * (6 << 20) + b"</Key></Object></Delete>"
    answer = raw("POST", f"/{bucket}", [("delete", "")], {"Content-MD5": md5(body)}, body)
    assert answer.status == 400 and answer.code in ("MaxMessageLengthExceeded", "MalformedXML", "EntityTooLarge"), answer


def test_xml_that_is_nested_without_end(raw, bucket):
    body = b"<Delete>" * 20_000
    answer = raw("POST", f"/{bucket}", [("delete", "")], {"Content-MD5": md5(body)}, body)
    assert (answer.status, answer.code) == (400, "MalformedXML")


@pytest.mark.limit(150)
def test_a_body_that_stops_coming_is_given_up(raw, s3, bucket):
    """The idle limit is a minute: the request is answered, or the connection closed, soon after."""
    prepared = raw.prepare("PUT", f"/{bucket}/k", payload="UNSIGNED-PAYLOAD", length=False)
    prepared.headers["Content-Length"] = "1000000"
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", raw.server.port), timeout=130) as connection:
        connection.sendall(raw.head_bytes(prepared) + b"x" * 1000)
        answer = read_answer(connection)
    assert 20 < time.monotonic() - started < 120
    assert answer == b"" or (status_of(answer) == 400 and b"RequestTimeout" in answer), answer
    with refused("NoSuchKey"):
        s3.get_object(Bucket=bucket, Key="k")


def test_connections_beyond_the_limit_are_told_to_slow_down(make_server):
    server = make_server(environment={"RUSTFS_API_MAX_CONNECTIONS": "8"}).start()
    held = []
    try:
        for _ in range(30):
            connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")  # Never ended.
            held.append(connection)
        time.sleep(1)
        refusal = b""
        for connection in held:
            connection.settimeout(0.05)
            try:
                refusal += connection.recv(4096)
            except TimeoutError:
                continue
        assert b"503" in refusal and b"SlowDown" in refusal
    finally:
        for connection in held:
            connection.close()
    time.sleep(1)
    assert server.client().list_buckets()["Buckets"] == [], "it serves again"
    server.stop_well()
