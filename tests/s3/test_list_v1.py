"""ListObjects, version 1."""

from datetime import timezone

import pytest

from harness.errors import refused


@pytest.fixture
def put(s3, bucket):
    def put(*keys):
        for key in keys:
            s3.put_object(Bucket=bucket, Key=key, Body=key.encode())

    return put


@pytest.fixture
def ls(raw, bucket):
    """The answer as it is on the wire: boto3 decodes and fills in."""

    def ls(**parameters):
        answer = raw("GET", f"/{bucket}", [(name.replace("_", "-"), str(value)) for name, value in parameters.items()])
        assert answer.status == 200, answer
        return answer.xml

    return ls


def keys(page):
    return [element.text for element in page.findall("Contents/Key")]


def prefixes(page):
    return [element.text for element in page.findall("CommonPrefixes/Prefix")]


def facts(page):
    return keys(page), prefixes(page), page.findtext("IsTruncated")


def test_pages_go_on_by_marker(put, ls):
    put("bar", "baz", "foo")
    assert facts(ls(max_keys=2)) == (["bar", "baz"], [], "true")
    page = ls(marker="baz", max_keys=2)
    assert facts(page) == (["foo"], [], "false") and page.findtext("Marker") == "baz"


@pytest.mark.every_layout
def test_a_delimiter_gathers_what_is_below_it(put, ls):
    put("foo/bar", "foo/bar/xyzzy", "quux/thud", "asdf")
    page = ls(delimiter="/")
    assert facts(page) == (["asdf"], ["foo/", "quux/"], "false")
    assert page.findtext("Delimiter") == "/"


def test_a_key_that_is_the_prefix_is_a_key(put, ls):
    put("asdf/")
    page = ls(prefix="asdf/", delimiter="/", max_keys=1000)
    assert facts(page) == (["asdf/"], [], "false") and page.find("NextMarker") is None


@pytest.mark.parametrize(
    ("made", "delimiter", "found"),
    [
        (["bar", "baz", "cab", "foo"], "a", (["foo"], ["ba", "ca"])),
        (["b.ar", "b.az", "c.ab", "foo"], ".", (["foo"], ["b.", "c."])),
        (["b%ar", "b%az", "c%ab", "foo"], "%", (["foo"], ["b%", "c%"])),
        (["b ar", "b az", "c ab", "foo"], " ", (["foo"], ["b ", "c "])),
        (["bar", "baz", "cab", "foo"], "\n", (["bar", "baz", "cab", "foo"], [])),
        (["axxb", "axxc", "bxc"], "xx", (["bxc"], ["axx"])),
        (["aäb", "aäc", "b"], "ä", (["b"], ["aä"])),
    ],
)
def test_delimiters_of_any_kind(put, ls, made, delimiter, found):
    put(*made)
    page = ls(delimiter=delimiter)
    assert (keys(page), prefixes(page)) == found
    assert page.findtext("Delimiter") == delimiter


def test_an_empty_delimiter_is_none(put, ls):
    put("bar", "baz", "cab", "foo")
    for page in (ls(delimiter=""), ls()):
        assert keys(page) == ["bar", "baz", "cab", "foo"] and prefixes(page) == []
        assert page.find("Delimiter") is None


def test_prefixes(put, ls):
    put("foo/bar", "foo/baz", "quux")
    page = ls(prefix="foo/")
    assert keys(page) == ["foo/bar", "foo/baz"] and page.findtext("Prefix") == "foo/"
    page = ls(prefix="")
    assert len(keys(page)) == 3 and page.find("Prefix") is not None and not page.findtext("Prefix")
    assert keys(ls(prefix="d")) == [] == keys(ls(prefix="\n"))


def test_prefix_and_delimiter(put, ls):
    put("foo/bar", "foo/baz/xyzzy", "quux/thud", "asdf")
    assert facts(ls(prefix="foo/", delimiter="/")) == (["foo/bar"], ["foo/baz/"], "false")


def test_the_delimiter_is_looked_for_after_the_prefix(put, ls):
    put("bar", "bazar", "cab", "foo")
    assert facts(ls(prefix="ba", delimiter="a")) == (["bar"], ["baza"], "false")


