"""CopyObject."""

import random
import time
from datetime import datetime, timezone
from urllib.parse import quote

import pytest

from harness.checksums import checksum, composite
from harness.errors import refused


@pytest.fixture
def source(s3, bucket):
    s3.put_object(Bucket=bucket, Key="source", Body=b"foo", ContentType="audio/ogg", Metadata={"key1": "value1", "key2": "value2"})
    return {"Bucket": bucket, "Key": "source"}


@pytest.mark.every_layout
@pytest.mark.parametrize("size", [0, 3, 20_000, 1 << 20, 6_000_000])
def test_bytes_type_and_metadata_are_copied(s3, bucket, other_bucket, size):
    data = random.Random(size).randbytes(size)
    s3.put_object(
        Bucket=bucket,
        Key="source",
        Body=data,
        ContentType="audio/ogg",
        Metadata={"key1": "value1"},
        CacheControl="no-cache",
        ContentDisposition="inline",
    )
    for target in (bucket, other_bucket):
        copied = s3.copy_object(Bucket=target, Key="copy", CopySource={"Bucket": bucket, "Key": "source"})
        got = s3.get_object(Bucket=target, Key="copy")
        assert got["ContentLength"] == size and got["Body"].read() == data
        assert (got["ContentType"], got["Metadata"], got["CacheControl"], got["ContentDisposition"]) == (
            "audio/ogg",
            {"key1": "value1"},
            "no-cache",
            "inline",
        )
        assert copied["CopyObjectResult"]["ETag"] == got["ETag"]
        assert copied["CopyObjectResult"]["LastModified"] == got["LastModified"]


def test_replace_takes_the_requests_metadata_alone(s3, bucket, source):
    s3.copy_object(
        Bucket=bucket,
        Key="copy",
        CopySource=source,
        MetadataDirective="REPLACE",
        ContentType="audio/mpeg",
        Metadata={"key3": "value3", "key2": "value2"},
    )
    got = s3.get_object(Bucket=bucket, Key="copy")
    assert (got["ContentType"], got["Metadata"], got["Body"].read()) == ("audio/mpeg", {"key3": "value3", "key2": "value2"}, b"foo")


def test_without_replace_the_requests_metadata_is_ignored(s3, bucket, source):
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, ContentType="audio/mpeg", Metadata={"key3": "value3"})
    got = s3.head_object(Bucket=bucket, Key="copy")
    assert (got["ContentType"], got["Metadata"]) == ("audio/ogg", {"key1": "value1", "key2": "value2"})


def test_a_copy_onto_itself_has_to_change_something(s3, bucket, source):
    with refused("InvalidRequest", 400):
        s3.copy_object(Bucket=bucket, Key="source", CopySource=source)
    s3.copy_object(Bucket=bucket, Key="source", CopySource=source, MetadataDirective="REPLACE", Metadata={"new": "yes"})
    got = s3.get_object(Bucket=bucket, Key="source")
    assert (got["Metadata"], got["Body"].read()) == ({"new": "yes"}, b"foo")
    s3.copy_object(Bucket=bucket, Key="source", CopySource=source, StorageClass="REDUCED_REDUNDANCY")
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["StorageClass"] == "REDUCED_REDUNDANCY"


def test_a_source_that_is_not_there(s3, bucket, bucket_name):
    with refused("NoSuchKey", 404):
        s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "none"})
    with refused("NoSuchBucket", 404):
        s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": f"{bucket_name}-none", "Key": "none"})
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_conditions_on_the_source(s3, bucket, source):
    etag = s3.head_object(**source)["ETag"]
    past, future = datetime(1994, 10, 29, tzinfo=timezone.utc), datetime(2100, 1, 1, tzinfo=timezone.utc)

    def copy(**conditions):
        return s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, **conditions)

    for conditions in (
        {"CopySourceIfNoneMatch": etag},
        {"CopySourceIfMatch": '"ABCORZ"'},
        {"CopySourceIfUnmodifiedSince": past},
        {"CopySourceIfNoneMatch": etag, "CopySourceIfModifiedSince": past},
    ):
        with refused("PreconditionFailed", 412):
            copy(**conditions)
    time.sleep(1.1)
    with refused("PreconditionFailed", 412):
        copy(CopySourceIfModifiedSince=datetime.now(timezone.utc))
    for conditions in (
        {"CopySourceIfNoneMatch": "ABCORZ"},
        {"CopySourceIfMatch": etag},
        {"CopySourceIfMatch": etag, "CopySourceIfUnmodifiedSince": past},
        {"CopySourceIfModifiedSince": past},
        {"CopySourceIfUnmodifiedSince": future},
    ):
        copy(**conditions)
        assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == b"foo"


