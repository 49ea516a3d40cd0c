"""Checksums: in headers, stored, given back, of parts and of whole objects."""

import base64
import hashlib

import pytest

from harness.checksums import ALGORITHMS, checksum, composite
from harness.errors import refused

MIB = 1 << 20
DATA = b"A" * 1024


@pytest.mark.every_layout
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_checksum_is_verified_stored_and_given_back(s3, raw, bucket, algorithm):
    name = f"Checksum{algorithm}"
    right = checksum(algorithm, DATA)
    put = s3.put_object(Bucket=bucket, Key="k", Body=DATA, **{name: right})
    assert put[name] == right and put["ChecksumType"] == "FULL_OBJECT"
    for read in (s3.head_object, s3.get_object):
        found = read(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
        assert found[name] == right and found["ChecksumType"] == "FULL_OBJECT"
    for method in ("GET", "HEAD"):
        assert f"x-amz-checksum-{algorithm.lower()}" not in raw(method, f"/{bucket}/k").headers, "without the mode there is none"
    assert [algorithm] == s3.list_objects_v2(Bucket=bucket)["Contents"][0]["ChecksumAlgorithm"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_wrong_checksum_is_a_bad_digest_and_nothing_is_stored(s3, bucket, algorithm):
    with refused("BadDigest", 400):
        s3.put_object(Bucket=bucket, Key="k", Body=DATA, **{f"Checksum{algorithm}": checksum(algorithm, b"other")})
    with refused("NoSuchKey"):
        s3.get_object(Bucket=bucket, Key="k")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("value", ["bad", "", "AAAA", "not base64!"])
def test_a_checksum_that_is_none_is_an_invalid_request(raw, bucket, algorithm, value):
    answer = raw("PUT", f"/{bucket}/k", headers={f"x-amz-checksum-{algorithm.lower()}": value}, body=DATA)
    assert (answer.status, answer.code) == (400, "InvalidRequest")


def test_two_checksums_are_an_invalid_request(raw, bucket):
    headers = {"x-amz-checksum-crc32": checksum("CRC32", DATA), "x-amz-checksum-sha1": checksum("SHA1", DATA)}
    answer = raw("PUT", f"/{bucket}/k", headers=headers, body=DATA)
    assert (answer.status, answer.code) == (400, "InvalidRequest")


def test_an_algorithm_without_its_checksum_is_an_invalid_request(raw, bucket):
    answer = raw("PUT", f"/{bucket}/k", headers={"x-amz-sdk-checksum-algorithm": "CRC32"}, body=DATA)
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    answer = raw(
        "PUT", f"/{bucket}/k", headers={"x-amz-sdk-checksum-algorithm": "CRC32", "x-amz-checksum-sha1": checksum("SHA1", DATA)}, body=DATA
    )
    assert (answer.status, answer.code) == (400, "InvalidRequest")


def test_without_a_checksum_the_object_gets_crc64nvme_as_at_aws(raw, s3, bucket):
    raw("PUT", f"/{bucket}/k", body=DATA)
    assert s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")["ChecksumCRC64NVME"] == checksum("CRC64NVME", DATA)


def test_a_range_has_no_checksum_of_the_whole(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=DATA, ChecksumSHA256=checksum("SHA256", DATA))
    assert "ChecksumSHA256" not in s3.get_object(Bucket=bucket, Key="k", Range="bytes=0-9", ChecksumMode="ENABLED")


def begin(s3, bucket, algorithm, kind=None):
    options = {"ChecksumType": kind} if kind else {}
    return s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm=algorithm, **options)


def test_one_part_with_sha256(s3, bucket):
    part = "arcu6553sHVAiX4MjW0j7I7vD4w6R+Gz9Ok0Q9lTa+0="
    whole = "Ok6Cs5b96ux6+MWQkJO7UBT5sKPBeXBLwvj/hK89smg=-1"
    created = begin(s3, bucket, "SHA256")
    assert created["ChecksumAlgorithm"] == "SHA256"
    upload = created["UploadId"]
    sent = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=DATA, ChecksumSHA256=part)
    assert sent["ChecksumSHA256"] == part
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    parts = {"Parts": [{"PartNumber": 1, "ETag": sent["ETag"], "ChecksumSHA256": part}]}
    with refused("InvalidRequest", 400):
        s3.complete_multipart_upload(**where, MultipartUpload=parts, ChecksumSHA256="bad")
    with refused("BadDigest", 400):
        s3.complete_multipart_upload(**where, MultipartUpload=parts, ChecksumSHA256=checksum("SHA256", b"other") + "-1")
    with refused("InvalidRequest", 400):
        s3.complete_multipart_upload(**where, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": sent["ETag"]}]})
    wrong = {"Parts": [{"PartNumber": 1, "ETag": sent["ETag"], "ChecksumSHA256": checksum("SHA256", b"other")}]}
    with refused("InvalidPart", 400):
        s3.complete_multipart_upload(**where, MultipartUpload=wrong)
    done = s3.complete_multipart_upload(**where, MultipartUpload=parts, ChecksumSHA256=whole)
    assert (done["ChecksumSHA256"], done["ChecksumType"]) == (whole, "COMPOSITE")
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (head["ChecksumSHA256"], head["ChecksumType"]) == (whole, "COMPOSITE")
    assert "ChecksumSHA256" not in s3.head_object(Bucket=bucket, Key="k")


THREE = {
    ("SHA256", "COMPOSITE"): (
        [
            "275VF5loJr1YYawit0XSHREhkFXYkkPKGuoK0x9VKxI=",
            "mrHwOfjTL5Zwfj74F05HOQGLdUb7E5szdCbxgUSq6NM=",
            "Vw7oB/nKQ5xWb3hNgbyfkvDiivl+U+/Dft48nfJfDow=",
        ],
        "uWBwpe1dxI4Vw8Gf0X9ynOdw/SS6VBzfWm9giiv1sf4=-3",
    ),
    ("SHA1", "COMPOSITE"): (
        ["iIaTCGbm+vdVjNqIMF2S0T7ibMk=", "LS/TJ32bAVKEwRu+sE3X7awh/lk=", "6DDwovUaHwrKNXDMzOGbuvj9kxI="],
        "sizjvY4eud3MrcHdZM3cQ/ol39o=-3",
    ),
    ("CRC32C", "FULL_OBJECT"): (["MDaLrw==", "TH4EZg==", "Z7mBIQ=="], "xU+Krw=="),
}


@pytest.mark.every_layout
@pytest.mark.parametrize(("algorithm", "kind"), list(THREE))
def test_three_parts_with_checksums(s3, bucket, algorithm, kind):
    values, whole = THREE[algorithm, kind]
    name = f"Checksum{algorithm}"
    created = begin(s3, bucket, algorithm, kind)
    assert (created["ChecksumAlgorithm"], created["ChecksumType"]) == (algorithm, kind)
    where = {"Bucket": bucket, "Key": "k", "UploadId": created["UploadId"]}
    parts = []
    for number, value in enumerate(values, 1):
        sent = s3.upload_part(**where, PartNumber=number, Body=b"ABC"[number - 1 : number] * (5 * MIB), **{name: value})
        assert sent[name] == value
        parts.append({"PartNumber": number, "ETag": sent["ETag"], name: value})
    listed = s3.list_parts(**where)
    assert (listed["ChecksumAlgorithm"], listed["ChecksumType"]) == (algorithm, kind)
    assert [part[name] for part in listed["Parts"]] == values
    done = s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts}, ChecksumType=kind)
    assert (done[name], done["ChecksumType"]) == (whole, kind)
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (head[name], head["ChecksumType"]) == (whole, kind)
    assert name not in s3.head_object(Bucket=bucket, Key="k")
    for number, value in enumerate(values, 1):
        part = s3.get_object(Bucket=bucket, Key="k", PartNumber=number, ChecksumMode="ENABLED")
        part["Body"].close()
        assert (part[name], part["ChecksumType"]) == (value, kind)


