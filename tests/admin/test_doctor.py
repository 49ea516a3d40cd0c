"""`rustfs doctor` and troubles that were made: each is found, and named with what to do."""

import http.client
import http.server
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from harness.server import ACCESS_KEY, SECRET_KEY, binary, clean_environment, free_port

WELL, FOUND, WORDS = range(3)
KEYS = {"RUSTFS_ACCESS_KEY": "somebody", "RUSTFS_SECRET_KEY": "something-else"}


def doctor(*words, user: int | None = None, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(binary()), "doctor", *map(str, words)],
        capture_output=True,
        text=True,
        env=clean_environment() | environment,
        timeout=50,
        **({"user": user, "group": user, "extra_groups": []} if user else {}),
    )


def found(*words, **environment) -> list[dict]:
    """The findings, which text tells as well."""
    done = doctor(*words, "--json", **environment)
    assert done.stderr == "", done.stderr
    report = json.loads(done.stdout)
    bad = [one for one in report["findings"] if one["severity"] in ("fault", "warning")]
    assert report["well"] == (not bad) and done.returncode == (FOUND if bad else WELL), report
    assert all(one["todo"] for one in bad), bad
    return report["findings"]


def bad(findings: list[dict], check: str) -> list[dict]:
    return [one for one in findings if one["check"] == check and one["severity"] in ("fault", "warning")]


@pytest.fixture
def address() -> str:
    return f"127.0.0.1:{free_port()}"


def test_drives_that_are_well_are_left_as_they_were(tmp_path, address):
    drives = [tmp_path / "d1", tmp_path / "d2"]
    for drive in drives:
        drive.mkdir()
    findings = found(*drives, "--address", address, **KEYS)
    assert not bad(findings, "ports") and not bad(findings, "settings") and not bad(findings, "keys")
    assert any("2 drives are on one file system" in one["what"] for one in bad(findings, "drives")), findings
    assert [list(drive.iterdir()) for drive in drives] == [[], []]
    text = doctor(*drives, "--address", address, **KEYS).stdout
    assert "What to do: " in text and text.rstrip().endswith("warnings.")
    assert max(map(len, text.splitlines())) <= 100


def test_a_missing_drive_of_a_store_is_named(make_server, address):
    server = make_server(drives=4).start()
    server.stop_well()
    server.drives[1].rename(server.folder / "elsewhere")
    findings = found(*server.drives, "--address", address, **KEYS)
    assert any(str(server.drives[1]) in one["what"] + one["todo"] for one in bad(findings, "drives")), findings
    assert any("needs" in one["what"] or "has 4" in one["what"] for one in bad(found(*server.drives[:1], **KEYS), "drives"))


def test_a_folder_that_can_not_be_written_is_named_with_whose_it_is(address):
    folder = Path(tempfile.mkdtemp(prefix="rustfs-doctor-", dir="/tmp"))
    try:
        folder.chmod(0o755)
        program = folder / "rustfs"
        shutil.copy(binary(), program)
        drive = folder / "drive"
        drive.mkdir(mode=0o755)
        done = subprocess.run(
            [str(program), "doctor", str(drive), "--address", address],
            capture_output=True, text=True, env=clean_environment() | KEYS, timeout=50, user=54_321, group=54_321, extra_groups=[],
        )  # fmt: skip
        said = " ".join(done.stdout.split())
        assert done.returncode == FOUND and "chown -R 54321:54321" in said and "fault drives" in said, done
        assert list(drive.iterdir()) == []
    finally:
        shutil.rmtree(folder)


