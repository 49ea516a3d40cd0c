"""If-None-Match and If-Match of writes and deletes."""

import pytest

from harness.errors import refused


@pytest.fixture
def put(s3, bucket):
    return lambda body=b"bar", **condition: s3.put_object(Bucket=bucket, Key="foo", Body=body, **condition)


@pytest.fixture
def body(s3, bucket):
    return lambda: s3.get_object(Bucket=bucket, Key="foo")["Body"].read()


@pytest.mark.every_layout
def test_if_none_match_star_writes_what_is_absent_and_nothing_else(s3, put, body):
    put(b"first", IfNoneMatch="*")
    with refused("PreconditionFailed", 412) as error:
        put(b"second", IfNoneMatch="*")
    assert error["Error"]["Condition"] == "If-None-Match"
    assert body() == b"first"


def test_if_none_match_star_holds_again_after_a_delete(s3, bucket, put, body):
    put(IfNoneMatch="*")
    s3.delete_object(Bucket=bucket, Key="foo")
    put(b"again", IfNoneMatch="*")
    assert body() == b"again"


@pytest.mark.every_layout
@pytest.mark.parametrize("size", [3, 100_000, 3_000_000])
def test_if_match_replaces_the_object_of_that_etag_alone(put, body, size):
    first = put(b"1" * size)["ETag"]
    second = put(b"2" * size, IfMatch=first)["ETag"]
    for wrong in (first, '"ABCORZ"', "0" * 32):
        with refused("PreconditionFailed", 412):
            put(b"3" * size, IfMatch=wrong)
    assert body() == b"2" * size
    put(b"4" * size, IfMatch=second.strip('"'))
    assert body() == b"4" * size


def test_if_match_on_an_absent_key_is_no_such_key(s3, bucket, put):
    with refused("NoSuchKey", 404):
        put(IfMatch='"37b51d194a7513e45b56f6524f2d51f2"')
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_other_forms_of_conditions_on_writes_are_not_implemented_as_at_aws(put, body):
    etag = put(b"bar")["ETag"]
    with refused("NotImplemented", 501):
        put(b"x", IfMatch="*")
    with refused("NotImplemented", 501):
        put(b"x", IfNoneMatch=etag)
    assert body() == b"bar"


def complete(s3, bucket, **condition):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="foo")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="foo", UploadId=upload, PartNumber=1, Body=b"abc")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    return upload, lambda **more: s3.complete_multipart_upload(
        Bucket=bucket, Key="foo", UploadId=upload, MultipartUpload=parts, **condition, **more
    )


@pytest.mark.every_layout
def test_completion_with_if_none_match(s3, bucket, body):
    _, finish = complete(s3, bucket, IfNoneMatch="*")
    finish()
    assert body() == b"abc"
    upload, finish = complete(s3, bucket, IfNoneMatch="*")
    before = s3.head_object(Bucket=bucket, Key="foo")["LastModified"]
    with refused("PreconditionFailed", 412):
        finish()
    assert s3.head_object(Bucket=bucket, Key="foo")["LastModified"] == before
    assert s3.list_parts(Bucket=bucket, Key="foo", UploadId=upload)["Parts"], "the upload is still there"
    s3.abort_multipart_upload(Bucket=bucket, Key="foo", UploadId=upload)


def test_completion_with_if_match(s3, bucket, put, body):
    upload, finish = complete(s3, bucket, IfMatch='"37b51d194a7513e45b56f6524f2d51f2"')
    with refused("NoSuchKey", 404):
        finish()
    put(b"other")
    with refused("PreconditionFailed", 412):
        finish()
    put(b"bar")
    finish()
    assert body() == b"abc"


def test_copy_with_conditions_on_its_target(s3, bucket, put, body):
    s3.put_object(Bucket=bucket, Key="source", Body=b"copied")
    source = {"Bucket": bucket, "Key": "source"}

    def copy(**condition):
        return s3.copy_object(Bucket=bucket, Key="foo", CopySource=source, **condition)

    with refused("NoSuchKey", 404):
        copy(IfMatch='"37b51d194a7513e45b56f6524f2d51f2"')
    etag = put()["ETag"]
    with refused("PreconditionFailed", 412):
        copy(IfNoneMatch="*")
    with refused("PreconditionFailed", 412):
        copy(IfMatch='"ABCORZ"')
    assert body() == b"bar"
    copy(IfMatch=etag)
    assert body() == b"copied"
    s3.delete_object(Bucket=bucket, Key="foo")
    copy(IfNoneMatch="*")
    assert body() == b"copied"


@pytest.mark.every_layout
def test_delete_with_if_match(s3, bucket, put, body):
    etag = put()["ETag"]
    with refused("PreconditionFailed", 412):
        s3.delete_object(Bucket=bucket, Key="foo", IfMatch='"ABCORZ"')
    assert body() == b"bar"
    s3.delete_object(Bucket=bucket, Key="foo", IfMatch=etag)
    with refused("NoSuchKey", 404):
        body()


def test_delete_with_if_match_star(raw, bucket, put):
    put()
    assert raw("DELETE", f"/{bucket}/foo", headers={"If-Match": "*"}).status == 204
    # AWS: 404 or 412, not 204.
    assert raw("DELETE", f"/{bucket}/foo", headers={"If-Match": "*"}).status in (404, 412)


def test_delete_with_if_match_on_an_absent_key_is_refused(raw, bucket):
    assert raw("DELETE", f"/{bucket}/foo", headers={"If-Match": '"x"'}).status in (404, 412)


def test_delete_objects_with_an_etag(s3, bucket, put, body):
    etag = put()["ETag"]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "foo", "ETag": '"ABCORZ"'}]})
    assert [(error["Key"], error["Code"]) for error in answer["Errors"]] == [("foo", "PreconditionFailed")] and "Deleted" not in answer
    assert body() == b"bar"
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "foo", "ETag": etag}]})
    assert [deleted["Key"] for deleted in answer["Deleted"]] == ["foo"] and "Errors" not in answer
