"""ListObjectsV2."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest


@pytest.fixture
def put(s3, bucket):
    def put(*keys):
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda key: s3.put_object(Bucket=bucket, Key=key, Body=b"x"), keys))

    return put


@pytest.fixture
def ls(raw, bucket):
    def ls(**parameters):
        answer = raw(
            "GET", f"/{bucket}", [("list-type", "2"), *((name.replace("_", "-"), str(value)) for name, value in parameters.items())]
        )
        assert answer.status == 200, answer
        return answer.xml

    return ls


def keys(page):
    return [element.text for element in page.findall("Contents/Key")]


def prefixes(page):
    return [element.text for element in page.findall("CommonPrefixes/Prefix")]


def facts(page):
    return keys(page), prefixes(page), page.findtext("IsTruncated")


def walk(ls, **parameters):
    """All pages: what each one has."""
    pages, token = [], {}
    while True:
        page = ls(**parameters, **token)
        pages.append((keys(page), prefixes(page)))
        assert int(page.findtext("KeyCount")) == len(keys(page)) + len(prefixes(page))
        following = page.findtext("NextContinuationToken")
        assert (following is not None) == (page.findtext("IsTruncated") == "true")
        if following is None:
            return pages
        assert {"continuation_token": following} != token, "the same token again"
        token = {"continuation_token": following}
        assert len(pages) < 5000


def test_the_key_count(put, ls):
    put(*"abcde")
    assert ls().findtext("KeyCount") == "5"


@pytest.mark.every_layout
def test_a_delimiter_gathers_what_is_below_it(put, ls):
    put("foo/bar", "foo/bar/xyzzy", "quux/thud", "asdf")
    page = ls(delimiter="/")
    assert facts(page) == (["asdf"], ["foo/", "quux/"], "false")
    assert page.findtext("Delimiter") == "/" and page.findtext("KeyCount") == "3"


@pytest.mark.every_layout
def test_pages_step_past_the_whole_of_a_prefix(put, ls):
    put("_obj1_", "_under1/bar", "_under1/baz/xyzzy", "_under2/thud", "_under2/bla")
    assert walk(ls, delimiter="/", max_keys=1) == [(["_obj1_"], []), ([], ["_under1/"]), ([], ["_under2/"])]
    assert walk(ls, delimiter="/", max_keys=2) == [(["_obj1_"], ["_under1/"]), ([], ["_under2/"])]
    assert walk(ls, delimiter="/", prefix="_under1/", max_keys=1) == [(["_under1/bar"], []), ([], ["_under1/baz/"])]
    assert walk(ls, delimiter="/", prefix="_under1/", max_keys=2) == [(["_under1/bar"], ["_under1/baz/"])]


@pytest.mark.parametrize(
    ("made", "delimiter", "found"),
    [
        (["b.ar", "b.az", "c.ab", "foo"], ".", (["foo"], ["b.", "c."])),
        (["b%ar", "b%az", "c%ab", "foo"], "%", (["foo"], ["b%", "c%"])),
        (["bar", "baz", "cab", "foo"], "/", (["bar", "baz", "cab", "foo"], [])),
    ],
)
def test_delimiters_of_any_kind(put, ls, made, delimiter, found):
    put(*made)
    page = ls(delimiter=delimiter)
    assert (keys(page), prefixes(page)) == found and page.findtext("Delimiter") == delimiter


def test_prefixes(put, ls):
    put("bar", "baz", "foo")
    for prefix, found in (("ba", ["bar", "baz"]), ("", ["bar", "baz", "foo"]), ("d", []), ("\n", [])):
        page = ls(prefix=prefix)
        assert keys(page) == found and (page.findtext("Prefix") or "") == prefix


def test_prefix_and_delimiter(put, ls):
    put("bar", "bazar", "cab", "foo", "b/a/r", "b/a/c", "b/a/g", "g")
    assert facts(ls(prefix="ba", delimiter="a")) == (["bar"], ["baza"], "false")
    assert facts(ls(prefix="/", delimiter="d")) == ([], [], "false")
    assert facts(ls(prefix="b/", delimiter="z")) == (["b/a/c", "b/a/g", "b/a/r"], [], "false")


def test_max_keys(put, ls):
    put("bar", "baz", "foo", "quxx")
    assert facts(ls(max_keys=1)) == (["bar"], [], "true")
    assert facts(ls(max_keys=0)) == ([], [], "false")
    page = ls()
    assert page.findtext("MaxKeys") == "1000" and facts(page) == (["bar", "baz", "foo", "quxx"], [], "false")


@pytest.mark.parametrize("value", ["blah", "-1"])
def test_max_keys_that_is_no_number_is_an_invalid_argument(raw, bucket, value):
    answer = raw("GET", f"/{bucket}", [("list-type", "2"), ("max-keys", value)])
    assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_start_after(put, ls):
    put("bar", "baz", "foo", "quxx")
    page = ls(start_after="bar")
    assert facts(page) == (["baz", "foo", "quxx"], [], "false") and page.findtext("StartAfter") == "bar"
    assert keys(ls(start_after="blah")) == ["foo", "quxx"] and keys(ls(start_after="zzz")) == []


def test_the_token_wins_over_start_after(put, ls):
    put("bar", "baz", "foo", "quxx")
    token = ls(start_after="bar", max_keys=1).findtext("NextContinuationToken")
    page = ls(start_after="bar", continuation_token=token)
    assert facts(page) == (["foo", "quxx"], [], "false")
    assert page.findtext("StartAfter") == "bar" and page.findtext("ContinuationToken") == token


def test_an_empty_token_is_none_and_is_echoed(put, ls, raw, bucket):
    put("bar", "baz")
    page = ls(continuation_token="")
    assert keys(page) == ["bar", "baz"]
    assert page.find("ContinuationToken") is not None and not page.findtext("ContinuationToken")


@pytest.mark.parametrize("token", ["nonsense", "AAAA", "ä", "x" * 5000])
def test_a_token_that_was_never_given_out_is_an_invalid_argument(raw, bucket, token):
    answer = raw("GET", f"/{bucket}", [("list-type", "2"), ("continuation-token", token)])
    assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_owners_come_when_asked_for(put, ls, s3):
    put("k")
    assert ls().find("Contents/Owner") is None and ls(fetch_owner="false").find("Contents/Owner") is None
    assert ls(fetch_owner="true").findtext("Contents/Owner/ID") == s3.list_buckets()["Owner"]["ID"]


def test_url_encoding(put, ls):
    put("foo+1/bar", "foo/bar/xyzzy", "quux ab/thud", "asdf+b")
    page = ls(delimiter="/", encoding_type="url")
    assert keys(page) == ["asdf%2Bb"] and prefixes(page) == ["foo%2B1/", "foo/", "quux+ab/"]


def test_url_encoding_is_of_prefix_delimiter_and_start_after_too(put, ls):
    put("a b/ü/1")
    page = ls(encoding_type="url", prefix="a b/", delimiter="ü", start_after="a a")
    assert (page.findtext("Prefix"), page.findtext("Delimiter"), page.findtext("StartAfter")) == ("a+b/", "%C3%BC", "a+a")
    assert prefixes(page) == ["a+b/%C3%BC"]


@pytest.mark.every_layout
@pytest.mark.limit(120)
def test_order_is_by_bytes_and_pages_of_any_size_give_all(put, ls):
    dice = random.Random(3)
    made = {
        "".join(dice.choice(["a", "b", "/", "-", "ä", "😀", "Z", "~", " ", "%"]) for _ in range(dice.randint(1, 6))) for _ in range(150)
    }
    put(*made)
    ordered = sorted(made, key=lambda key: key.encode())
    for size in (1, 7, 1000):
        assert [key for page, _ in walk(ls, max_keys=size) for key in page] == ordered
    for prefix, delimiter in (("", "/"), ("a", "/"), ("", "b"), ("ä", "-"), ("", "😀")):
        below = [key for key in ordered if key.startswith(prefix)]
        rolled = {prefix + key[len(prefix) :].partition(delimiter)[0] + delimiter for key in below if delimiter in key[len(prefix) :]}
        plain = [key for key in below if delimiter not in key[len(prefix) :]]
        for size in (1, 3, 1000):
            pages = walk(ls, prefix=prefix, delimiter=delimiter, max_keys=size)
            assert [key for page, _ in pages for key in page] == plain, (prefix, delimiter, size)
            assert [one for _, page in pages for one in page] == sorted(rolled, key=str.encode), (prefix, delimiter, size)
            assert all(len(page) + len(more) == size for page, more in pages[:-1])


def test_what_is_put_between_two_pages_is_seen_after_the_token_and_not_before(put, ls):
    put("b", "d", "f")
    token = ls(max_keys=2).findtext("NextContinuationToken")
    put("a", "e")
    assert keys(ls(continuation_token=token)) == ["e", "f"]


def test_a_token_goes_on_where_its_key_was_deleted(put, ls, s3, bucket):
    put("a", "b", "c", "d")
    token = ls(max_keys=2).findtext("NextContinuationToken")
    s3.delete_object(Bucket=bucket, Key="b")
    s3.delete_object(Bucket=bucket, Key="c")
    assert keys(ls(continuation_token=token)) == ["d"]