def test_a_port_that_is_taken_is_named_with_who_has_it(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        findings = found(tmp_path / "d", "--address", f"127.0.0.1:{taken.getsockname()[1]}", **KEYS)
        (port,) = bad(findings, "ports")
        assert f"process {os.getpid()}" in port["what"] and "--address" in port["todo"]


def test_a_drive_of_a_running_server_is_only_looked_at(make_server):
    server = make_server(environment=KEYS).start()
    before = sorted(path.name for path in server.drives[0].iterdir())
    findings = found(server.drives[0], "--address", f"127.0.0.1:{server.port}", **KEYS)
    assert sorted(path.name for path in server.drives[0].iterdir()) == before
    assert any(f"process {server.process.pid}" in one["what"] and one["severity"] == "note" for one in findings)
    assert not bad(findings, "ports"), findings
    assert not [one for one in bad(findings, "drives") if one["severity"] == "fault"], findings
    server.stop_well()


def test_settings_that_make_no_sense_are_what_a_start_would_say(tmp_path):
    (one,) = bad(found(tmp_path / "d", RUSTFS_SCRUB_INTERVAL="often", **KEYS), "settings")
    assert "RUSTFS_SCRUB_INTERVAL" in one["what"]
    (one,) = bad(found(tmp_path / "d", RUSTFS_ACCESS_KEY="only-this"), "settings")
    assert "RUSTFS_SECRET_KEY" in one["what"] + one["todo"]


def test_keys_that_everybody_knows_are_named(tmp_path, server, make_server):
    (one,) = bad(found(tmp_path / "d"), "keys")
    assert one["severity"] == "warning" and "documented pair" in one["what"]
    findings = found("--url", server.endpoint, RUSTFS_ACCESS_KEY=ACCESS_KEY, RUSTFS_SECRET_KEY=SECRET_KEY)
    assert any("this machine alone" in one["what"] for one in bad(findings, "keys")), findings
    own = make_server(environment=KEYS).start()
    assert not bad(found("--url", own.endpoint, **KEYS), "keys")


def test_the_way_to_a_server_is_gone_and_found_well(make_server):
    own = make_server(environment=KEYS).start()
    findings = found("--url", own.endpoint, **KEYS)
    assert len([one for one in findings if one["check"] == "path" and one["severity"] == "well"]) == 3, findings
    assert not own.client("somebody", "something-else").list_buckets()["Buckets"]
    wrong = found("--url", own.endpoint, RUSTFS_ACCESS_KEY="somebody", RUSTFS_SECRET_KEY="not-the-secret")
    assert any("secret key is another one" in one["what"] for one in bad(wrong, "path")), wrong
    findings = found("--url", own.endpoint, HTTP_PROXY="http://user:hushhush@proxy:1", **KEYS)
    (proxy,) = bad(findings, "proxies")
    assert "127.0.0.1" in proxy["todo"] and "hushhush" not in json.dumps(findings)


def renamed(headers: dict[str, str]) -> dict[str, str]:
    """As a proxy does that is not told to keep the host."""
    return {name: "inner:9000" if name.lower() == "host" else value for name, value in headers.items()}


def proxy(server_port: int, change):
    """A proxy before a server; `change` may answer itself, or change path and headers."""

    class Proxy(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path, headers = self.path, dict(self.headers)
            answer = change(self.command, path, headers, body)
            if isinstance(answer, int):
                status, told, page = answer, {}, b"<html>no</html>"
            else:
                path, headers = answer
                connection = http.client.HTTPConnection("127.0.0.1", server_port, timeout=20)
                connection.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)
                for name, value in headers.items():
                    connection.putheader(name, value)
                connection.endheaders(body)
                reply = connection.getresponse()
                status, told, page = reply.status, dict(reply.getheaders()), reply.read()
                connection.close()
            self.send_response_only(status)
            if "date" in told:
                self.send_header("Date", told["date"])
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        do_GET = do_PUT = do_POST = handle_any

        def log_message(self, *_):
            pass

    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    return served


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda method, path, headers, body: (path, renamed(headers)), "changes Host"),
        (lambda method, path, headers, body: (path.replace("//", "/"), headers), "normalises paths"),
        (lambda method, path, headers, body: 413 if len(body) > 1 << 20 else (path, headers), "bodies of 2 MiB"),
        (lambda method, path, headers, body: 502, "is no RustFS server"),
    ],
    ids=["host", "path", "body", "gateway"],
)
def test_what_a_proxy_breaks_is_named(make_server, change, said):
    own = make_server(environment=KEYS).start()
    served = proxy(own.port, change)
    try:
        findings = found("--url", f"http://127.0.0.1:{served.server_port}", **KEYS)
        assert any(said in one["what"] for one in findings if one["severity"] == "fault"), findings
    finally:
        served.shutdown()
        served.server_close()


@pytest.mark.parametrize(("seconds", "severity"), [(0, "well"), (120, "warning"), (-3600, "fault")])
def test_a_clock_that_is_wrong_is_named(seconds, severity):
    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            page = b'{"status":"ok","version":"0.1.0"}' if self.path == "/health/live" else b"{}"
            self.send_response_only(200 if self.path == "/health/live" else 404)
            self.send_header("Date", formatdate(time.time() + seconds, usegmt=True))
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_):
            pass

    served = http.server.HTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    try:
        findings = found("--url", f"http://127.0.0.1:{served.server_port}", **KEYS)
        clocks = [one["severity"] for one in findings if one["check"] == "clock" and "even" not in one["what"]]
        assert clocks == [severity], findings
    finally:
        served.shutdown()
        served.server_close()


def test_who_can_not_be_asked_is_named_and_nothing_named_is_nothing_done():
    (one,) = bad(found("--url", f"http://127.0.0.1:{free_port()}", **KEYS), "server")
    assert one["severity"] == "fault" and "refused" in one["what"]
    done = doctor()
    assert done.returncode == WORDS and "--url" in done.stderr and done.stdout == ""
    assert doctor("--url", "nonsense").returncode == WORDS