@pytest.mark.parametrize(
    ("algorithm", "kind"), [("CRC32", "FULL_OBJECT"), ("CRC64NVME", "FULL_OBJECT"), ("CRC32", "COMPOSITE"), ("CRC32C", "COMPOSITE")]
)
def test_small_parts_of_the_other_kinds(s3, bucket, algorithm, kind):
    name = f"Checksum{algorithm}"
    created = begin(s3, bucket, algorithm, kind)
    where = {"Bucket": bucket, "Key": "k", "UploadId": created["UploadId"]}
    data = b"last and only part"
    sent = (
        s3.upload_part(**where, PartNumber=1, Body=data, ChecksumAlgorithm=algorithm)
        if algorithm == "CRC32"
        else s3.upload_part(**where, PartNumber=1, Body=data, **{name: checksum(algorithm, data)})
    )
    assert sent[name] == checksum(algorithm, data)
    done = s3.complete_multipart_upload(**where, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": sent["ETag"], name: sent[name]}]})
    whole = checksum(algorithm, data) if kind == "FULL_OBJECT" else composite(algorithm, [data])
    assert (done[name], done["ChecksumType"]) == (whole, kind)


@pytest.mark.parametrize(("algorithm", "kind"), [("SHA1", "FULL_OBJECT"), ("SHA256", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE")])
def test_a_type_that_the_algorithm_has_not_is_refused(s3, bucket, algorithm, kind):
    with refused("InvalidRequest", 400):
        begin(s3, bucket, algorithm, kind)


def test_a_part_with_another_algorithm_is_refused(s3, bucket):
    upload = begin(s3, bucket, "SHA256")["UploadId"]
    with refused("InvalidRequest", 400):
        s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=DATA, ChecksumCRC32C=checksum("CRC32C", DATA))


def test_the_digests_here_are_those_of_the_standard_texts():
    # What this folder computes with has to be right itself: check values of the CRC catalogue for "123456789".
    nine = b"123456789"
    assert base64.b64decode(checksum("CRC32", nine)).hex() == "cbf43926"
    assert base64.b64decode(checksum("CRC32C", nine)).hex() == "e3069283"
    assert base64.b64decode(checksum("CRC64NVME", nine)).hex() == "ae8b14860a799888"
    assert base64.b64decode(checksum("SHA256", nine)) == hashlib.sha256(nine).digest()
