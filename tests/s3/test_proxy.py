"""Behind a proxy that changes Host."""

import pytest

from harness.raw import Raw
from harness.server import Server

KEYS = {"RUSTFS_ACCESS_KEY": "proxyadmin", "RUSTFS_SECRET_KEY": "proxysecret"}


def start(tmp_path_factory, **environment):
    server = Server(tmp_path_factory.mktemp("proxy"), 1, KEYS | environment).start()
    return server, Raw(server, "proxyadmin", "proxysecret")


@pytest.fixture(scope="module")
def trusting(tmp_path_factory):
    server, raw = start(tmp_path_factory)
    yield raw
    server.stop_well()
    server.remove()


@pytest.fixture(scope="module")
def wary(tmp_path_factory):
    server, raw = start(tmp_path_factory, RUSTFS_TRUSTED_PROXY_NETWORKS="10.0.0.0/8")
    yield raw
    server.stop_well()
    server.remove()


def through_proxy(raw, method, path, signed_host, forwarded):
    """Signed for one host, received with another, as a proxy does it."""
    prepared = raw.prepare(method, path, host=signed_host)
    prepared.headers["Host"] = raw.host
    prepared.headers |= forwarded
    return raw.send(prepared)


@pytest.mark.parametrize(
    "forwarded",
    [
        {"X-Forwarded-Host": "s3.example.com"},
        {"X-Forwarded-Host": "s3.example.com, inner.proxy", "X-Forwarded-For": "203.0.113.5"},
        {"Forwarded": 'for=203.0.113.5;host="s3.example.com";proto=https'},
    ],
)
def test_a_trusted_proxy_names_the_host_that_was_signed(trusting, forwarded):
    assert through_proxy(trusting, "GET", "/", "s3.example.com", forwarded).status == 200
    assert through_proxy(trusting, "GET", "/", "s3.example.com:8443", {"X-Forwarded-Host": "s3.example.com:8443"}).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_presigned_urls_work_through_a_trusted_proxy(trusting, method):
    assert trusting("PUT", "/bucket").status in (200, 409)
    assert trusting("PUT", "/bucket/k", body=b"bar").status == 200
    target = trusting.presigned(method, "/bucket/k", host="s3.example.com")
    answer = trusting.bare(method, target, {"X-Forwarded-Host": "s3.example.com", "X-Forwarded-Proto": "https"})
    assert answer.status in (200, 204), answer


def test_a_proxy_that_passes_host_on_needs_nothing_else(trusting):
    answer = trusting("GET", "/", host="s3.example.com", unsigned_headers={"X-Forwarded-For": "203.0.113.5", "X-Real-IP": "203.0.113.5"})
    assert answer.status == 200


def test_another_host_than_the_signed_one_does_not_match(trusting):
    for forwarded in ({}, {"X-Forwarded-Host": "evil.example.com"}):
        answer = through_proxy(trusting, "GET", "/", "s3.example.com", forwarded)
        assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")


def test_who_is_not_trusted_can_not_name_a_host(wary):
    answer = through_proxy(wary, "GET", "/", "s3.example.com", {"X-Forwarded-Host": "s3.example.com"})
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    assert wary("GET", "/").status == 200


def test_keys_of_ones_own_work_through_a_proxy_and_the_default_pair_is_gone(trusting):
    assert trusting("GET", "/", unsigned_headers={"X-Forwarded-For": "203.0.113.5"}).status == 200
    answer = trusting("GET", "/", access_key="rustfsadmin", secret_key="rustfssecret")
    assert (answer.status, answer.code) == (403, "InvalidAccessKeyId")
