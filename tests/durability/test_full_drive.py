"""Really full drives: small file systems of their own (loop mounts), filled by the load or by somebody else.

What must hold: a full drive refuses new bytes early and says so, loses nothing, can be read and emptied, and takes writes
again when there is room, without a restart.
"""

import hashlib
import http.client
import os
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from durability.load import body_of, listing
from harness.raw import Raw
from harness.server import Server

MIB = 1 << 20
CLIENTS = 6
# Refusals after which a client takes the store for full; twice as many in all end a filling, when they have come for some seconds: what is
# being written counts before the drives are asked again for their room. Not in a row: the metadata gives back what it no longer needs.
REFUSALS = 30
REFUSED_SECONDS = 4


def run(*command: str) -> None:
    """A command of the system; whatever keeps it from working is a failure with its reason, and no skip."""
    if shutil.which(command[0]) is None:
        pytest.fail(f"{command[0]} is not there: these tests make file systems of their own and mount them")
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.fail(f"`{' '.join(command)}` failed (mounting takes root): {done.stderr.strip()}")


@pytest.fixture
def small_server(make_server):
    """Makes a server whose drives are file systems of so many MiB."""
    mounted = []

    def make(drives: int, mib: int) -> Server:
        server = make_server(drives=drives)
        for drive in server.drives:
            image = drive.with_suffix(".img")
            drive.mkdir()
            with image.open("wb") as file:
                file.truncate(mib * MIB)
            run("mkfs.ext4", "-q", "-m", "0", str(image))
            run("mount", "-o", "loop", str(image), str(drive))
            mounted.append((server, drive))
        server.start()
        server.client().create_bucket(Bucket="full")
        return server

    yield make
    for server, drive in mounted:
        if server.process is not None:
            server.kill()
        run("umount", str(drive))