@pytest.mark.parametrize("key", ["foo?bar", "a b+c%2Fd", "ä/ö?versionId=x", "100%", "a&b=c"])
def test_the_sources_key_is_decoded_once(s3, raw, bucket, key):
    s3.put_object(Bucket=bucket, Key=key, Body=b"odd")
    s3.copy_object(Bucket=bucket, Key="bar&foo", CopySource={"Bucket": bucket, "Key": key})
    assert s3.get_object(Bucket=bucket, Key="bar&foo")["Body"].read() == b"odd"
    # With a slash before it, and with the slashes of the key encoded: both are sent by SDKs.
    for text in (f"/{bucket}/{quote(key)}", f"{bucket}/{quote(key, safe='')}"):
        answer = raw("PUT", f"/{bucket}/copy", headers={"x-amz-copy-source": text})
        assert answer.status == 200, (text, answer)


def test_the_null_version_of_a_source_may_be_named(s3, bucket, source):
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=source | {"VersionId": "null"})
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == b"foo"


@pytest.mark.parametrize("value", ["", "/", "nokey", "bucket/", "/bucket"])
def test_a_malformed_source_is_an_invalid_argument(raw, bucket, value):
    answer = raw("PUT", f"/{bucket}/copy", headers={"x-amz-copy-source": value})
    assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_an_unknown_directive_is_an_invalid_argument(raw, bucket, source):
    answer = raw("PUT", f"/{bucket}/copy", headers={"x-amz-copy-source": f"{bucket}/source", "x-amz-metadata-directive": "MAYBE"})
    assert (answer.status, answer.code) == (400, "InvalidArgument")


@pytest.mark.every_layout
def test_a_copy_outlives_its_source(s3, bucket):
    for key, size in (("small", 10), ("large", 3_000_000)):
        data = random.Random(size).randbytes(size)
        s3.put_object(Bucket=bucket, Key=key, Body=data)
        s3.copy_object(Bucket=bucket, Key=f"{key}-copy", CopySource={"Bucket": bucket, "Key": key})
        s3.delete_object(Bucket=bucket, Key=key)
        assert s3.get_object(Bucket=bucket, Key=f"{key}-copy")["Body"].read() == data


def test_a_checksum_may_be_asked_for(s3, bucket, source):
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, ChecksumAlgorithm="SHA256")
    assert copied["CopyObjectResult"]["ChecksumSHA256"] == checksum("SHA256", b"foo")
    assert s3.head_object(Bucket=bucket, Key="copy", ChecksumMode="ENABLED")["ChecksumSHA256"] == checksum("SHA256", b"foo")


@pytest.mark.every_layout
@pytest.mark.parametrize("size", [0, 3, 20_000, 6_000_000])
@pytest.mark.parametrize("replaces", [True, False])
def test_a_copy_onto_itself_gets_the_checksum_that_it_asks_for(s3, bucket, size, replaces):
    data = random.Random(size).randbytes(size)
    etag = s3.put_object(Bucket=bucket, Key="k", Body=data, ChecksumAlgorithm="CRC32", Metadata={"a": "1"})["ETag"]
    options = {"MetadataDirective": "REPLACE", "Metadata": {"b": "2"}} if replaces else {}
    for algorithm in ("SHA256", "CRC32C", "SHA1"):
        copied = s3.copy_object(Bucket=bucket, Key="k", CopySource={"Bucket": bucket, "Key": "k"}, ChecksumAlgorithm=algorithm, **options)
        assert copied["CopyObjectResult"][f"Checksum{algorithm}"] == checksum(algorithm, data)
        got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
        assert (got[f"Checksum{algorithm}"], got["ChecksumType"]) == (checksum(algorithm, data), "FULL_OBJECT")
        assert "ChecksumCRC32" not in got and got["ETag"] == etag
        assert (got["Metadata"], got["Body"].read()) == ({"b": "2"} if replaces else {"a": "1"}, data)


def test_an_object_of_parts_that_is_copied_onto_itself_gets_the_checksum_that_it_asks_for(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm="SHA256")["UploadId"]
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    pieces = [b"A" * (5 << 20), b"tail"]
    sent = [s3.upload_part(**where, PartNumber=n, Body=piece, ChecksumAlgorithm="SHA256") for n, piece in enumerate(pieces, 1)]
    parts = [{"PartNumber": n, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]} for n, part in enumerate(sent, 1)]
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    itself = {"Bucket": bucket, "Key": "k"}
    s3.copy_object(Bucket=bucket, Key="k", CopySource=itself, MetadataDirective="REPLACE", Metadata={"new": "yes"})
    kept = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (kept["ChecksumSHA256"], kept["ChecksumType"]) == (composite("SHA256", pieces), "COMPOSITE"), "nobody asked for another"
    s3.copy_object(Bucket=bucket, Key="k", CopySource=itself, ChecksumAlgorithm="SHA256")
    whole = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (whole["ChecksumSHA256"], whole["ChecksumType"]) == (checksum("SHA256", b"".join(pieces)), "FULL_OBJECT")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"".join(pieces)
