"""Buckets in the host name, with RUSTFS_SERVER_DOMAINS; and without."""

import boto3
import pytest
from botocore.client import Config

from harness.raw import Raw
from harness.server import Server


@pytest.fixture(scope="module")
def domain_server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("domains"), 1, {"RUSTFS_SERVER_DOMAINS": "s3.test,other.test"}).start()
    yield server
    server.stop_well()
    server.remove()


def test_the_bucket_stands_in_the_host(domain_server, resolve_everything_here):
    client = boto3.client(
        "s3",
        endpoint_url=f"http://s3.test:{domain_server.port}",
        region_name="us-east-1",
        aws_access_key_id="rustfsadmin",
        aws_secret_access_key="rustfssecret",
        config=Config(signature_version="s3v4", s3={"addressing_style": "virtual"}, retries={"total_max_attempts": 1}),
    )
    client.create_bucket(Bucket="photos")
    client.put_object(Bucket="photos", Key="a/b c", Body=b"x")
    assert client.get_object(Bucket="photos", Key="a/b c")["Body"].read() == b"x"
    assert [item["Key"] for item in client.list_objects_v2(Bucket="photos")["Contents"]] == ["a/b c"]
    # The same in the path, under the domain and under the address.
    assert domain_server.client().get_object(Bucket="photos", Key="a/b c")["Body"].read() == b"x"
    raw = Raw(domain_server)
    assert raw("GET", "/photos/a/b%20c", host="s3.test").body == b"x"
    assert raw("GET", "/a/b%20c", host="photos.other.test:9000").body == b"x"
    client.delete_object(Bucket="photos", Key="a/b c")
    client.delete_bucket(Bucket="photos")


def test_a_bucket_with_periods_stands_in_the_host(domain_server):
    raw = Raw(domain_server)
    assert raw("PUT", "/", host="pho.tos.s3.test").status == 200
    assert raw("HEAD", "/pho.tos").status == 200
    assert raw("DELETE", "/", host="pho.tos.s3.test").status == 204


def test_a_bucket_in_the_host_that_is_not_there(domain_server):
    answer = Raw(domain_server)("GET", "/key", host="none-such.s3.test")
    assert (answer.status, answer.code) == (404, "NoSuchBucket")


def test_without_domains_the_client_is_told(raw):
    for method, host, path in (
        ("PUT", "photos.s3.example.com", "/"),
        ("GET", "photos.localhost:9000", "/key"),
        ("GET", "photos.127.0.0.1:9000", "/"),
    ):
        answer = raw(method, path, host=host)
        assert (answer.status, answer.code) == (400, "InvalidHostHeader")
        for word in ("path-style", "addressing_style", "RUSTFS_SERVER_DOMAINS"):
            assert word in answer.xml.findtext("Message")
