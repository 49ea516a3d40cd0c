"""Sessions of those who show a certificate: STS `AssumeRoleWithCertificate`."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.admin import signed_headers
from harness.certificates import Authority, Pair
from harness.server import Server

NAMES = {"sts": "https://sts.amazonaws.com/doc/2011-06-15/"}
POLICY = b'{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":["arn:aws:s3:::own","arn:aws:s3:::own/*"]}]}'


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def https(make_server, authority, tmp_path) -> Server:
    certs = tmp_path / "certs"
    authority.leaf("localhost").put(certs)
    (certs / "client_ca.crt").write_bytes(authority.certificate.read_bytes())
    environment = {"RUSTFS_SERVER_MTLS_ENABLE": "optional", "RUSTFS_IDENTITY_TLS_ENABLE": "on"}
    server = make_server(1, environment, ["--tls-path", str(certs)])
    server.authority = authority.certificate
    server.start()
    server.client().create_bucket(Bucket="own")
    server.client().create_bucket(Bucket="others")
    path = "/rustfs/admin/v3/add-canned-policy?name=device"
    headers = signed_headers(server, "PUT", path, POLICY)
    put = requests.put(server.endpoint + path, data=POLICY, headers=headers, verify=str(authority.certificate), timeout=30)
    assert put.status_code == 200, put.text
    return server


def assume(server: Server, shown: Pair | None, **form: str) -> requests.Response:
    form = {"Action": "AssumeRoleWithCertificate", "Version": "2011-06-15"} | form
    pair = shown and (str(shown.certificate), str(shown.key))
    return requests.post(server.endpoint, data=form, cert=pair, verify=str(server.authority), timeout=30)


def found(answer: requests.Response, name: str) -> str:
    return ElementTree.fromstring(answer.content).findtext(f".//sts:{name}", namespaces=NAMES) or ""


def client_of(server: Server, answer: requests.Response):
    assert answer.status_code == 200, answer.text
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        verify=str(server.authority),
        aws_access_key_id=found(answer, "AccessKeyId"),
        aws_secret_access_key=found(answer, "SecretAccessKey"),
        aws_session_token=found(answer, "SessionToken"),
        config=Config(s3={"addressing_style": "path"}),
    )


def test_a_certificate_gives_a_session_with_the_policy_of_its_name(https, authority):
    s3 = client_of(https, assume(https, authority.leaf("device")))
    s3.put_object(Bucket="own", Key="a", Body=b"x")
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket="others", Key="a", Body=b"x")
    assert error.value.response["Error"]["Code"] == "AccessDenied"


def test_a_session_is_narrowed_by_the_policy_that_comes_along(https, authority):
    read = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::own/*"}]}'
    s3 = client_of(https, assume(https, authority.leaf("device"), Policy=read, DurationSeconds="900"))
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket="own", Key="a", Body=b"x")
    assert error.value.response["Error"]["Code"] == "AccessDenied"


def test_who_shows_none_or_has_no_policy_gets_nothing(https, authority, tmp_path):
    answer = assume(https, None)
    assert (answer.status_code, found(answer, "Code")) == (400, "MissingAuthenticationToken")
    answer = assume(https, authority.leaf("nobody"))
    assert (answer.status_code, found(answer, "Code")) == (403, "AccessDenied")
    # Whose authority is another one's is not spoken with at all.
    stranger = Authority(Path(tmp_path) / "strangers").leaf("device")
    with pytest.raises(requests.exceptions.ConnectionError):
        assume(https, stranger)


def test_it_is_off_unless_it_is_turned_on(make_server, authority, tmp_path):
    certs = tmp_path / "plain"
    authority.leaf("localhost").put(certs)
    (certs / "client_ca.crt").write_bytes(authority.certificate.read_bytes())
    server = make_server(1, {"RUSTFS_SERVER_MTLS_ENABLE": "optional"}, ["--tls-path", str(certs)])
    server.authority = authority.certificate
    server.start()
    answer = assume(server, authority.leaf("readwrite"))
    assert (answer.status_code, found(answer, "Code")) == (400, "InvalidIdentityToken")
