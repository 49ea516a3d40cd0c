"""Presigned URLs."""

import re
from datetime import datetime, timedelta, timezone

import pytest
import requests


def ago(**span):
    return datetime.now(timezone.utc) - timedelta(**span)


@pytest.fixture
def stored(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k e+y", Body=b"bar")
    return f"/{bucket}/k%20e%2By"


@pytest.mark.every_layout
def test_get_put_head_and_delete(s3, bucket):
    def url(operation, **more):
        return s3.generate_presigned_url(operation, Params={"Bucket": bucket, "Key": "ä/k e+y"} | more, ExpiresIn=600)

    assert requests.put(url("put_object"), data=b"bar", timeout=30).status_code == 200
    got = requests.get(url("get_object"), timeout=30)
    assert (got.status_code, got.content) == (200, b"bar")
    assert requests.head(url("head_object"), timeout=30).headers["Content-Length"] == "3"
    got = requests.get(url("get_object", ResponseContentType="a/b"), timeout=30)
    assert got.headers["Content-Type"] == "a/b"
    assert requests.get(url("get_object"), headers={"Range": "bytes=0-0"}, timeout=30).content == b"b"
    assert requests.delete(url("delete_object"), timeout=30).status_code == 204
    assert requests.get(url("get_object"), timeout=30).status_code == 404


def test_a_signed_content_type_has_to_be_sent(s3, bucket):
    url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k", "ContentType": "text/x"}, ExpiresIn=600)
    assert requests.put(url, data=b"x", headers={"Content-Type": "text/y"}, timeout=30).status_code == 403
    assert requests.put(url, data=b"x", headers={"Content-Type": "text/x"}, timeout=30).status_code == 200


def test_parts_may_be_presigned(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    url = s3.generate_presigned_url(
        "upload_part", Params={"Bucket": bucket, "Key": "k", "UploadId": upload, "PartNumber": 1}, ExpiresIn=600
    )
    etag = requests.put(url, data=b"part", timeout=30).headers["ETag"]
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"part"


def test_a_listing_may_be_presigned(s3, stored, bucket):
    url = s3.generate_presigned_url("list_objects_v2", Params={"Bucket": bucket, "Prefix": "k e"}, ExpiresIn=600)
    assert "<Key>k+e%2By</Key>" in requests.get(url, timeout=30).text


def test_a_url_that_has_run_out_is_denied(raw, stored):
    answer = raw.bare("GET", raw.presigned("GET", stored, 60, when=ago(seconds=70)))
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert "expired" in answer.xml.findtext("Message").lower() and answer.xml.findtext("Expires")


def test_a_url_still_holds_before_its_end(raw, stored):
    assert raw.bare("GET", raw.presigned("GET", stored, 604800, when=ago(days=6, hours=23))).body == b"bar"


@pytest.mark.parametrize("expires", [604801, 609901, -7, -1000, "x", ""])
def test_a_lifetime_outside_of_seven_days_is_refused(raw, bucket, stored, expires, s3):
    for method in ("GET", "PUT"):
        answer = raw.bare(method, raw.presigned(method, stored if method == "GET" else f"/{bucket}/new", expires))
        assert (answer.status, answer.code) == (400, "AuthorizationQueryParametersError")
    assert len(s3.list_objects_v2(Bucket=bucket)["Contents"]) == 1


def test_a_lifetime_of_0_is_over(raw, stored):
    assert raw.bare("GET", raw.presigned("GET", stored, 0, when=ago(seconds=2))).status in (400, 403)


def test_a_url_of_the_future_is_denied(raw, stored):
    answer = raw.bare("GET", raw.presigned("GET", stored, 600, when=ago(minutes=-20)))
    assert (answer.status, answer.code) == (403, "AccessDenied")


def test_another_method_key_or_parameter_does_not_match(raw, bucket, stored):
    url = raw.presigned("GET", stored)
    for method, target in (
        ("PUT", url),
        ("DELETE", url),
        ("GET", url.replace("/k%20e%2By", "/other")),
        ("GET", url + "&response-content-type=a/b"),
        ("GET", url.replace("X-Amz-Expires=600", "X-Amz-Expires=601")),
        ("GET", re.sub("(X-Amz-Signature=)(.)", lambda found: found[1] + ("0" if found[2] != "0" else "1"), url)),
    ):
        answer = raw.bare(method, target)
        assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch"), target


def test_a_wrong_secret_and_an_unknown_key(raw, stored):
    answer = raw.bare("GET", raw.presigned("GET", stored, secret_key="another"))
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    raw.access_key = "AKIANOBODY"
    answer = raw.bare("GET", raw.presigned("GET", stored))
    assert (answer.status, answer.code) == (403, "InvalidAccessKeyId")


@pytest.mark.parametrize("missing", ["X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature"])
def test_a_missing_parameter_is_a_query_error(raw, stored, missing):
    path, _, query = raw.presigned("GET", stored).partition("?")
    rest = "&".join(pair for pair in query.split("&") if not pair.startswith(missing + "="))
    answer = raw.bare("GET", f"{path}?{rest}")
    assert (answer.status, answer.code) == (400, "AuthorizationQueryParametersError")


def test_any_region_is_taken(raw, stored):
    assert raw.bare("GET", raw.presigned("GET", stored, region="mars-north-7")).body == b"bar"


def test_a_header_beside_the_query_is_refused(raw, stored):
    prepared = raw.prepare("GET", stored)
    answer = raw.bare("GET", raw.presigned("GET", stored), headers={"Authorization": prepared.headers["Authorization"]})
    assert (answer.status, answer.code) == (400, "InvalidArgument")
