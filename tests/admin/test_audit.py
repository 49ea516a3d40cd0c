"""The audit log: what it holds and what not, where it goes, and that whatever is done to it is found."""

import json
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.exceptions import ClientError

from harness.admin import request
from harness.raw import Raw
from harness.server import ACCESS_KEY, SECRET_KEY, binary, clean_environment

WAIT_SECONDS_MAX = 30


def verify(*arguments) -> tuple[int, dict]:
    done = subprocess.run(
        [str(binary()), "audit", "verify", "--json", *map(str, arguments)], capture_output=True, text=True, env=clean_environment()
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else {"error": done.stderr}


def entries(folder) -> list[dict]:
    return [json.loads(line) for path in sorted(folder.glob("audit-*.jsonl")) for line in path.read_text().splitlines()]


def wait_for(what, seconds: float = WAIT_SECONDS_MAX):
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)
    return found


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "audit"


@pytest.fixture
def audited(make_server, folder):
    return make_server(1, {"RUSTFS_AUDIT_FILE_PATH": str(folder)}).start()


def test_every_request_is_in_the_log_and_no_secret(audited, folder):
    s3 = audited.client()
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="a key/ü", Body=b"12345")
    assert s3.get_object(Bucket="bucket", Key="a key/ü")["Body"].read() == b"12345"
    with pytest.raises(ClientError):
        audited.client(secret_key="wrong-secret").get_object(Bucket="bucket", Key="a key/ü")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "a key/ü"})
    assert subprocess.run(["curl", "-sS", "-f", url], capture_output=True, check=True).stdout == b"12345"
    assert request(audited, "GET", "/minio/admin/v3/info").status_code == 200
    audited.stop_well()
    log = entries(folder)
    assert [entry["event"] for entry in (log[0], log[-1])] == ["AuditBegin", "AuditEnd"]
    asked = [entry for entry in log if entry["trigger"] == "incoming"]
    assert [entry["api"]["name"] for entry in asked] == ["CreateBucket", "PutObject", "GetObject", "GetObject", "GetObject", "admin/info"]
    put, got, refused, presigned = asked[1:5]
    assert (put["api"]["bucket"], put["api"]["object"], put["api"]["statusCode"]) == ("bucket", "a key/ü", 200)
    assert (got["api"]["tx"], got["api"]["status"], got["accessKey"], got["remotehost"]) == (5, "OK", ACCESS_KEY, "127.0.0.1")
    assert put["api"]["rx"] >= 5 and put["requestID"] and "Boto3" in put["userAgent"]
    assert refused["api"]["statusCode"] == 403
    assert presigned["requestQuery"]["X-Amz-Signature"] == "*REDACTED*" and presigned["accessKey"] == ACCESS_KEY
    assert put["requestHeader"]["authorization"] == "*REDACTED*"
    text = "".join(path.read_text() for path in folder.iterdir())
    assert "Signature=" not in text and SECRET_KEY not in text
    assert verify(folder)[0] == 0


def test_a_client_that_goes_is_in_the_log(audited, folder):
    audited.client().create_bucket(Bucket="bucket")
    raw = Raw(audited)
    prepared = raw.prepare("PUT", "/bucket/key", body=b"x" * 100_000)
    with socket.create_connection(("127.0.0.1", audited.port), timeout=5) as connection:
        connection.sendall(raw.head_bytes(prepared) + prepared.body[:50_000])
        time.sleep(0.5)
    gone = wait_for(lambda: [entry for entry in entries(folder) if entry.get("api", {}).get("object") == "key"])
    assert [(entry["api"]["name"], entry["api"]["rx"]) for entry in gone] == [("PutObject", 50_000)]
    assert gone[0]["api"]["statusCode"] in (400, 499)


@pytest.mark.limit(180)
def test_the_chain_goes_on_over_stops_and_kills(make_server, folder):
    server = make_server(1, {"RUSTFS_AUDIT_FILE_PATH": str(folder)})
    for number in range(3):
        server.start()
        s3 = server.client()
        s3.create_bucket(Bucket=f"bucket{number}")
        wait_for(lambda number=number: f"bucket{number}" in "".join(path.read_text() for path in folder.glob("audit-*")))
        server.kill() if number == 1 else server.stop_well()
    code, said = verify(folder)
    assert code == 0, said
    assert said["report"]["first_sequence"] == 1 and said["report"]["dropped"] == 0
    assert [entry["event"] for entry in entries(folder) if entry["event"]] == ["AuditBegin", "AuditEnd", "AuditBegin", "AuditBegin", "AuditEnd"]
    assert verify("--last", said["report"]["last_hash"], folder)[0] == 0
    code, said = verify("--last", "0" * 64, folder)
    assert code == 1 and "the log ends with" in said["broken"]["what"]


