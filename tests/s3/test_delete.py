"""DeleteObject."""

import pytest

from harness.errors import refused


@pytest.mark.every_layout
@pytest.mark.parametrize("size", [0, 10, 100_000, 3_000_000])
def test_a_deleted_object_is_gone_at_once(s3, raw, bucket, size):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * size)
    answer = raw("DELETE", f"/{bucket}/k")
    assert (answer.status, answer.body) == (204, b"")
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=bucket, Key="k")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_deleting_what_is_not_there_is_fine(raw, bucket):
    for _ in range(2):
        answer = raw("DELETE", f"/{bucket}/none")
        assert answer.status == 204 and "x-amz-delete-marker" not in answer.headers


def test_the_null_version_is_the_object(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.delete_object(Bucket=bucket, Key="k", VersionId="null")
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=bucket, Key="k")


def test_only_the_named_key_goes(s3, bucket):
    for key in ("a", "a/", "a/b", "ab"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    s3.delete_object(Bucket=bucket, Key="a/")
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["a", "a/b", "ab"]
