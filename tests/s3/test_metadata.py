"""User metadata and content headers."""

import pytest

from harness.errors import refused


def test_user_metadata_comes_back(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"meta1": "mymeta", "with-dash": "a b  c", "empty": ""})
    for read in (s3.head_object, s3.get_object):
        assert read(Bucket=bucket, Key="k")["Metadata"] == {"meta1": "mymeta", "with-dash": "a b  c", "empty": ""}


def test_names_come_back_in_small_letters(raw, bucket):
    raw("PUT", f"/{bucket}/k", headers={"X-Amz-Meta-CamelCase": "Value"}, body=b"x")
    assert raw("HEAD", f"/{bucket}/k").headers["x-amz-meta-camelcase"] == "Value"


def test_a_put_replaces_all_metadata(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"a": "1"})
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"b": "2"})
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"b": "2"}


CONTENT = {
    "content-type": "text/plain; charset=utf-8",
    "cache-control": "public, max-age=60",
    "content-disposition": 'attachment; filename="a b.txt"',
    "content-encoding": "gzip",
    "content-language": "de, en",
    "expires": "Wed, 21 Oct 2065 07:28:00 GMT",
}


@pytest.mark.every_layout
@pytest.mark.parametrize("size", [3, 300_000])
def test_content_headers_come_back(raw, bucket, size):
    assert raw("PUT", f"/{bucket}/k", headers=CONTENT, body=b"x" * size).status == 200
    for method in ("GET", "HEAD"):
        found = raw(method, f"/{bucket}/k").headers
        assert {name: found.get(name) for name in CONTENT} == CONTENT


def test_website_redirects_come_back(raw, bucket):
    raw("PUT", f"/{bucket}/k", headers={"x-amz-website-redirect-location": "/other"}, body=b"x")
    assert raw("HEAD", f"/{bucket}/k").headers["x-amz-website-redirect-location"] == "/other"


def test_metadata_of_2_kib_is_taken_and_more_is_refused(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"a": "v" * 2047})
    assert len(s3.head_object(Bucket=bucket, Key="k")["Metadata"]["a"]) == 2047
    for metadata in ({"a": "v" * 2048}, {"a": "v" * 1024, "b": "w" * 1024}):
        with refused("MetadataTooLarge", 400):
            s3.put_object(Bucket=bucket, Key="new", Body=b"x", Metadata=metadata)
        with refused("MetadataTooLarge", 400):
            s3.create_multipart_upload(Bucket=bucket, Key="new", Metadata=metadata)
    with refused("NoSuchKey"):
        s3.get_object(Bucket=bucket, Key="new")


def test_metadata_beyond_ascii_comes_back_as_rfc_2047_writes_it(raw, bucket):
    # AWS stores the bytes as UTF-8 and gives back what HTTP can carry: a word in the encoding of RFC 2047.
    assert raw("PUT", f"/{bucket}/k", unsigned_headers={}, headers={"x-amz-meta-name": "=?UTF-8?B?w6TDtsO8?="}, body=b"x").status == 200
    assert raw("HEAD", f"/{bucket}/k").headers["x-amz-meta-name"] == "=?UTF-8?B?w6TDtsO8?="


@pytest.mark.every_layout
def test_multipart_keeps_what_it_was_begun_with(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", Metadata={"a": "1"}, ContentType="x/y", CacheControl="no-store")["UploadId"]
    etag = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["Metadata"], head["ContentType"], head["CacheControl"]) == ({"a": "1"}, "x/y", "no-store")


@pytest.mark.parametrize("header", ["x-amz-server-side-encryption", "x-amz-tagging", "x-amz-object-lock-mode", "x-amz-write-offset-bytes"])
def test_what_is_not_built_is_said_and_never_ignored(raw, s3, bucket, header):
    value = {
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-tagging": "a=b",
        "x-amz-object-lock-mode": "COMPLIANCE",
        "x-amz-write-offset-bytes": "0",
    }[header]
    answer = raw("PUT", f"/{bucket}/k", headers={header: value}, body=b"x")
    assert answer.status in (400, 501) and answer.code in ("NotImplemented", "InvalidRequest", "InvalidArgument"), answer
    with refused("NoSuchKey"):
        s3.get_object(Bucket=bucket, Key="k")
