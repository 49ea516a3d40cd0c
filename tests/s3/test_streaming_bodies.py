"""Bodies in chunks: signed, with a trailer, signed with a signed trailer; and all that may be wrong with them."""

import random

import pytest

from harness.checksums import ALGORITHMS, checksum
from harness.errors import refused
from harness.streams import SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER, put_stream

DATA = random.Random(1).randbytes(200_000)


@pytest.fixture
def path(bucket):
    return f"/{bucket}/k"


@pytest.fixture
def body(s3, bucket):
    return lambda: s3.get_object(Bucket=bucket, Key="k")["Body"].read()


@pytest.fixture
def nothing_stored(s3, bucket):
    def check():
        with refused("NoSuchKey"):
            s3.get_object(Bucket=bucket, Key="k")

    return check


@pytest.mark.every_layout
@pytest.mark.parametrize("size", [0, 1, 8192, 65536, 65537, 200_000])
@pytest.mark.parametrize("kind", [SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER])
def test_a_streamed_body_is_stored_without_its_framing(raw, path, s3, bucket, kind, size):
    data = DATA[:size]
    trailers = None if kind == SIGNED else {"x-amz-checksum-crc32": checksum("CRC32", data)}
    answer = put_stream(raw, path, data, kind, trailers=trailers)
    assert answer.status == 200, answer
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["Body"].read() == data and got["ContentLength"] == size
    assert "aws-chunked" not in got.get("ContentEncoding", "")
    if trailers:
        assert answer.headers["x-amz-checksum-crc32"] == got["ChecksumCRC32"] == checksum("CRC32", data)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("kind", [SIGNED_TRAILER, UNSIGNED_TRAILER])
def test_trailers_of_every_algorithm(raw, path, body, algorithm, kind):
    name = f"x-amz-checksum-{algorithm.lower()}"
    data = DATA[:20_000]
    assert put_stream(raw, path, data, kind, trailers={name: checksum(algorithm, data)}).status == 200
    assert body() == data


def test_another_content_encoding_is_kept(raw, path, s3, bucket):
    assert put_stream(raw, path, DATA, SIGNED, headers={"content-encoding": "aws-chunked,gzip"}).status == 200
    assert s3.head_object(Bucket=bucket, Key="k")["ContentEncoding"] == "gzip"


@pytest.mark.parametrize("kind", [SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER])
def test_parts_may_be_streamed(raw, s3, bucket, body, kind):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    trailers = None if kind == SIGNED else {"x-amz-checksum-crc32": checksum("CRC32", DATA)}
    answer = put_stream(raw, f"/{bucket}/k", DATA, kind, trailers=trailers, query=[("partNumber", "1"), ("uploadId", upload)])
    assert answer.status == 200, answer
    s3.complete_multipart_upload(
        Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": answer.headers["etag"]}]}
    )
    assert body() == DATA


@pytest.mark.parametrize("kind", [SIGNED, SIGNED_TRAILER])
def test_a_byte_that_was_changed_does_not_match_its_chunks_signature(raw, path, nothing_stored, kind):
    trailers = None if kind == SIGNED else {"x-amz-checksum-crc32": checksum("CRC32", DATA)}

    def flip(framed):
        at = len(framed) // 2
        return framed[:at] + bytes([framed[at] ^ 1]) + framed[at + 1 :]

    answer = put_stream(raw, path, DATA, kind, trailers=trailers, alter=flip)
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    nothing_stored()


def test_a_wrong_chunk_signature(raw, path, nothing_stored):
    answer = put_stream(
        raw,
        path,
        DATA,
        SIGNED,
        alter=lambda framed: framed.replace(b"chunk-signature=", b"chunk-signature=0", 1).replace(b"\r\n", b"\r\n", 1),
    )
    assert answer.status in (400, 403), answer
    answer = put_stream(raw, path, DATA, SIGNED, alter=lambda framed: framed[:22] + (b"0" * 64) + framed[86:])
    assert answer.status in (400, 403), answer
    nothing_stored()


def test_chunks_in_another_order_do_not_match(raw, path, nothing_stored):
    def swap(framed):
        head = len(b"10000;chunk-signature=") + 64 + 2
        size = head + 65536 + 2
        return framed[size : 2 * size] + framed[:size] + framed[2 * size :]

    answer = put_stream(raw, path, DATA, SIGNED, alter=swap)
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    nothing_stored()


@pytest.mark.parametrize("kind", [SIGNED_TRAILER, UNSIGNED_TRAILER])
def test_a_checksum_in_the_trailer_that_is_wrong(raw, path, nothing_stored, kind):
    answer = put_stream(raw, path, DATA, kind, trailers={"x-amz-checksum-crc32": checksum("CRC32", b"other")})
    assert (answer.status, answer.code) == (400, "BadDigest")
    nothing_stored()


def test_a_signed_trailer_that_was_changed(raw, path, nothing_stored):
    right, other = checksum("CRC32", DATA), checksum("CRC32", b"other")
    answer = put_stream(
        raw,
        path,
        DATA,
        SIGNED_TRAILER,
        trailers={"x-amz-checksum-crc32": right},
        alter=lambda framed: framed.replace(right.encode(), other.encode()),
    )
    assert answer.status in (400, 403) and answer.code in ("SignatureDoesNotMatch", "BadDigest"), answer
    nothing_stored()


def test_a_trailer_that_was_announced_and_does_not_come(raw, path, nothing_stored):
    answer = put_stream(raw, path, DATA, UNSIGNED_TRAILER, announced={"x-amz-checksum-crc32": ""})
    assert (answer.status, answer.code) == (400, "MalformedTrailerError")
    nothing_stored()


