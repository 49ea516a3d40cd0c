"""Ranges of GetObject and HeadObject."""

import random

import pytest

from harness.errors import refused

MIB = 1 << 20


@pytest.fixture
def testcontent(s3, bucket):
    s3.put_object(Bucket=bucket, Key="testobj", Body=b"testcontent")
    return bucket


@pytest.mark.every_layout
def test_a_range_of_a_large_object(s3, bucket):
    data = random.Random(8).randbytes(8 * MIB)
    s3.put_object(Bucket=bucket, Key="large", Body=data)
    got = s3.get_object(Bucket=bucket, Key="large", Range="bytes=3145728-5242880")
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert got["ContentRange"] == "bytes 3145728-5242880/8388608" and got["ContentLength"] == 2097153
    assert got["Body"].read() == data[3145728:5242881]
    for first, last in ((0, 0), (MIB - 1, MIB), (MIB, MIB), (8 * MIB - 1, 8 * MIB - 1), (1, 8 * MIB - 2), (12345, 54321)):
        got = s3.get_object(Bucket=bucket, Key="large", Range=f"bytes={first}-{last}")
        assert got["Body"].read() == data[first : last + 1], (first, last)


@pytest.mark.parametrize(
    ("asked", "content_range", "body"),
    [
        ("bytes=4-", "bytes 4-10/11", b"content"),
        ("bytes=-7", "bytes 4-10/11", b"content"),
        ("bytes=-100", "bytes 0-10/11", b"testcontent"),
        ("bytes=0-3", "bytes 0-3/11", b"test"),
        ("bytes=10-", "bytes 10-10/11", b"t"),
        ("bytes=4-99999999999999999999999", "bytes 4-10/11", b"content"),
        ("bytes=0-10", "bytes 0-10/11", b"testcontent"),
    ],
)
def test_ranges_of_eleven_bytes(s3, testcontent, asked, content_range, body):
    got = s3.get_object(Bucket=testcontent, Key="testobj", Range=asked)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert (got["ContentRange"], got["Body"].read()) == (content_range, body)
    head = s3.head_object(Bucket=testcontent, Key="testobj", Range=asked)
    assert head["ContentLength"] == len(body) and head["ResponseMetadata"]["HTTPStatusCode"] == 206


@pytest.mark.parametrize("asked", ["bytes=40-50", "bytes=11-", "bytes=-0"])
def test_a_range_outside_is_416(raw, s3, testcontent, asked):
    with refused("InvalidRange", 416) as error:
        s3.get_object(Bucket=testcontent, Key="testobj", Range=asked)
    assert error["Error"]["ActualObjectSize"] == "11" and error["Error"]["RangeRequested"] == asked
    assert error["ResponseMetadata"]["HTTPHeaders"]["content-range"] == "bytes */11"
    answer = raw("HEAD", f"/{testcontent}/testobj", headers={"Range": asked})
    assert (answer.status, answer.body) == (416, b"")


@pytest.mark.parametrize("asked", ["bytes=0-1,3-4", "lines=1-2", "bytes=5-3", "bytes=x-y", "nonsense"])
def test_several_ranges_and_nonsense_give_the_whole_object(s3, testcontent, asked):
    got = s3.get_object(Bucket=testcontent, Key="testobj", Range=asked)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert got["Body"].read() == b"testcontent"


def test_any_range_of_an_empty_object_is_416(s3, bucket):
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")
    with refused("InvalidRange", 416):
        s3.get_object(Bucket=bucket, Key="empty", Range="bytes=0-0")


def test_if_range(raw, s3, testcontent):
    etag = s3.head_object(Bucket=testcontent, Key="testobj")["ETag"]
    path = f"/{testcontent}/testobj"
    assert raw("GET", path, headers={"Range": "bytes=0-3", "If-Range": etag}).body == b"test"
    assert raw("GET", path, headers={"Range": "bytes=0-3", "If-Range": '"other"'}).body == b"testcontent"


@pytest.mark.every_layout
def test_random_ranges_of_objects_of_all_kinds(s3, bucket):
    dice = random.Random(7)
    for size in (100, 20_000, 100_000, 3 * MIB + 11):
        data = dice.randbytes(size)
        s3.put_object(Bucket=bucket, Key="k", Body=data)
        for _ in range(12):
            first = dice.randrange(size)
            last = dice.randrange(first, size)
            assert s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={first}-{last}")["Body"].read() == data[first : last + 1]
