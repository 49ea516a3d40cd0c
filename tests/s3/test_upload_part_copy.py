"""UploadPartCopy."""

import random

import pytest

from harness.errors import refused

MIB = 1 << 20
KIB = 1 << 10


def copy_part(s3, bucket, upload, number, source, **options):
    return s3.upload_part_copy(
        Bucket=bucket, Key="target", UploadId=upload, PartNumber=number, CopySource={"Bucket": bucket, "Key": source}, **options
    )


def begin(s3, bucket):
    return s3.create_multipart_upload(Bucket=bucket, Key="target")["UploadId"]


def complete(s3, bucket, upload, answers):
    parts = [{"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]} for number, answer in enumerate(answers, 1)]
    s3.complete_multipart_upload(Bucket=bucket, Key="target", UploadId=upload, MultipartUpload={"Parts": parts})
    return s3.get_object(Bucket=bucket, Key="target")["Body"].read()


def test_one_byte(s3, bucket):
    s3.put_object(Bucket=bucket, Key="source", Body=b"hello")
    upload = begin(s3, bucket)
    answer = copy_part(s3, bucket, upload, 1, "source", CopySourceRange="bytes=0-0")
    assert complete(s3, bucket, upload, [answer]) == b"h"


@pytest.mark.every_layout
@pytest.mark.parametrize("size", [5 * MIB, 5 * MIB + 100 * KIB, 5 * MIB + 600 * KIB, 10 * MIB, 10 * MIB + 100 * KIB, 10 * MIB + 600 * KIB])
def test_the_first_bytes_of_a_large_source(s3, bucket, size):
    data = random.Random(12).randbytes(12 * MIB)
    s3.put_object(Bucket=bucket, Key="source", Body=data)
    upload = begin(s3, bucket)
    answers = []
    for number, first in enumerate(range(0, size, 5 * MIB), 1):
        last = min(first + 5 * MIB, size) - 1
        answers.append(copy_part(s3, bucket, upload, number, "source", CopySourceRange=f"bytes={first}-{last}"))
    assert complete(s3, bucket, upload, answers) == data[:size]


@pytest.mark.parametrize(
    "value", ["0-2", "bytes=0", "bytes=hello-world", "bytes=0-bar", "bytes=hello-", "bytes=0-2,3-5", "bytes=3-1", "bytes=-3", "bytes=0-"]
)
def test_a_malformed_range_is_an_invalid_argument(s3, bucket, value):
    s3.put_object(Bucket=bucket, Key="source", Body=b"hello")
    with refused("InvalidArgument", 400):
        copy_part(s3, bucket, begin(s3, bucket), 1, "source", CopySourceRange=value)


def test_a_range_outside_of_the_source_is_refused(s3, bucket):
    s3.put_object(Bucket=bucket, Key="source", Body=b"hello")
    with refused("InvalidArgument", 400):
        copy_part(s3, bucket, begin(s3, bucket), 1, "source", CopySourceRange="bytes=0-21")


def test_without_a_range_it_is_the_whole_source(s3, bucket):
    s3.put_object(Bucket=bucket, Key="source", Body=b"0123456789")
    upload = begin(s3, bucket)
    assert complete(s3, bucket, upload, [copy_part(s3, bucket, upload, 1, "source")]) == b"0123456789"


def test_the_sources_key_is_decoded_exactly_once(s3, raw, bucket):
    s3.put_object(Bucket=bucket, Key="anyfilename%25.txt", Body=b"x")
    s3.put_object(Bucket=bucket, Key="target", Body=b"old")
    upload = begin(s3, bucket)
    answer = raw(
        "PUT", f"/{bucket}/target", [("partNumber", "1"), ("uploadId", upload)], {"x-amz-copy-source": f"{bucket}/anyfilename%25.txt"}
    )
    assert (answer.status, answer.code) == (404, "NoSuchKey")
    assert s3.get_object(Bucket=bucket, Key="target")["Body"].read() == b"old"
    answer = raw(
        "PUT", f"/{bucket}/target", [("partNumber", "1"), ("uploadId", upload)], {"x-amz-copy-source": f"{bucket}/anyfilename%2525.txt"}
    )
    assert answer.status == 200


def test_what_is_not_there(s3, bucket):
    s3.put_object(Bucket=bucket, Key="source", Body=b"hello")
    with refused("NoSuchKey", 404):
        copy_part(s3, bucket, begin(s3, bucket), 1, "none")
    with refused("NoSuchUpload", 404):
        copy_part(s3, bucket, "0" * 32, 1, "source")


def test_conditions_on_the_source(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="source", Body=b"hello")["ETag"]
    upload = begin(s3, bucket)
    for conditions in ({"CopySourceIfNoneMatch": etag}, {"CopySourceIfMatch": '"ABCORZ"'}):
        with refused("PreconditionFailed", 412):
            copy_part(s3, bucket, upload, 1, "source", **conditions)
    answer = copy_part(s3, bucket, upload, 1, "source", CopySourceIfMatch=etag)
    assert complete(s3, bucket, upload, [answer]) == b"hello"


def test_copied_and_sent_parts_mix_and_outlive_the_source(s3, bucket):
    data = random.Random(6).randbytes(6 * MIB)
    s3.put_object(Bucket=bucket, Key="source", Body=data)
    upload = begin(s3, bucket)
    first = copy_part(s3, bucket, upload, 1, "source")["CopyPartResult"]["ETag"]
    second = s3.upload_part(Bucket=bucket, Key="target", UploadId=upload, PartNumber=2, Body=b"tail")["ETag"]
    s3.delete_object(Bucket=bucket, Key="source")
    parts = [{"PartNumber": 1, "ETag": first}, {"PartNumber": 2, "ETag": second}]
    s3.complete_multipart_upload(Bucket=bucket, Key="target", UploadId=upload, MultipartUpload={"Parts": parts})
    assert s3.get_object(Bucket=bucket, Key="target")["Body"].read() == data + b"tail"
