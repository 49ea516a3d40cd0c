"""CreateBucket, HeadBucket, DeleteBucket, ListBuckets, GetBucketLocation."""

from datetime import datetime, timedelta, timezone

import pytest

from conftest import remove_bucket
from harness.errors import refused


@pytest.mark.every_layout
def test_created_buckets_are_listed_with_their_date(s3, bucket_name):
    names = [f"{bucket_name}-{number}" for number in range(5)]
    try:
        for name in names:
            s3.create_bucket(Bucket=name)
        found = {bucket["Name"]: bucket["CreationDate"] for bucket in s3.list_buckets()["Buckets"]}
        now = datetime.now(timezone.utc)
        for name in names:
            assert now - timedelta(days=1) < found[name] <= now + timedelta(seconds=2)
        assert list(found) == sorted(found)
    finally:
        for name in names:
            remove_bucket(s3, name)


def test_the_list_has_an_owner_of_a_canonical_id(s3):
    owner = s3.list_buckets()["Owner"]["ID"]
    assert len(owner) == 64 and set(owner) <= set("0123456789abcdef")


def test_buckets_are_listed_page_by_page(make_server):
    s3 = make_server().start().client()
    assert s3.list_buckets(MaxBuckets=1)["Buckets"] == []
    s3.create_bucket(Bucket="b1-name")
    single = s3.list_buckets(MaxBuckets=1)
    assert [b["Name"] for b in single["Buckets"]] == ["b1-name"] and "ContinuationToken" not in single
    s3.create_bucket(Bucket="b2-name")
    first = s3.list_buckets(MaxBuckets=1)
    assert [b["Name"] for b in first["Buckets"]] == ["b1-name"]
    second = s3.list_buckets(MaxBuckets=1, ContinuationToken=first["ContinuationToken"])
    assert [b["Name"] for b in second["Buckets"]] == ["b2-name"] and "ContinuationToken" not in second
    assert [b["Name"] for b in s3.list_buckets(Prefix="b2")["Buckets"]] == ["b2-name"]


@pytest.mark.parametrize("value", ["0", "10001", "x", "-1"])
def test_max_buckets_outside_1_to_10000_is_refused(raw, value):
    answer = raw("GET", "/", [("max-buckets", value)])
    assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_ones_own_bucket_again_is_already_owned_by_you_and_stays_as_it_was(s3, bucket):
    for key in ("mykey1", "mykey2"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    with refused("BucketAlreadyOwnedByYou", 409):
        s3.create_bucket(Bucket=bucket)
    with refused("BucketAlreadyOwnedByYou", 409):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["mykey1", "mykey2"]


def test_what_is_not_there_is_no_such_bucket(s3, raw, bucket_name):
    assert raw("HEAD", f"/{bucket_name}").status == 404
    for call in (
        lambda: s3.list_objects(Bucket=bucket_name),
        lambda: s3.list_objects_v2(Bucket=bucket_name),
        lambda: s3.put_object(Bucket=bucket_name, Key="k", Body=b"x"),
        lambda: s3.get_object(Bucket=bucket_name, Key="k"),
        lambda: s3.delete_object(Bucket=bucket_name, Key="k"),
        lambda: s3.delete_bucket(Bucket=bucket_name),
        lambda: s3.get_bucket_location(Bucket=bucket_name),
        lambda: s3.create_multipart_upload(Bucket=bucket_name, Key="k"),
        lambda: s3.list_multipart_uploads(Bucket=bucket_name),
        lambda: s3.delete_objects(Bucket=bucket_name, Delete={"Objects": [{"Key": "k"}]}),
        lambda: s3.copy_object(Bucket=bucket_name, Key="copy", CopySource={"Bucket": bucket_name, "Key": "k"}),
    ):
        with refused("NoSuchBucket", 404):
            call()


def test_head_of_a_bucket_names_its_region(s3, bucket):
    answer = s3.head_bucket(Bucket=bucket)
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"] == "us-east-1"


def test_a_bucket_with_an_object_is_not_deleted(s3, bucket):
    s3.put_object(Bucket=bucket, Key="foo", Body=b"bar")
    with refused("BucketNotEmpty", 409):
        s3.delete_bucket(Bucket=bucket)
    assert s3.get_object(Bucket=bucket, Key="foo")["Body"].read() == b"bar"


@pytest.mark.every_layout
def test_a_deleted_bucket_is_gone_and_may_be_made_again_empty(s3, bucket):
    s3.put_object(Bucket=bucket, Key="foo", Body=b"bar")
    s3.delete_object(Bucket=bucket, Key="foo")
    s3.delete_bucket(Bucket=bucket)
    with refused("NoSuchBucket", 404):
        s3.get_object(Bucket=bucket, Key="foo")
    s3.create_bucket(Bucket=bucket)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_a_fresh_bucket_is_empty_and_buckets_do_not_share_keys(s3, bucket, other_bucket):
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="here", Body=b"x")
    assert "Contents" not in s3.list_objects_v2(Bucket=other_bucket)
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=other_bucket, Key="here")


