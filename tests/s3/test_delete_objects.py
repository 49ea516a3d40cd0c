"""DeleteObjects."""

import pytest

from harness.checksums import checksum, md5
from harness.errors import refused


def keys_of(s3, bucket):
    return [item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def delete(s3, bucket, *keys, **options):
    return s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys], **options})


@pytest.mark.every_layout
def test_three_keys_and_the_same_again(s3, bucket):
    for key in ("key0", "key1", "key2"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    for _ in range(2):
        answer = delete(s3, bucket, "key0", "key1", "key2")
        assert [deleted["Key"] for deleted in answer["Deleted"]] == ["key0", "key1", "key2"]
        assert "Errors" not in answer
    assert keys_of(s3, bucket) == []


def test_quiet_names_nothing(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    answer = delete(s3, bucket, "k", "none", Quiet=True)
    assert "Deleted" not in answer and "Errors" not in answer
    assert keys_of(s3, bucket) == []


@pytest.mark.every_layout
def test_a_thousand_keys_at_once(s3, bucket):
    from concurrent.futures import ThreadPoolExecutor

    keys = [f"k{number:04}" for number in range(1000)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: s3.put_object(Bucket=bucket, Key=key, Body=b""), keys[::5]))
    s3.put_object(Bucket=bucket, Key="stays", Body=b"")
    assert len(delete(s3, bucket, *keys)["Deleted"]) == 1000
    assert keys_of(s3, bucket) == ["stays"]


def test_1001_keys_are_malformed_xml(s3, bucket):
    s3.put_object(Bucket=bucket, Key="0", Body=b"")
    with refused("MalformedXML", 400):
        delete(s3, bucket, *map(str, range(1001)))
    assert keys_of(s3, bucket) == ["0"]


def post(raw, bucket, body: bytes, **headers):
    return raw("POST", f"/{bucket}", [("delete", "")], {name.replace("_", "-"): value for name, value in headers.items()}, body)


def test_a_body_without_a_checksum_is_refused(raw, bucket):
    answer = post(raw, bucket, b"<Delete><Object><Key>k</Key></Object></Delete>")
    assert (answer.status, answer.code) == (400, "InvalidRequest")


def test_either_kind_of_checksum_will_do(raw, bucket):
    body = b"<Delete><Object><Key>k</Key></Object></Delete>"
    assert post(raw, bucket, body, Content_MD5=md5(body)).status == 200
    assert post(raw, bucket, body, x_amz_checksum_crc32=checksum("CRC32", body)).status == 200


def test_a_wrong_checksum_deletes_nothing(raw, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    body = b"<Delete><Object><Key>k</Key></Object></Delete>"
    for headers in ({"Content_MD5": md5(b"other")}, {"x_amz_checksum_crc32": checksum("CRC32", b"other")}):
        answer = post(raw, bucket, body, **headers)
        assert (answer.status, answer.code) == (400, "BadDigest")
    assert keys_of(s3, bucket) == ["k"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<Delete></Delete>",
        b"<Delete>",
        b"junk",
        b"<Delete><Object></Object></Delete>",
        b"<Other><Object><Key>k</Key></Object></Other>",
    ],
)
def test_a_body_that_names_no_keys_is_malformed_xml(raw, bucket, body):
    answer = post(raw, bucket, body, Content_MD5=md5(body))
    assert answer.status == 400 and answer.code in ("MalformedXML", "MissingRequestBodyError"), answer


def test_entities_are_not_expanded(raw, bucket):
    body = b'<!DOCTYPE d [<!ENTITY e "k">]><Delete><Object><Key>&e;</Key></Object></Delete>'
    answer = post(raw, bucket, body, Content_MD5=md5(body))
    assert (answer.status, answer.code) == (400, "MalformedXML")


def test_keys_that_can_not_be_are_errors_of_their_own(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    answer = delete(s3, bucket, "k", "x" * 1025)
    assert [deleted["Key"] for deleted in answer["Deleted"]] == ["k"]
    assert [(error["Key"], error["Code"]) for error in answer["Errors"]] == [("x" * 1025, "KeyTooLongError")]


@pytest.mark.parametrize("key", ["<&>\"'", "ä😀", " spaces ", "a\nb", "a\tb", "%2F", "a+b"])
def test_odd_keys_are_named_exactly(s3, bucket, key):
    s3.put_object(Bucket=bucket, Key=key, Body=b"")
    assert [deleted["Key"] for deleted in delete(s3, bucket, key)["Deleted"]] == [key]
    assert keys_of(s3, bucket) == []


def test_the_same_key_twice_is_answered_twice(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert len(delete(s3, bucket, "k", "k")["Deleted"]) == 2
