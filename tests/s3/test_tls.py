"""HTTPS: certificates by name, exchanged while connections go on, and clients that show theirs."""

import signal
import socket
import ssl
import subprocess
import time

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError, ClientError

from harness.certificates import Authority, put

RELOAD_SECONDS_MAX = 20


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def certs(tmp_path):
    return tmp_path / "certs"


@pytest.fixture
def make_https(make_server, authority, certs):
    """A server with a certificate of the authority in `certs`."""

    def make(environment: dict[str, str] | None = None, shown=None, drives: int = 1):
        authority.leaf("localhost").put(certs)
        server = make_server(drives, {"RUSTFS_TLS_RELOAD_INTERVAL": "1"} | (environment or {}), ["--tls-path", str(certs)])
        server.authority = authority.certificate
        server.shown = shown and (shown.certificate, shown.key)
        return server.start()

    return make


def served_names(server, authority: Authority, name: str | None) -> list[str]:
    """The names in the certificate that a client gets for a name."""
    context = ssl.create_default_context(cafile=str(authority.certificate))
    context.check_hostname = False
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as plain:
        with context.wrap_socket(plain, server_hostname=name) as connection:
            return [value for kind, value in connection.getpeercert()["subjectAltName"] if kind == "DNS"]


def wait_until_served(server, authority: Authority, name: str, names: list[str]) -> None:
    deadline = time.monotonic() + RELOAD_SECONDS_MAX
    while served_names(server, authority, name) != names:
        assert time.monotonic() < deadline, f"{names} are not served:\n{server.output()}"
        time.sleep(0.1)


def test_boto3_with_a_bundle_stores_and_reads_over_https(make_https):
    server = make_https(drives=4)
    s3 = server.client()
    data = bytes(range(256)) * (48 << 10)
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="small", Body=b"small")
    assert s3.get_object(Bucket="bucket", Key="small")["Body"].read() == b"small"
    s3.put_object(Bucket="bucket", Key="whole", Body=data)
    assert s3.get_object(Bucket="bucket", Key="whole")["Body"].read() == data
    path = server.folder / "data"
    path.write_bytes(data)
    s3.upload_file(str(path), "bucket", "parts", Config=TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20))
    assert s3.get_object(Bucket="bucket", Key="parts", Range="bytes=5000000-5999999")["Body"].read() == data[5_000_000:6_000_000]
    assert f"https://127.0.0.1:{server.port}" in server.output()
    server.stop_well()


def test_a_client_that_does_not_trust_the_authority_connects_not(make_https, tmp_path):
    server = make_https()
    server.authority = Authority(tmp_path / "other").certificate
    with pytest.raises(BotoCoreError, match="CERTIFICATE_VERIFY_FAILED"):
        server.client().list_buckets()


def test_http_2_is_agreed_upon_in_the_handshake(make_https, authority, tmp_path):
    server = make_https()
    s3 = server.client()
    s3.create_bucket(Bucket="bucket")
    file = tmp_path / "file"
    file.write_bytes(bytes(range(256)) * 8192)
    said = ("-w", "\n%{http_version} %{http_code}", "--cacert", str(authority.certificate))
    for option, version in (("--http2", "2"), ("--http1.1", "1.1")):
        url = s3.generate_presigned_url("put_object", Params={"Bucket": "bucket", "Key": version})
        sent = subprocess.run(["curl", "-sS", option, *said, "--upload-file", str(file), url], capture_output=True, text=True)
        assert sent.stdout.split() == [version, "200"], sent
        url = s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": version})
        back = tmp_path / f"back{version}"
        got = subprocess.run(["curl", "-sS", option, *said, "-o", str(back), url], capture_output=True, text=True)
        assert got.stdout.split() == [version, "200"], got
        assert back.read_bytes() == file.read_bytes()


def test_each_name_gets_its_certificate(make_https, authority, certs):
    authority.leaf("*.s3.example", "s3.example").put(certs / "s3.example")
    authority.leaf("other.example").put(certs / "other.example", ("public.crt", "private.key"))
    server = make_https()
    for name, wanted in (
        ("s3.example", ["*.s3.example", "s3.example"]),
        ("bucket.s3.example", ["*.s3.example", "s3.example"]),
        ("other.example", ["other.example"]),
        ("unknown.example", ["localhost"]),
        (None, ["localhost"]),
    ):
        assert served_names(server, authority, name) == wanted, name