def test_neither_prefix_nor_delimiter_match(put, ls):
    put("b/a/r", "b/a/c", "b/a/g", "g")
    assert facts(ls(prefix="/", delimiter="d")) == ([], [], "false")
    assert facts(ls(prefix="b", delimiter="z")) == (["b/a/c", "b/a/g", "b/a/r"], [], "false")


def test_pages_of_one(put, ls):
    put("bar", "baz", "foo", "quxx")
    assert facts(ls(max_keys=1)) == (["bar"], [], "true")
    assert facts(ls(marker="bar")) == (["baz", "foo", "quxx"], [], "false")


def test_max_keys_0_is_an_empty_page(put, ls):
    put("bar", "baz")
    assert facts(ls(max_keys=0)) == ([], [], "false")


def test_max_keys_left_out_is_1000(put, ls):
    put("bar", "baz", "foo", "quxx")
    page = ls()
    assert page.findtext("MaxKeys") == "1000" and facts(page) == (["bar", "baz", "foo", "quxx"], [], "false")


@pytest.mark.parametrize("value", ["blah", "-1", "2147483648", "1.5"])
def test_max_keys_that_is_no_number_is_an_invalid_argument(raw, bucket, value):
    answer = raw("GET", f"/{bucket}", [("max-keys", value)])
    assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_markers(put, ls):
    put("bar", "baz", "foo", "quxx")
    page = ls()
    assert page.find("Marker") is not None and not page.findtext("Marker")
    page = ls(marker="blah")
    assert keys(page) == ["foo", "quxx"] and page.findtext("Marker") == "blah"
    page = ls(marker="zzz")
    assert facts(page) == ([], [], "false") and page.findtext("Marker") == "zzz"


def test_next_marker_comes_with_a_delimiter_only_and_steps_over_a_prefix(put, ls):
    put("a/1", "a/2", "b/1", "c")
    first = ls(delimiter="/", max_keys=1)
    assert facts(first) == ([], ["a/"], "true") and first.findtext("NextMarker") == "a/"
    second = ls(delimiter="/", max_keys=1, marker="a/")
    assert facts(second) == ([], ["b/"], "true") and second.findtext("NextMarker") == "b/"
    assert facts(ls(delimiter="/", max_keys=1, marker="b/")) == (["c"], [], "false")
    assert ls(max_keys=1).find("NextMarker") is None


def test_entries_say_what_head_says(s3, put, bucket):
    put("bar", "baz", "foo")
    owner = s3.list_buckets()["Owner"]["ID"]
    for item in s3.list_objects(Bucket=bucket)["Contents"]:
        head = s3.head_object(Bucket=bucket, Key=item["Key"])
        assert (item["ETag"], item["Size"], item["Owner"]["ID"]) == (head["ETag"], head["ContentLength"], owner)
        assert item["LastModified"].astimezone(timezone.utc).replace(microsecond=0) == head["LastModified"]
        assert item["StorageClass"] == "STANDARD"


def test_url_encoding(put, ls):
    put("foo+1/bar", "foo/bar/xyzzy", "quux ab/thud", "asdf+b")
    page = ls(delimiter="/", encoding_type="url")
    assert keys(page) == ["asdf%2Bb"] and prefixes(page) == ["foo%2B1/", "foo/", "quux+ab/"]
    assert page.findtext("EncodingType") == "url"


def test_another_encoding_type_is_an_invalid_argument(raw, bucket):
    answer = raw("GET", f"/{bucket}", [("encoding-type", "base64")])
    assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_anonymous_listing_of_a_private_bucket_is_denied(raw, bucket):
    for target in (f"/{bucket}", f"/{bucket}?list-type=2", "/"):
        answer = raw.bare("GET", target)
        assert (answer.status, answer.code) == (403, "AccessDenied")


def test_a_bucket_that_is_not_there(s3, bucket_name):
    with refused("NoSuchBucket", 404):
        s3.list_objects(Bucket=bucket_name)
