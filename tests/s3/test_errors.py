"""What errors look like on the wire, and errors of requests that name nothing that is."""

import pytest


def test_an_error_is_a_document_with_code_message_resource_and_ids(raw, bucket):
    answer = raw("GET", f"/{bucket}/none%20such")
    assert answer.status == 404 and answer.headers["content-type"] == "application/xml"
    assert answer.body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>')
    root = answer.xml
    assert root.tag == "Error" and b"xmlns" not in answer.body
    assert root.findtext("Code") == "NoSuchKey" and root.findtext("Message") == "The specified key does not exist."
    assert root.findtext("Key") == "none such"
    assert root.findtext("RequestId") == answer.headers["x-amz-request-id"]
    assert root.findtext("HostId") == answer.headers["x-amz-id-2"]


def test_a_missing_bucket_is_named(raw):
    root = raw("GET", "/no-such-bucket-here").xml
    assert (root.findtext("Code"), root.findtext("BucketName")) == ("NoSuchBucket", "no-such-bucket-here")


def test_every_answer_has_ids_of_its_own(raw, bucket):
    answers = [
        raw("GET", "/"),
        raw("PUT", f"/{bucket}/k", body=b"x"),
        raw("HEAD", f"/{bucket}/k"),
        raw("HEAD", f"/{bucket}/none"),
        raw.bare("GET", "/"),
        raw("DELETE", f"/{bucket}/k"),
    ]
    ids = [answer.headers["x-amz-request-id"] for answer in answers]
    assert len(set(ids)) == len(ids) and all(answer.headers["x-amz-id-2"] for answer in answers)


@pytest.mark.parametrize("target", ["/{bucket}/none", "/no-such-bucket", "/no-such-bucket/key"])
def test_errors_of_head_have_no_body(raw, bucket, target):
    answer = raw("HEAD", target.format(bucket=bucket))
    assert (answer.status, answer.body) == (404, b"")
    assert answer.headers["x-amz-request-id"]


def test_the_connection_goes_on_after_an_error(raw, bucket):
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", raw.server.port, timeout=10)
    for path in (f"/{bucket}/none", f"/{bucket}/none", "/no-such-bucket"):
        prepared = raw.prepare("GET", path)
        connection.request("GET", path, headers=prepared.headers)
        answer = connection.getresponse()
        assert answer.status == 404 and answer.read()
    connection.close()


@pytest.mark.parametrize("method", ["PATCH", "TRACE", "PROPFIND", "CONNECT"])
def test_other_methods_are_not_allowed(raw, bucket, method):
    if method == "CONNECT":
        answer = raw.bytes(f"CONNECT /{bucket}/k HTTP/1.1\r\nHost: x\r\n\r\n".encode(), timeout=5, end=True)
        assert answer.split(b" ")[1] in (b"400", b"405"), answer
        return
    answer = raw(method, f"/{bucket}/k")
    assert (answer.status, answer.code) == (405, "MethodNotAllowed")
    assert answer.headers["allow"]


def test_operations_that_are_not_built_say_so(s3, raw, bucket):
    for query in ("policy", "lifecycle", "tagging", "encryption", "replication", "website", "cors", "notification", "object-lock"):
        answer = raw("PUT", f"/{bucket}", [(query, "")], body=b"<x/>")
        assert (answer.status, answer.code) == (501, "NotImplemented"), query


def test_a_query_that_can_not_be_decoded_is_an_invalid_uri(raw, bucket):
    answer = raw.bare("GET", f"/{bucket}?prefix=%zz")
    assert answer.status in (400, 403), answer


def test_keys_and_names_are_escaped_in_errors(raw, bucket):
    answer = raw("GET", f"/{bucket}/%3Cscript%3E%26")
    assert answer.status == 404 and b"<script>" not in answer.body
    assert answer.xml.findtext("Key") == "<script>&"


def test_a_preflight_without_cors_is_forbidden(raw, bucket):
    answer = raw.bare("OPTIONS", f"/{bucket}/k", {"Origin": "http://evil.example", "Access-Control-Request-Method": "GET"})
    assert answer.status == 403 and answer.code in ("AccessForbidden", "AccessDenied")
    assert "access-control-allow-origin" not in answer.headers
