"""Signatures in the Authorization header."""

from datetime import datetime, timedelta, timezone

import pytest

from harness.server import ACCESS_KEY


def now(**span):
    return datetime.now(timezone.utc) + timedelta(**span)


def test_a_wrong_secret_says_what_was_signed(raw):
    answer = raw("GET", "/", secret_key="wrong-secret")
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    xml = answer.xml
    assert xml.findtext("AWSAccessKeyId") == ACCESS_KEY
    assert xml.findtext("StringToSign").startswith("AWS4-HMAC-SHA256\n")
    assert xml.findtext("CanonicalRequest").startswith("GET\n/\n")
    assert xml.findtext("SignatureProvided") and xml.findtext("StringToSignBytes")


def test_an_unknown_key(raw):
    answer = raw("GET", "/", access_key="AKIANOBODY")
    assert (answer.status, answer.code) == (403, "InvalidAccessKeyId")
    assert answer.xml.findtext("AWSAccessKeyId") == "AKIANOBODY"


@pytest.mark.parametrize("minutes", [16, -16, 60 * 24 * 365])
def test_a_clock_that_is_off(raw, minutes):
    answer = raw("GET", "/", when=now(minutes=minutes))
    assert (answer.status, answer.code) == (403, "RequestTimeTooSkewed")
    assert answer.xml.findtext("RequestTime") and answer.xml.findtext("ServerTime")
    assert answer.xml.findtext("MaxAllowedSkewMilliseconds") == "900000"


@pytest.mark.parametrize("minutes", [14, -14])
def test_a_clock_that_is_a_little_off(raw, minutes):
    assert raw("GET", "/", when=now(minutes=minutes)).status == 200


def test_nobody_is_let_in_without_a_signature(raw, bucket, bucket_name):
    for method, target in (
        ("PUT", f"/{bucket_name}-new"),
        ("GET", "/"),
        ("PUT", f"/{bucket}/k"),
        ("GET", f"/{bucket}/k"),
        ("DELETE", f"/{bucket}"),
        ("POST", f"/{bucket}?delete"),
    ):
        answer = raw.bare(method, target)
        assert (answer.status, answer.code) == (403, "AccessDenied"), (method, target)


def test_an_empty_authorization_is_no_signature(raw, bucket_name):
    answer = raw.bare("PUT", f"/{bucket_name}", {"Authorization": ""})
    assert (answer.status, answer.code) in ((403, "AccessDenied"), (400, "InvalidArgument"))
    assert raw("HEAD", f"/{bucket_name}").status == 404


def test_another_scheme_is_an_invalid_argument(raw):
    for value in ("Basic dXNlcjpwYXNz", "Bearer x"):
        answer = raw.bare("GET", "/", {"Authorization": value})
        assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_version_2_is_not_supported(raw):
    answer = raw.bare(
        "GET", "/", {"Authorization": f"AWS {ACCESS_KEY}:frJIUN8DYpKDtOLCwo//yllqDzg=", "Date": "Tue, 27 Mar 2007 19:36:42 +0000"}
    )
    assert (answer.status, answer.code) == (400, "InvalidRequest")


@pytest.mark.parametrize(
    "value",
    [
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=x",
        f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20260101/us-east-1/s3/aws4_request, SignedHeaders=host",
        f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20260101/us-east-1, SignedHeaders=host, Signature=0",
        f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20260101/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=0",
    ],
)
def test_a_malformed_header(raw, value):
    from harness import sigv4

    headers = {"Authorization": value, "x-amz-date": sigv4.amz_date(now()), "x-amz-content-sha256": sigv4.EMPTY_SHA256}
    answer = raw.bare("GET", "/", headers)
    assert (answer.status, answer.code) == (400, "AuthorizationHeaderMalformed"), answer


def test_any_region_is_taken(raw):
    assert raw("GET", "/", region="mars-north-7").status == 200
    assert raw("GET", "/", region="auto").status == 200


def test_a_header_that_was_added_without_a_signature_is_refused(raw, bucket):
    answer = raw("PUT", f"/{bucket}/k", body=b"x", unsigned_headers={"x-amz-meta-evil": "1"})
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert "x-amz-meta-evil" in answer.xml.findtext("HeadersNotSigned")


def test_a_signed_header_that_was_changed_does_not_match(raw, bucket):
    prepared = raw.prepare("PUT", f"/{bucket}/k", headers={"x-amz-meta-a": "1"}, body=b"x")
    prepared.headers["x-amz-meta-a"] = "2"
    answer = raw.send(prepared)
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")


def test_a_request_without_a_date_is_denied(raw):
    prepared = raw.prepare("GET", "/")
    del prepared.headers["x-amz-date"]
    answer = raw.send(prepared)
    assert answer.status == 403 and answer.code in ("AccessDenied", "SignatureDoesNotMatch")


def test_a_request_without_its_digest_header_is_refused(raw):
    prepared = raw.prepare("GET", "/")
    del prepared.headers["x-amz-content-sha256"]
    answer = raw.send(prepared)
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert answer.xml.findtext("MissingHeaderName") == "x-amz-content-sha256"


def test_a_session_token_that_nobody_gave_is_invalid(raw):
    answer = raw("GET", "/", headers={"x-amz-security-token": "x"})
    assert (answer.status, answer.code) in ((400, "InvalidToken"), (403, "InvalidToken"))


def test_spaces_in_header_values_are_gathered(raw, bucket):
    assert raw("PUT", f"/{bucket}/k", headers={"x-amz-meta-a": "one  two   three"}, body=b"x").status == 200


def test_query_parameters_are_signed_in_order_of_their_bytes(raw, bucket):
    query = [("prefix", "a b+c/ä"), ("list-type", "2"), ("delimiter", "&="), ("max-keys", "5"), ("start-after", "")]
    assert raw("GET", f"/{bucket}", query).status == 200


def test_the_default_pair_does_not_work_through_a_proxy(raw):
    answer = raw("GET", "/", unsigned_headers={"X-Forwarded-For": "203.0.113.9"})
    assert answer.status == 403 and answer.code == "AccessDenied"
    assert "RUSTFS_ACCESS_KEY" in answer.xml.findtext("Message")
