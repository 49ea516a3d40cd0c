"""PutObject."""

import hashlib
import random

import pytest

from harness.checksums import md5
from harness.errors import refused

SIZES = [0, 1, 3, 4096, 16383, 16384, 16385, 65536, 131071, 131072, 131073, 1048575, 1048576, 1048577, 5 * 1048576 + 7]


@pytest.mark.every_layout
@pytest.mark.parametrize("size", SIZES)
def test_bytes_of_every_size_come_back(s3, bucket, size):
    data = random.Random(size).randbytes(size)
    put = s3.put_object(Bucket=bucket, Key="object", Body=data)
    assert put["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    got = s3.get_object(Bucket=bucket, Key="object")
    assert got["ContentLength"] == size and got["ETag"] == put["ETag"]
    assert got["Body"].read() == data


def test_the_etag_of_bar(s3, bucket):
    assert s3.put_object(Bucket=bucket, Key="foo", Body=b"bar")["ETag"] == '"37b51d194a7513e45b56f6524f2d51f2"'
    assert s3.get_object(Bucket=bucket, Key="foo")["Body"].read() == b"bar"


@pytest.mark.every_layout
def test_overwriting_replaces_everything(s3, bucket):
    for size in (0, 100_000, 10, 2_000_000, 20_000, 0):
        data = random.Random(size).randbytes(size)
        s3.put_object(Bucket=bucket, Key="k", Body=data, Metadata={"size": str(size)}, ContentType=f"x/{size}")
        got = s3.get_object(Bucket=bucket, Key="k")
        assert (got["Body"].read(), got["Metadata"], got["ContentType"]) == (data, {"size": str(size)}, f"x/{size}")
    assert len(s3.list_objects_v2(Bucket=bucket)["Contents"]) == 1


def test_content_md5_is_checked(s3, raw, bucket):
    s3.put_object(Bucket=bucket, Key="good", Body=b"bar", ContentMD5=md5(b"bar"))
    for wrong in ("YWJyYWNhZGFicmE=", "", "no base64 at all"):
        answer = raw("PUT", f"/{bucket}/bad", headers={"Content-MD5": wrong}, body=b"bar")
        assert (answer.status, answer.code) == (400, "InvalidDigest"), wrong
    with refused("BadDigest", 400):
        s3.put_object(Bucket=bucket, Key="bad", Body=b"bar", ContentMD5=md5(b"other"))
    with refused("NoSuchKey"):
        s3.get_object(Bucket=bucket, Key="bad")


def test_the_signed_digest_of_the_body_is_checked(raw, bucket, s3):
    answer = raw("PUT", f"/{bucket}/k", body=b"sent", payload=hashlib.sha256(b"signed").hexdigest())
    assert (answer.status, answer.code) == (400, "XAmzContentSHA256Mismatch")
    answer = raw("PUT", f"/{bucket}/k", body=b"sent", payload="no digest")
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_an_unsigned_payload_is_taken(raw, s3, bucket):
    assert raw("PUT", f"/{bucket}/k", body=b"sent", payload="UNSIGNED-PAYLOAD").status == 200
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"sent"


def test_a_put_without_a_length_is_missing_content_length(raw, bucket):
    prepared = raw.prepare("PUT", f"/{bucket}/k", length=False)
    answer = raw.send(prepared)
    assert (answer.status, answer.code) == (411, "MissingContentLength")


def test_http_chunks_without_a_length_are_refused_too(raw, bucket):
    prepared = raw.prepare("PUT", f"/{bucket}/k", length=False, payload="UNSIGNED-PAYLOAD")
    prepared.headers["Transfer-Encoding"] = "chunked"
    prepared.body = b"3\r\nbar\r\n0\r\n\r\n"
    answer = raw.send(prepared)
    assert (answer.status, answer.code) == (411, "MissingContentLength")


def test_a_negative_length_is_400(raw, bucket):
    prepared = raw.prepare("PUT", f"/{bucket}/k", length=False)
    prepared.headers["Content-Length"] = "-1"
    assert raw.bytes(raw.head_bytes(prepared)).split(b" ")[1] == b"400"


@pytest.mark.parametrize("value", ["200", ""])
def test_a_nonsense_expectation_is_ignored(raw, s3, bucket, value):
    assert raw("PUT", f"/{bucket}/k", body=b"bar", unsigned_headers={"Expect": value}).status == 200
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"bar"


def test_date_beside_x_amz_date_is_fine(raw, bucket):
    assert raw("PUT", f"/{bucket}/k", headers={"Date": "Tue, 07 Jul 2009 21:53:04 GMT"}, body=b"bar").status == 200


def test_an_unknown_header_is_not_stored(raw, s3, bucket):
    assert raw("PUT", f"/{bucket}/k", headers={"x-amz-foo": "bar"}, body=b"bar").status == 200
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {}


def test_a_refusal_comes_before_the_body_is_sent(raw, bucket):
    head = f"PUT /{bucket}/k HTTP/1.1\r\nHost: {raw.host}\r\nContent-Length: 123\r\nExpect: 100-continue\r\n\r\n"
    answer = raw.bytes(head.encode(), timeout=5)
    assert answer.startswith(b"HTTP/1.1 403"), answer


def test_expect_100_continue_is_answered_before_the_body(raw, s3, bucket):
    import socket

    body = b"b" * 1000
    prepared = raw.prepare("PUT", f"/{bucket}/k", body=body)
    prepared.headers["Expect"] = "100-continue"
    with socket.create_connection(("127.0.0.1", raw.server.port), timeout=10) as connection:
        connection.sendall(raw.head_bytes(prepared))
        assert connection.recv(4096).startswith(b"HTTP/1.1 100")
        connection.sendall(body)
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == body


@pytest.mark.parametrize("storage_class", ["STANDARD", "REDUCED_REDUNDANCY"])
def test_the_storage_class_is_kept(s3, bucket, storage_class):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", StorageClass=storage_class)
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["StorageClass"] == storage_class
    # AWS names the class in HEAD where it is another than STANDARD.
    assert s3.head_object(Bucket=bucket, Key="k").get("StorageClass", "STANDARD") == storage_class


def test_an_unknown_storage_class_is_refused(raw, bucket):
    answer = raw("PUT", f"/{bucket}/k", headers={"x-amz-storage-class": "SHINY"}, body=b"x")
    assert (answer.status, answer.code) == (400, "InvalidStorageClass")


def test_a_body_shorter_than_announced_is_not_stored(raw, s3, bucket):
    prepared = raw.prepare("PUT", f"/{bucket}/k", payload="UNSIGNED-PAYLOAD", length=False)
    prepared.headers["Content-Length"] = "100"
    answer = raw.bytes(raw.head_bytes(prepared) + b"only this", end=True)
    assert answer == b"" or b" 400 " in answer.split(b"\r\n")[0], answer
    with refused("NoSuchKey"):
        s3.get_object(Bucket=bucket, Key="k")


def test_private_is_the_one_acl_that_is_taken(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="private")
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="bucket-owner-full-control")
    with refused("AccessControlListNotSupported", 400):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="public-read")
