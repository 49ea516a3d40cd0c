"""ListParts and ListMultipartUploads."""

import pytest

from harness.errors import refused


def begin(s3, bucket, key):
    return s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]


def listed(answer):
    return [(upload["Key"], upload["UploadId"]) for upload in answer.get("Uploads", [])]


@pytest.mark.every_layout
def test_all_uploads_are_listed_by_key_and_then_by_time(s3, bucket):
    made = [("mykey", begin(s3, bucket, "mykey")), ("mykey", begin(s3, bucket, "mykey")), ("other", begin(s3, bucket, "other"))]
    answer = s3.list_multipart_uploads(Bucket=bucket)
    assert listed(answer) == made and answer["IsTruncated"] is False
    owner = s3.list_buckets()["Owner"]["ID"]
    for upload in answer["Uploads"]:
        assert (upload["Owner"]["ID"], upload["Initiator"]["ID"], upload["StorageClass"]) == (owner, owner, "STANDARD")
        assert upload["Initiated"]
    for key, upload in made:
        s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
    assert listed(s3.list_multipart_uploads(Bucket=bucket)) == []


def test_pages_prefixes_and_delimiters_of_uploads(s3, bucket):
    made = [(key, begin(s3, bucket, key)) for key in ("a/1", "a/2", "a/2", "b", "c/1")]
    found, markers = [], {}
    while True:
        page = s3.list_multipart_uploads(Bucket=bucket, MaxUploads=2, **markers)
        found += listed(page)
        if not page["IsTruncated"]:
            break
        markers = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
    assert found == made
    assert listed(s3.list_multipart_uploads(Bucket=bucket, Prefix="a/")) == made[:3]
    page = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [prefix["Prefix"] for prefix in page["CommonPrefixes"]] == ["a/", "c/"] and listed(page) == [made[3]]
    assert listed(s3.list_multipart_uploads(Bucket=bucket, KeyMarker="a/2")) == made[3:]


def test_no_uploads(raw, bucket):
    answer = raw("GET", f"/{bucket}", [("uploads", "")]).xml
    assert answer.tag == "ListMultipartUploadsResult" and answer.find("Upload") is None
    assert (answer.findtext("Bucket"), answer.findtext("IsTruncated"), answer.findtext("MaxUploads")) == (bucket, "false", "1000")


@pytest.mark.every_layout
def test_parts_are_listed_by_number_and_page_by_page(s3, bucket):
    upload = begin(s3, bucket, "k")
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    assert "Parts" not in s3.list_parts(**where)
    made = {}
    for number in (10_000, 3, 1, 7, 2):
        made[number] = s3.upload_part(**where, PartNumber=number, Body=b"x" * number)["ETag"]
    answer = s3.list_parts(**where)
    assert [(part["PartNumber"], part["Size"], part["ETag"]) for part in answer["Parts"]] == [(n, n, made[n]) for n in sorted(made)]
    assert answer["StorageClass"] == "STANDARD" and answer["Owner"]["ID"] == answer["Initiator"]["ID"]
    found, marker = [], 0
    while True:
        page = s3.list_parts(**where, MaxParts=2, PartNumberMarker=marker)
        found += [part["PartNumber"] for part in page["Parts"]]
        if not page["IsTruncated"]:
            break
        marker = page["NextPartNumberMarker"]
    assert found == [1, 2, 3, 7, 10_000]
    assert [part["PartNumber"] for part in s3.list_parts(**where, PartNumberMarker=3)["Parts"]] == [7, 10_000]


def test_a_part_sent_again_is_listed_once(s3, bucket):
    upload = begin(s3, bucket, "k")
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    s3.upload_part(**where, PartNumber=1, Body=b"old")
    etag = s3.upload_part(**where, PartNumber=1, Body=b"newer")["ETag"]
    assert [(part["Size"], part["ETag"]) for part in s3.list_parts(**where)["Parts"]] == [(5, etag)]


@pytest.mark.parametrize(("name", "value"), [("max-uploads", "x"), ("max-uploads", "-1")])
def test_numbers_of_uploads_that_are_none(raw, bucket, name, value):
    answer = raw("GET", f"/{bucket}", [("uploads", ""), (name, value)])
    assert (answer.status, answer.code) == (400, "InvalidArgument")


@pytest.mark.parametrize(("name", "value"), [("max-parts", "x"), ("max-parts", "-1"), ("part-number-marker", "x")])
def test_numbers_of_parts_that_are_none(raw, s3, bucket, name, value):
    upload = begin(s3, bucket, "k")
    answer = raw("GET", f"/{bucket}/k", [("uploadId", upload), (name, value)])
    assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_odd_keys_come_url_encoded_where_asked(raw, s3, bucket):
    begin(s3, bucket, "a b+ü")
    page = raw("GET", f"/{bucket}", [("uploads", ""), ("encoding-type", "url")]).xml
    assert page.findtext("Upload/Key") == "a+b%2B%C3%BC"


def test_parts_of_a_finished_upload_are_gone(s3, bucket):
    upload = begin(s3, bucket, "k")
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    etag = s3.upload_part(**where, PartNumber=1, Body=b"x")["ETag"]
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    with refused("NoSuchUpload", 404):
        s3.list_parts(**where)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