def test_a_trailer_that_was_not_announced(raw, path, nothing_stored):
    answer = put_stream(
        raw, path, DATA, UNSIGNED_TRAILER, trailers={"x-amz-checksum-sha1": checksum("SHA1", DATA)}, announced={"x-amz-checksum-crc32": ""}
    )
    assert (answer.status, answer.code) == (400, "MalformedTrailerError")
    nothing_stored()


@pytest.mark.parametrize("kind", [SIGNED, UNSIGNED_TRAILER])
def test_a_body_that_is_cut_off(raw, path, nothing_stored, kind):
    trailers = None if kind == SIGNED else {"x-amz-checksum-crc32": checksum("CRC32", DATA)}
    for keep in (100_000, -20):
        answer = put_stream(raw, path, DATA, kind, trailers=trailers, alter=lambda framed: framed[:keep])
        assert answer.status == 400 and answer.code in ("IncompleteBody", "MalformedTrailerError", "InvalidRequest"), answer
    nothing_stored()


@pytest.mark.parametrize("wrong", [b"zz\r\n", b"-1\r\n", b"\r\n", b"ffffffffffffffffffff\r\n", b"10000" + b"0" * 5000])
def test_framing_that_is_none(raw, path, nothing_stored, wrong):
    answer = put_stream(
        raw, path, DATA, UNSIGNED_TRAILER, trailers={"x-amz-checksum-crc32": checksum("CRC32", DATA)}, alter=lambda framed: wrong + framed
    )
    assert answer.status == 400, answer
    nothing_stored()


@pytest.mark.parametrize("delta", [1, -1, 100_000])
@pytest.mark.parametrize("kind", [SIGNED, UNSIGNED_TRAILER])
def test_a_decoded_length_that_is_wrong(raw, path, nothing_stored, kind, delta):
    trailers = None if kind == SIGNED else {"x-amz-checksum-crc32": checksum("CRC32", DATA)}
    answer = put_stream(raw, path, DATA, kind, trailers=trailers, decoded_length=len(DATA) + delta)
    assert answer.status == 400 and answer.code in ("IncompleteBody", "InvalidRequest"), answer
    nothing_stored()


def test_a_decoded_length_that_is_missing(raw, path, nothing_stored):
    prepared = raw.prepare("PUT", path, headers={"content-encoding": "aws-chunked"}, payload=UNSIGNED_TRAILER, length=False)
    prepared.body = b"3\r\nbar\r\n0\r\n\r\n"
    prepared.headers["Content-Length"] = str(len(prepared.body))
    answer = raw.send(prepared)
    assert (answer.status, answer.code) == (411, "MissingContentLength")
    nothing_stored()


@pytest.mark.parametrize("kind", [SIGNED, SIGNED_TRAILER])
def test_of_signed_chunks_only_the_last_may_be_under_8_kib(raw, path, body, nothing_stored, kind):
    trailers = None if kind == SIGNED else {"x-amz-checksum-crc32": checksum("CRC32", DATA[:20_000])}
    answer = put_stream(raw, path, DATA[:20_000], kind, chunk=8191, trailers=trailers)
    assert (answer.status, answer.code) == (403, "InvalidChunkSizeError"), answer
    assert b"<Chunk>2</Chunk><BadChunkSize>8191</BadChunkSize>" in answer.body
    nothing_stored()
    assert put_stream(raw, path, DATA[:20_000], kind, chunk=8192, trailers=trailers).status == 200
    assert body() == DATA[:20_000]


def test_some_small_unsigned_chunks_are_taken_and_very_many_are_not(raw, path, body, s3, bucket):
    # AWS refuses these too, but SDKs make a chunk of whatever a stream yields. Only the cost has to stay bounded.
    def put(data, chunk):
        return put_stream(raw, path, data, UNSIGNED_TRAILER, chunk=chunk, trailers={"x-amz-checksum-crc32": checksum("CRC32", data)})

    assert put(DATA[:9000], 1000).status == 200
    assert body() == DATA[:9000]
    s3.delete_object(Bucket=bucket, Key="k")
    answer = put(DATA[:3000], 1)
    assert (answer.status, answer.code) == (403, "InvalidChunkSizeError"), answer
    with refused("NoSuchKey"):
        s3.get_object(Bucket=bucket, Key="k")


def test_anonymous_streams_are_denied_before_they_are_read(raw, path, nothing_stored):
    answer = put_stream(raw, path, DATA, UNSIGNED_TRAILER, trailers={"x-amz-checksum-crc32": checksum("CRC32", DATA)}, sign=False)
    assert (answer.status, answer.code) == (403, "AccessDenied")
    nothing_stored()


def test_http_chunks_around_aws_chunks(raw, path, body):
    prepared = raw.prepare(
        "PUT",
        path,
        headers={"content-encoding": "aws-chunked", "x-amz-decoded-content-length": "3", "x-amz-trailer": "x-amz-checksum-crc32"},
        payload=UNSIGNED_TRAILER,
        length=False,
    )
    framed = b"3\r\nbar\r\n0\r\nx-amz-checksum-crc32:" + checksum("CRC32", b"bar").encode() + b"\r\n\r\n"
    prepared.headers["Transfer-Encoding"] = "chunked"
    prepared.body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(framed), framed)
    answer = raw.send(prepared)
    assert answer.status == 200, answer
    assert body() == b"bar"


@pytest.mark.limit(120)
def test_a_large_stream(raw, path, body):
    data = random.Random(5).randbytes(12 * 1024 * 1024)
    assert put_stream(raw, path, data, SIGNED).status == 200
    assert body() == data