def test_the_location_is_what_the_bucket_was_made_with(s3, bucket, bucket_name):
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    name = f"{bucket_name}-eu"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    try:
        assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] == "eu-central-1"
    finally:
        s3.delete_bucket(Bucket=name)


def test_create_names_the_location_of_the_bucket(s3, bucket_name):
    assert s3.create_bucket(Bucket=bucket_name)["Location"] == f"/{bucket_name}"
    s3.delete_bucket(Bucket=bucket_name)


def test_create_without_content_length_is_fine(raw, s3, bucket_name):
    assert raw("PUT", f"/{bucket_name}", length=False).status == 200
    s3.delete_bucket(Bucket=bucket_name)


@pytest.mark.parametrize("value", ["-1", ""])
def test_create_with_a_nonsense_content_length_is_400(raw, bucket_name, value):
    prepared = raw.prepare("PUT", f"/{bucket_name}", length=False)
    prepared.headers["Content-Length"] = value
    answer = raw.bytes(raw.head_bytes(prepared))
    assert answer.split(b" ")[1] == b"400", answer


def test_an_unknown_expectation_is_ignored(raw, s3, bucket_name):
    assert raw("PUT", f"/{bucket_name}", unsigned_headers={"Expect": "200"}).status == 200
    s3.delete_bucket(Bucket=bucket_name)


def test_another_expected_owner_is_access_denied(s3, bucket):
    for call in (
        lambda: s3.list_objects(Bucket=bucket, ExpectedBucketOwner="123456789012"),
        lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"", ExpectedBucketOwner="123456789012"),
        lambda: s3.delete_bucket(Bucket=bucket, ExpectedBucketOwner="123456789012"),
    ):
        with refused("AccessDenied", 403):
            call()


@pytest.mark.parametrize(
    "name",
    [
        "_underscore",
        "a",
        "ab",
        "192.168.5.123",
        "foo-",
        "-foo",
        "Foo",
        "foo..bar",
        "a" * 64,
        "foo_bar",
        ".foo",
        "foo.",
        "xn--foo",
        "foo-s3alias",
    ],
)
def test_a_name_against_the_rules_is_invalid(raw, name):
    answer = raw("PUT", f"/{name}")
    assert (answer.status, answer.code) == (400, "InvalidBucketName")


@pytest.mark.parametrize("length", [3, 61, 63])
def test_names_of_3_to_63_characters_are_valid(s3, bucket_name, length):
    name = (bucket_name.replace("-", "") * 4)[-length:]
    name = "1" + name[1:]
    s3.create_bucket(Bucket=name)
    assert "Contents" not in s3.list_objects_v2(Bucket=name)
    s3.delete_bucket(Bucket=name)


def test_names_may_start_with_a_digit_and_have_periods(s3, bucket_name):
    for name in (f"1{bucket_name}", f"{bucket_name}.aaa.111"):
        s3.create_bucket(Bucket=name)
        s3.delete_bucket(Bucket=name)


def test_an_overlong_location_is_refused(s3, bucket_name):
    with refused("InvalidLocationConstraint", 400):
        s3.create_bucket(Bucket=bucket_name, CreateBucketConfiguration={"LocationConstraint": "x" * 65})


def test_a_broken_document_is_malformed_xml(raw, bucket_name):
    for body in (b"<CreateBucketConfiguration>", b"not xml", b"<Other></Other>"):
        answer = raw("PUT", f"/{bucket_name}", body=body)
        assert (answer.status, answer.code) == (400, "MalformedXML"), body
    assert raw("HEAD", f"/{bucket_name}").status == 404


def test_versioning_was_never_set(s3, bucket):
    answer = s3.get_bucket_versioning(Bucket=bucket)
    assert "Status" not in answer
