"""Fixtures: servers, clients, buckets; a time limit for every test; the server's output beside every failure."""

import faulthandler
import signal
import uuid
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from harness.raw import Raw
from harness.server import Server

LIMIT_SECONDS = 60
LAYOUTS = {"one-drive": 1, "four-drives": 4}


class TimeLimit(BaseException):
    """The test took too long. No `except Exception` of a test catches it."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    marker = item.get_closest_marker("limit")
    seconds = int(marker.args[0]) if marker else LIMIT_SECONDS
    item.config.stash[_limit] = seconds

    def expired(_signal, _frame):
        raise TimeLimit(f"{item.nodeid} took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, expired)
    signal.alarm(seconds)
    # Where the alarm can't be heard (a call that never returns to Python), the process ends with all stacks shown.
    faulthandler.dump_traceback_later(seconds + 120, exit=True)
    try:
        return (yield)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        faulthandler.cancel_dump_traceback_later()


_limit = pytest.StashKey[int]()
_logs = pytest.StashKey[dict]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    item.stash[_logs] = {server.log: server.log.stat().st_size for server in Server.alive}
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        marks = item.stash.get(_logs, {})
        seen = set(marks) | {server.log for server in Server.alive} | item.stash.setdefault(_made, set())
        for log in sorted(seen):
            if log.exists():
                text = log.read_bytes()[marks.get(log, 0) :].decode(errors="replace")
                report.sections.append((f"server output: {log.parent.name}", text[-8000:] or "(nothing)"))
    return report


_made = pytest.StashKey[set]()


def pytest_generate_tests(metafunc):
    if "server" in metafunc.fixturenames:
        names = list(LAYOUTS) if any(metafunc.definition.iter_markers("every_layout")) else ["one-drive"]
        metafunc.parametrize("server", names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def session_servers(tmp_path_factory):
    """The servers that tests share, started when first asked for; each has to end well."""
    started: dict[str, Server] = {}

    def get(name: str) -> Server:
        if name not in started:
            started[name] = Server(tmp_path_factory.mktemp(name), LAYOUTS[name]).start()
        return started[name]

    yield get
    problems = []
    for server in started.values():
        if server.process is not None and server.process.poll() is None:
            server.process.terminate()  # All at once: the waits below are then one.
    for server in started.values():
        if server.process is None or server.process.poll() not in (None, 0):
            problems.append(f"a server ended before the tests did:\n{server.output()}")
            continue
        try:
            server.stop_well()
        except AssertionError as error:
            problems.append(str(error))
    for server in started.values():
        server.remove()
    assert not problems, "\n".join(problems)


@pytest.fixture(scope="session")
def server(request, session_servers) -> Server:
    """A running server that tests share: one drive, or four where the test is marked `every_layout`."""
    return session_servers(request.param)


@pytest.fixture
def make_server(request, tmp_path_factory):
    """Makes servers that belong to one test alone: they may be killed, and their drives taken away."""
    made: list[Server] = []

    def make(drives: int = 1, environment: dict[str, str] | None = None, arguments: list[str] | None = None) -> Server:
        server = Server(Path(tmp_path_factory.mktemp("own")), drives, environment, arguments)
        made.append(server)
        request.node.stash.setdefault(_made, set()).add(server.log)
        return server

    yield make
    for server in made:
        server.remove()


@pytest.fixture(scope="session")
def s3(server):
    """A client of boto3."""
    return server.client()


@pytest.fixture
def raw(server) -> Raw:
    """Requests made by hand."""
    return Raw(server)


@pytest.fixture
def bucket_name() -> str:
    """A name that no bucket has."""
    return f"test-{uuid.uuid4().hex[:20]}"


@pytest.fixture
def bucket(s3, bucket_name):
    """A fresh bucket; emptied and deleted afterwards."""
    s3.create_bucket(Bucket=bucket_name)
    yield bucket_name
    remove_bucket(s3, bucket_name)


@pytest.fixture
def other_bucket(s3, bucket_name):
    """A second fresh bucket."""
    name = f"{bucket_name}-b"
    s3.create_bucket(Bucket=name)
    yield name
    remove_bucket(s3, name)


def remove_bucket(s3, name: str) -> None:
    """Empties and deletes a bucket, if the test has left it there."""
    try:
        for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=name):
            for upload in page.get("Uploads", []):
                s3.abort_multipart_upload(Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
            keys = [{"Key": item["Key"]} for item in page.get("Contents", [])]
            # XML has no way to write some characters: keys that hold one are deleted one by one.
            plain = [key for key in keys if key["Key"].isprintable()]
            if plain:
                answer = s3.delete_objects(Bucket=name, Delete={"Objects": plain, "Quiet": True})
                assert not answer.get("Errors"), answer["Errors"]
            for key in keys:
                if not key["Key"].isprintable():
                    s3.delete_object(Bucket=name, Key=key["Key"])
        s3.delete_bucket(Bucket=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucket":
            raise


@pytest.fixture
def resolve_everything_here(monkeypatch):
    """Every name is this machine's, so that `bucket.domain` needs no name server."""
    import socket

    real = socket.getaddrinfo

    def here(host, *arguments, **options):
        return real("127.0.0.1", *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", here)