class Load:
    """What was acknowledged: key -> name and size of its body."""

    def __init__(self, server: Server):
        self.raw = Raw(server)
        self.server = server
        self.held: dict[str, tuple[str, int]] = {}
        self.refusals: dict[tuple[int, str], int] = {}
        self.round = 0
        self.said_room = False

    def fill(self, sizes: list[int], seconds: float = 100) -> int:
        """Until every client was refused a number of times; the bytes that were taken."""
        self.round += 1
        deadline = time.monotonic() + seconds
        with ThreadPoolExecutor(CLIENTS) as pool:
            return sum(pool.map(lambda client: self.fill_one(client, sizes, deadline), range(CLIENTS)))

    def fill_one(self, client: int, sizes: list[int], deadline: float) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        taken, number, refused = 0, 0, 0
        before, refused_since = sum(self.refusals.values()), float("inf")
        while refused < REFUSALS and (
            sum(self.refusals.values()) - before < 2 * REFUSALS or time.monotonic() - refused_since < REFUSED_SECONDS
        ):
            assert time.monotonic() < deadline, "the drives did not get full"
            key, size = f"{self.round}/{client}/{number}", sizes[number % len(sizes)]
            status, body = self.put(connection, key, size)
            number += 1
            if status == 200:
                taken += size
            else:
                refused += 1
                refused_since = min(refused_since, time.monotonic())
                code = body.partition(b"<Code>")[2].partition(b"</Code>")[0].decode()
                self.refusals[(status, code)] = self.refusals.get((status, code), 0) + 1
                self.said_room |= b"have room for this write" in body
                time.sleep(0.1)
        connection.close()
        return taken

    def put(self, connection: http.client.HTTPConnection, key: str, size: int) -> tuple[int, bytes]:
        body = body_of(key, size)
        prepared = self.raw.prepare("PUT", f"/full/{key}", body=body, payload="UNSIGNED-PAYLOAD")
        connection.request("PUT", prepared.target, body=body, headers=prepared.headers)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status == 200:
            self.held[key] = (key, size)
        return answer.status, said

    def delete(self, keys: list[str]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        for key in keys:
            prepared = self.raw.prepare("DELETE", f"/full/{key}")
            connection.request("DELETE", prepared.target, headers=prepared.headers)
            answer = connection.getresponse()
            said = answer.read()
            assert answer.status == 204, f"a full store refuses a delete: {answer.status} {said[:300]!r}"
            del self.held[key]
        connection.close()

    def check(self, every: int = 1) -> None:
        """All that was acknowledged is listed, nothing else is, and the bytes of every so-many-th are right."""
        found = listing(self.server.client(), "full")
        wanted = {key: f'"{hashlib.md5(body_of(*state)).hexdigest()}"' for key, state in self.held.items()}
        assert found == wanted
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        for key in sorted(self.held)[::every]:
            prepared = self.raw.prepare("GET", f"/full/{key}")
            connection.request("GET", prepared.target, headers=prepared.headers)
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200 and body == body_of(*self.held[key]), f"{key}: {answer.status}, {len(body)} bytes"
        connection.close()


def health(server: Server) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", "/health/ready")
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def wait_until(what: str, holds, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.2)


def free_bytes(server: Server) -> list[int]:
    stats = [os.statvfs(drive) for drive in server.drives]
    return [stat.f_bavail * stat.f_frsize for stat in stats]


@pytest.mark.limit(240)
@pytest.mark.parametrize(
    ("drives", "mib", "sizes"),
    [(4, 128, [1000, 4000, 60_000, 1_500_000]), (1, 128, [100_000])],
    ids=["four-drives-all-sizes", "one-drive-in-segments"],
)
def test_a_full_store_says_so_loses_nothing_and_goes_on_when_there_is_room(small_server, drives, mib, sizes):
    server = small_server(drives, mib)
    load = Load(server)
    load.fill(sizes)
    assert set(load.refusals) == {(503, "ServiceUnavailable")} and load.said_room, load.refusals
    assert min(free_bytes(server)) > 2 * MIB, f"nothing is left for deletes: {free_bytes(server)}"
    # The room is asked for once a second; with one drive too many that is full, the others need not become so.
    wait_until("it is told", lambda: "the drive is full" in server.log.read_text(errors="replace"), 5)
    said = server.log.read_text(errors="replace")
    assert any(f"drive={drive} free_bytes=" in said for drive in server.drives)
    assert "takes no more writes" not in said and "takes no more metadata" not in said, "nothing is in doubt on a full drive"
    load.check(every=20)
    # Twice as much is deleted as is then written: records of deletes take room, too.
    for turn in range(2):
        keys = sorted(load.held)
        load.delete(keys[turn % 2 :: 2] + keys[1 - turn % 2 :: 4])
        wait_until("room comes back", lambda: health(server)[0] == 200)
        assert load.fill(sizes) > 0
    assert set(load.refusals) == {(503, "ServiceUnavailable")}, load.refusals
    load.check(every=20)
    server.stop_well()
    # It starts when it is full.
    server.start(ready=False)
    load.check()
    load.delete(sorted(load.held))
    load.check()
    wait_until("room comes back", lambda: health(server)[0] == 200)
    server.stop_well()


@pytest.mark.limit(120)
def test_while_one_of_four_drives_is_filled_by_somebody_else_the_others_go_on(small_server):
    server = small_server(4, 128)
    load = Load(server)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    sizes = [100, 4000, 60_000, 400_000]

    def put(prefix: str, count: int) -> None:
        for number in range(count):
            status, said = load.put(connection, f"{prefix}/{number}", sizes[number % len(sizes)])
            assert status == 200, f"three drives are enough: {status} {said[:300]!r}"

    put("before", 40)
    filler = server.drives[2] / "somebody-elses"
    with filler.open("wb") as file:
        try:
            while True:
                file.write(bytes(MIB))
                file.flush()
        except OSError:
            pass
    put("full", 120)
    status, body = health(server)
    assert status == 200 and f"drive {server.drives[2]} is full" in body, body
    load.check()
    filler.unlink()
    wait_until("the drive is well again", lambda: "is full" not in health(server)[1])
    put("after", 40)
    load.check()
    server.stop_well()
    # Whatever of its metadata did not survive the lack of room is caught up with after a start.
    server.start()
    wait_until("all is well", lambda: '"reasons":[]' in health(server)[1])
    load.check()
    server.stop_well()
