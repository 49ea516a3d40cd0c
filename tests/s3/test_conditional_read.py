"""If-Match, If-None-Match, If-Modified-Since and If-Unmodified-Since of GetObject and HeadObject."""

import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from harness.errors import refused

OLD = "Sat, 29 Oct 1994 19:43:31 GMT"
FUTURE = "Fri, 29 Oct 2100 19:43:31 GMT"


def http_date(when: datetime) -> str:
    return format_datetime(when.astimezone(timezone.utc), usegmt=True)


@pytest.fixture
def put(s3, bucket):
    return s3.put_object(Bucket=bucket, Key="foo", Body=b"bar")


@pytest.fixture
def get(raw, bucket, put):
    return lambda method="GET", **headers: raw(
        method, f"/{bucket}/foo", headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


def test_if_match_with_another_etag_is_412(s3, bucket, put):
    with refused("PreconditionFailed", 412) as error:
        s3.get_object(Bucket=bucket, Key="foo", IfMatch='"ABCORZ"')
    assert error["Error"]["Condition"] == "If-Match"
    with refused("412", 412):
        s3.head_object(Bucket=bucket, Key="foo", IfMatch='"ABCORZ"')


def test_if_match_with_the_etag_holds(get, put):
    for value in (put["ETag"], put["ETag"].strip('"'), "*", f'"x", {put["ETag"]}'):
        assert get(If_Match=value).body == b"bar", value


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_if_none_match_with_the_etag_is_304_with_the_etag(get, put, method):
    answer = get(method, If_None_Match=put["ETag"])
    assert (answer.status, answer.reason, answer.body) == (304, "Not Modified", b"")
    assert answer.headers["etag"] == put["ETag"] and "last-modified" in answer.headers


def test_if_none_match_with_another_etag_holds(get):
    assert get(If_None_Match='"ABCORZ"').body == b"bar"
    assert get(If_None_Match="ABCORZ").status == 200
    assert get(If_None_Match="*").status == 304


def test_if_modified_since_long_ago_holds(get):
    assert get(If_Modified_Since=OLD).body == b"bar"


def test_if_modified_since_then_is_304(s3, bucket, get, put):
    modified = s3.head_object(Bucket=bucket, Key="foo")["LastModified"]
    exactly = get(If_Modified_Since=http_date(modified))
    assert (exactly.status, exactly.headers["etag"]) == (304, put["ETag"])
    time.sleep(1.1)
    answer = get(If_Modified_Since=http_date(modified + timedelta(seconds=1)))
    assert (answer.status, answer.reason, answer.headers["etag"]) == (304, "Not Modified", put["ETag"])


def test_if_unmodified_since(get):
    answer = get(If_Unmodified_Since=OLD)
    assert (answer.status, answer.code) == (412, "PreconditionFailed")
    assert get(If_Unmodified_Since=FUTURE).body == b"bar"


def test_if_match_that_holds_beats_if_unmodified_since(get, put):
    assert get(If_Match=put["ETag"], If_Unmodified_Since=OLD).status == 200


def test_if_none_match_that_fails_beats_if_modified_since(get, put):
    assert get(If_None_Match=put["ETag"], If_Modified_Since=OLD).status == 304


def test_a_condition_on_a_missing_key_is_still_no_such_key(s3, bucket):
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=bucket, Key="none", IfMatch='"x"')
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=bucket, Key="none", IfNoneMatch="*")