def test_a_new_certificate_serves_while_an_open_connection_lives_on(make_https, authority, certs):
    server = make_https()
    old = server.connection()
    old.request("GET", "/health/live")
    assert old.getresponse().read() is not None
    authority.leaf("new.example", "localhost").put(certs)
    wait_until_served(server, authority, "localhost", ["new.example", "localhost"])
    before = old.sock
    old.request("GET", "/health/live")
    assert old.getresponse().status == 200 and old.sock is before
    old.close()
    server.stop_well()


def test_sighup_is_a_look_at_once(make_https, authority, certs):
    server = make_https({"RUSTFS_TLS_RELOAD_ENABLE": "false"})
    authority.leaf("new.example").put(certs)
    time.sleep(1.5)
    assert served_names(server, authority, "localhost") == ["localhost"]
    server.process.send_signal(signal.SIGHUP)
    wait_until_served(server, authority, "localhost", ["new.example"])


def test_a_broken_pair_is_said_once_and_the_former_one_serves_on(make_https, authority, certs):
    server = make_https()
    stranger = authority.leaf("stranger.example")
    put(certs / "rustfs_cert.pem", stranger.certificate.read_bytes())
    deadline = time.monotonic() + RELOAD_SECONDS_MAX
    while "does not belong to the certificate" not in server.output():
        assert time.monotonic() < deadline, server.output()
        time.sleep(0.1)
    time.sleep(2.5)
    assert server.output().count("does not belong to the certificate") == 1
    assert served_names(server, authority, "localhost") == ["localhost"]
    put(certs / "rustfs_key.pem", stranger.key.read_bytes())
    wait_until_served(server, authority, "localhost", ["stranger.example"])


def test_a_certificate_that_ends_soon_is_warned_of(make_https, authority, certs):
    authority.leaf("soon.example", days=5).put(certs / "soon.example")
    server = make_https()
    deadline = time.monotonic() + RELOAD_SECONDS_MAX
    while "soon.example/rustfs_cert.pem ends on" not in server.output():
        assert time.monotonic() < deadline, server.output()
        time.sleep(0.1)


@pytest.mark.parametrize(
    "break_it, said",
    [
        (lambda certs, other: (certs / "rustfs_key.pem").unlink(), "rustfs_key.pem is not"),
        (lambda certs, other: put(certs / "rustfs_key.pem", other.key.read_bytes()), "does not belong to the certificate"),
        (lambda certs, other: put(certs / "rustfs_cert.pem", b"nonsense"), "can't be used as a certificate"),
    ],
)
def test_a_start_with_a_broken_pair_is_refused(make_server, authority, certs, break_it, said):
    authority.leaf("localhost").put(certs)
    break_it(certs, authority.leaf("localhost"))
    server = make_server(1, None, ["--certs-dir", str(certs)])
    server.launch()
    assert server.wait_for_exit() == 1
    output = server.output()
    assert said in output and str(certs) in output, output
    assert "PRIVATE" not in output, output


def test_plain_http_is_told_that_this_is_https(make_https):
    server = make_https()
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = plain.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 400 ") and answer.endswith(b"Client sent an HTTP request to an HTTPS server.\n")


def test_clients_have_to_show_a_certificate_where_it_is_required(make_https, authority, certs, tmp_path):
    put_authority(certs, authority)
    server = make_https({"RUSTFS_SERVER_MTLS_ENABLE": "true"}, shown=authority.leaf("client"))
    assert server.client().list_buckets()["Buckets"] == []
    server.shown = None
    with pytest.raises(BotoCoreError):
        server.client().list_buckets()
    stranger = Authority(tmp_path / "stranger").leaf("client")
    server.shown = (stranger.certificate, stranger.key)
    with pytest.raises(BotoCoreError):
        server.client().list_buckets()


def test_clients_may_show_a_certificate_where_it_is_optional(make_https, authority, certs):
    put_authority(certs, authority)
    server = make_https({"RUSTFS_SERVER_MTLS_ENABLE": "optional"})
    assert server.client().list_buckets()["Buckets"] == []
    shown = authority.leaf("client")
    server.shown = (shown.certificate, shown.key)
    assert server.client().list_buckets()["Buckets"] == []
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        server.client(secret_key="wrong-secret").list_buckets()


def put_authority(certs, authority: Authority) -> None:
    certs.mkdir(exist_ok=True)
    put(certs / "client_ca.crt", authority.certificate.read_bytes())
