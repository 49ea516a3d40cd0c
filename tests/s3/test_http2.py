"""HTTP/2 without TLS, and connections of HTTP/1.1 that are used again."""

import http.client
import socket
import struct
import subprocess

import pytest


def curl(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["curl", "-sS", "--http2-prior-knowledge", "-w", "\n%{http_version} %{http_code}", *arguments], capture_output=True
    )


@pytest.mark.every_layout
def test_puts_and_gets_over_http_2(s3, bucket, tmp_path):
    file = tmp_path / "file"
    file.write_bytes(bytes(range(256)) * 4096)
    put = curl("-X", "PUT", "--upload-file", str(file), s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k"}))
    assert put.stdout.split() == [b"2", b"200"], put
    got = curl("-o", str(tmp_path / "back"), s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}))
    assert got.stdout.split() == [b"2", b"200"], got
    assert (tmp_path / "back").read_bytes() == file.read_bytes()


def test_a_refusal_over_http_2_is_seen(raw, bucket, tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"x" * 60_000)
    answer = curl("-X", "PUT", "--upload-file", str(file), f"{raw.server.endpoint}/{bucket}/k", "-o", "/dev/null")
    assert answer.stdout.split()[-2:] == [b"2", b"403"], answer


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def test_a_refusal_of_a_large_body_over_http_2_is_a_whole_answer_and_then_a_reset_without_error(raw, bucket):
    """RFC 9113, section 8.1. By hand, as curl 7.88 forgets the answer when the reset comes."""
    fields = {":method": "PUT", ":path": f"/{bucket}/k", ":scheme": "http", ":authority": raw.host, "content-length": "3000000"}
    block = b"".join(b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode() for name, value in fields.items())
    seen, received = [], b""
    with socket.create_connection(("127.0.0.1", raw.server.port), timeout=20) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"") + frame(1, 4, 1, block) + frame(0, 0, 1, b"x" * 16384))
        while not any(kind == 3 for kind, _, _ in seen):
            data = connection.recv(65536)
            assert data, seen
            received += data
            while len(received) >= 9 and len(received) >= 9 + int.from_bytes(received[:3], "big"):
                end = 9 + int.from_bytes(received[:3], "big")
                if int.from_bytes(received[5:9], "big") == 1:
                    seen.append((received[3], received[4], received[9:end]))
                received = received[end:]
    assert [kind for kind, _, _ in seen] == [1, 0, 3], "headers, data, reset"
    assert seen[1][1] & 1 and b"AccessDenied" in seen[1][2], "the data ends the answer"
    assert seen[2][2] == b"\0\0\0\0", "NO_ERROR"


def test_a_connection_is_used_again_after_a_body_that_was_refused(raw, s3, bucket):
    connection = http.client.HTTPConnection("127.0.0.1", raw.server.port, timeout=10)
    for _ in range(3):
        prepared = raw.prepare("PUT", f"/{bucket}/k", headers={"x-amz-storage-class": "NONE"}, body=b"x" * 10_000)
        connection.request("PUT", prepared.target, prepared.body, prepared.headers)
        answer = connection.getresponse()
        assert (answer.status, b"InvalidStorageClass" in answer.read()) == (400, True)
        prepared = raw.prepare("PUT", f"/{bucket}/k", body=b"good")
        connection.request("PUT", prepared.target, prepared.body, prepared.headers)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"")
    connection.close()
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"good"


def test_requests_that_are_sent_ahead_are_answered_in_order(raw, bucket, s3):
    s3.put_object(Bucket=bucket, Key="a", Body=b"first answer")
    s3.put_object(Bucket=bucket, Key="b", Body=b"second answer")
    heads = [raw.head_bytes(raw.prepare("GET", f"/{bucket}/{key}")) for key in "ab"]
    with socket.create_connection(("127.0.0.1", raw.server.port), timeout=5) as connection:
        connection.sendall(b"".join(heads))
        received = b""
        while b"second answer" not in received:
            data = connection.recv(65536)
            assert data, received
            received += data
    assert received.index(b"first answer") < received.index(b"second answer")
