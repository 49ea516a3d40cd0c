"""GetObject and HeadObject."""

from datetime import datetime, timedelta, timezone

import pytest

from harness.errors import refused


@pytest.mark.every_layout
def test_head_says_what_get_says(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * 50_000, ContentType="text/plain", Metadata={"a": "b"})
    head, get = s3.head_object(Bucket=bucket, Key="k"), s3.get_object(Bucket=bucket, Key="k")
    for name in ("ContentLength", "ETag", "LastModified", "ContentType", "Metadata", "AcceptRanges"):
        assert head[name] == get[name], name
    assert head["AcceptRanges"] == "bytes"


def test_last_modified_is_now(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    modified = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    assert abs(datetime.now(timezone.utc) - modified) < timedelta(seconds=5)


def test_a_key_that_is_not_there(s3, raw, bucket):
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=bucket, Key="none")
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="none")
    answer = raw("HEAD", f"/{bucket}/none")
    assert (answer.status, answer.body) == (404, b"")


def test_a_deleted_key_and_a_deleted_bucket(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.delete_object(Bucket=bucket, Key="k")
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=bucket, Key="k")
    s3.delete_bucket(Bucket=bucket)
    with refused("NoSuchBucket", 404):
        s3.get_object(Bucket=bucket, Key="k")


OVERRIDES = {
    "response-content-type": ("foo/bar", "content-type"),
    "response-content-disposition": ("bla", "content-disposition"),
    "response-content-language": ("esperanto", "content-language"),
    "response-content-encoding": ("aaa", "content-encoding"),
    "response-cache-control": ("no-cache", "cache-control"),
    "response-expires": ("123", "expires"),
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_answers_headers_may_be_overridden(raw, s3, bucket, method):
    s3.put_object(Bucket=bucket, Key="k", Body=b"bar", ContentType="text/plain", CacheControl="public")
    answer = raw(method, f"/{bucket}/k", [(name, value) for name, (value, _) in OVERRIDES.items()])
    assert answer.status == 200
    for value, header in OVERRIDES.values():
        assert answer.headers[header] == value


def test_anonymous_requests_may_not_override(raw, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"bar")
    answer = raw.bare("GET", f"/{bucket}/k?response-content-type=foo/bar")
    assert answer.status in (400, 403) and answer.code in ("InvalidRequest", "AccessDenied")


@pytest.mark.every_layout
def test_a_part_of_an_object_that_has_none(s3, raw, bucket):
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"whole")
    got = s3.get_object(Bucket=bucket, Key="k", PartNumber=1)
    assert got["Body"].read() == b"whole" and got["ETag"] == put["ETag"]
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206 and got["ContentRange"] == "bytes 0-4/5"
    with refused("InvalidPartNumber", 416):
        s3.get_object(Bucket=bucket, Key="k", PartNumber=2)
    for number in ("0", "10001", "x"):
        answer = raw("GET", f"/{bucket}/k", [("partNumber", number)])
        assert (answer.status, answer.code) == (400, "InvalidArgument"), number


def test_a_part_and_a_range_together_are_refused(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"whole")
    with refused("InvalidRequest", 400):
        s3.get_object(Bucket=bucket, Key="k", PartNumber=1, Range="bytes=0-1")


def test_the_null_version_may_be_named(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    got = s3.get_object(Bucket=bucket, Key="k", VersionId="null")
    assert got["Body"].read() == b"x"
    with refused("NoSuchVersion", 404):
        s3.get_object(Bucket=bucket, Key="k", VersionId="3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY")


def test_answers_name_no_version_in_a_bucket_without_versioning(raw, bucket):
    put = raw("PUT", f"/{bucket}/k", body=b"x")
    get = raw("GET", f"/{bucket}/k")
    assert "x-amz-version-id" not in put.headers and "x-amz-version-id" not in get.headers


def test_without_a_content_type_it_is_octets(s3, raw, bucket):
    raw("PUT", f"/{bucket}/k", body=b"x")
    assert s3.get_object(Bucket=bucket, Key="k")["ContentType"] == "binary/octet-stream"