@pytest.mark.parametrize(
    "tamper, line, what",
    [
        (lambda lines: lines[:3] + [lines[3].replace(b'"bucket":"bucket', b'"bucket":"forged')] + lines[4:], 4, "hash is not"),
        (lambda lines: lines[:3] + lines[4:], 4, "where 4 should be"),
        (lambda lines: lines[:2] + [lines[3], lines[2]] + lines[4:], 3, "where 3 should be"),
        (lambda lines: lines[:3] + [lines[1]] + lines[3:], 4, "where 4 should be"),
        (lambda lines: lines[:-2], 1, "are missing"),
        (lambda lines: lines[:-1] + [lines[-1][:50]], 0, "ends within an entry"),
        (lambda lines: lines[:3] + [b"{}\n"] + lines[4:], 4, "no line of an audit log"),
    ],
)
def test_tampering_is_found(audited, folder, tamper, line, what):
    s3 = audited.client()
    for number in range(4):
        s3.create_bucket(Bucket=f"bucket{number}")
    audited.stop_well()
    assert verify(folder)[0] == 0
    path = next(folder.glob("audit-*.jsonl"))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(tamper(lines)))
    code, said = verify(folder)
    assert code == 1 and what in said["broken"]["what"], said
    assert said["broken"]["line"] == line or line == 0
    assert said["broken"]["meaning"]


def test_what_is_no_log_is_not_verified(tmp_path):
    for given in (tmp_path, tmp_path / "gone"):
        code, _ = verify(given)
        assert code == 2


class Receiver(ThreadingHTTPServer):
    """Takes what is posted, while it is well."""

    def __init__(self):
        self.taken: list[bytes] = []
        self.tokens: set[str] = set()
        self.is_well = True
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/audit"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.server.is_well:
            self.server.taken.append(body)
            self.server.tokens.add(self.headers["authorization"])
        self.send_response(200 if self.server.is_well else 503)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.shutdown()
    receiver.server_close()


def webhook(receiver, **more) -> dict[str, str]:
    return {
        "MINIO_AUDIT_WEBHOOK_ENABLE_one": "on",
        "MINIO_AUDIT_WEBHOOK_ENDPOINT_one": receiver.url,
        "MINIO_AUDIT_WEBHOOK_AUTH_TOKEN_one": "secret-token",
    } | more


def test_a_webhook_that_fails_and_returns_gets_a_whole_chain(make_server, receiver, tmp_path):
    server = make_server(1, webhook(receiver)).start()
    s3 = server.client()
    s3.create_bucket(Bucket="bucket")
    wait_for(lambda: len(receiver.taken) == 2)
    receiver.is_well = False
    for number in range(5):
        s3.put_object(Bucket="bucket", Key=str(number), Body=b"x")
    time.sleep(1)
    receiver.is_well = True
    wait_for(lambda: len(receiver.taken) == 7)
    server.stop_well()
    assert receiver.tokens == {"Bearer secret-token"}
    assert "secret-token" not in server.output()
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(b"".join(receiver.taken))
    code, said = verify(copy)
    assert code == 0 and said["report"]["entries"] == 8 and said["report"]["dropped"] == 0, said


def test_what_a_webhook_has_no_room_for_is_told(make_server, receiver, tmp_path):
    server = make_server(1, webhook(receiver, MINIO_AUDIT_WEBHOOK_QUEUE_SIZE_one="2")).start()
    s3 = server.client()
    wait_for(lambda: len(receiver.taken) == 1)
    receiver.is_well = False
    s3.create_bucket(Bucket="bucket")
    for number in range(9):
        s3.put_object(Bucket="bucket", Key=str(number), Body=b"x")
    receiver.is_well = True
    wait_for(lambda: any(b"AuditGap" in line for line in receiver.taken))
    server.stop_well()
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(b"".join(receiver.taken))
    code, said = verify(copy)
    requests = sum(b'"trigger":"incoming"' in line for line in receiver.taken)
    assert code == 0 and said["report"]["dropped"] + requests == 10 and said["report"]["dropped"] > 0, said
    assert "audit entries were lost" in server.output()
