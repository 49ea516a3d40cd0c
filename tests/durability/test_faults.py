"""System calls that fail: the real server under strace, which injects errors into the calls on chosen files of one drive.

What must hold: a drive whose sync failed takes no more writes until the server starts again, and this is told; the other
drives go on; nothing that was acknowledged is lost, and what was refused says what clients do with it.
"""

import http.client
import shutil
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from durability.load import Writer, check
from harness.server import Server

SIZES = [100, 1000, 4096, 40_000, 200_000, 600_000]
CLIENTS = 6
BROKEN = 1


class Strace:
    """Errors injected into a running server's calls, on some files or on all, for as long as the `with` lasts."""

    def __init__(self, server: Server, inject: str, paths: list[Path] | None):
        if shutil.which("strace") is None:
            pytest.fail("strace is not there: `apt-get install strace`")
        assert paths is None or paths, "no file to make fail"
        calls = inject.partition(":")[0]
        self.log = server.folder / "strace.log"
        self.command = ["strace", "-f", "-q", "-o", str(self.log), "-p", str(server.process.pid)]
        self.command += ["-e", f"trace={calls}", "-e", f"inject={inject}"]
        for path in paths or []:
            self.command += ["-P", str(path)]

    def __enter__(self) -> "Strace":
        self.log.unlink(missing_ok=True)
        self.process = subprocess.Popen(self.command, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 10
        while not self.log.exists():
            assert self.process.poll() is None, f"strace ended: {self.process.stderr.read()}"
            assert time.monotonic() < deadline, "strace did not attach"
            time.sleep(0.05)
        time.sleep(0.3)
        return self

    def __exit__(self, *_exception) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)
        self.process.stderr.close()

    def injected(self) -> int:
        return self.log.read_text(errors="replace").count("(INJECTED)")


class Doubting(Writer):
    """A writer that remembers what was refused: a 500 may have happened all the same."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.doubts: dict[str, list] = {}

    def step(self, connection: http.client.HTTPConnection) -> None:
        refused, before = len(self.refused), dict(self.acknowledged)
        super().step(connection)
        for key, state in self.acknowledged.items():
            # What was acknowledged later than a refusal is the last word.
            if state is not before.get(key, ()):
                self.doubts.pop(key, None)
        if len(self.refused) > refused:
            key, state = self.in_flight
            self.doubts.setdefault(key, []).append(state)
            self.in_flight = None
            time.sleep(0.02)

    def may_be(self, key: str) -> list:
        return super().may_be(key) + self.doubts.get(key, [])

    def keys(self) -> set[str]:
        return super().keys() | set(self.doubts)

    def settle(self, found: dict[str, str]) -> None:
        super().settle(found)
        for key, states in list(self.doubts.items()):
            for state in states:
                if (state is None and key not in found) or (state is not None and found.get(key) == etag_of(state)):
                    self.acknowledged[key] = state
                    # A change that was logged and not applied may still come with a start: until it has, both are right.
                    del self.doubts[key]
                    break


def etag_of(state) -> str:
    from durability.load import etag

    return etag(state)


class Load:
    """Writers at work while something happens."""

    def __init__(self, server: Server, sizes: list[int] = SIZES):
        self.server = server
        server.client().create_bucket(Bucket="load")
        self.writers = [Doubting(server, "load", number, sizes) for number in range(CLIENTS)]

    def run(self, seconds: float, meanwhile=lambda: None) -> None:
        ending = threading.Event()
        with ThreadPoolExecutor(CLIENTS) as pool:
            running = [pool.submit(writer.work, ending) for writer in self.writers]
            try:
                meanwhile()
                time.sleep(seconds)
            finally:
                ending.set()
            for one in running:
                one.result()

    def refused(self) -> set[int]:
        statuses = {status for writer in self.writers for status in writer.refused}
        for writer in self.writers:
            writer.refused = []
        return statuses

    def made(self) -> int:
        return sum(writer.count for writer in self.writers)

    def check(self) -> None:
        check(self.server, "load", self.writers)


def health(server: Server) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", "/health/ready")
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def wait_until(what: str, holds, seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.1)


def segments(drive: Path) -> list[Path]:
    """The segments there are, and the next ones that will be."""
    there = sorted((drive / "blob" / "segments").glob("*.seg"))
    last = int(there[-1].stem, 16) if there else 0
    return there + [drive / "blob" / "segments" / f"{last + n:016x}.seg" for n in (1, 2, 3)]


def raft_log(drive: Path) -> list[Path]:
    return sorted((drive / "meta" / "log").glob("*.log"))


def engine(drive: Path) -> list[Path]:
    """What the engine will write next."""
    folder = drive / "meta" / "engine"
    last = max((int(path.stem, 16) for path in folder.glob("*.rows")), default=0)
    return [folder / "manifest.new"] + [folder / f"{last + n:016x}.rows" for n in range(1, 30)]


# What fails, where, and what the log and the health check say of it.
BYTES = ("takes no more writes", "takes no writes since one failed")
METADATA = ("takes no more metadata", "takes no metadata since a write of it failed")
FAULTS = {
    "sync-of-a-segment": ("fdatasync:error=EIO", segments, BYTES),
    "sync-of-a-segment-without-room": ("fdatasync:error=ENOSPC", segments, BYTES),
    "write-of-a-segment": ("pwrite64:error=EIO", segments, BYTES),
    "write-of-the-log": ("pwrite64:error=EIO", raft_log, METADATA),
    "write-of-the-log-without-room": ("pwrite64:error=ENOSPC", raft_log, METADATA),
    "write-of-the-engine": ("pwrite64:error=EIO", engine, METADATA),
    "write-of-the-engine-without-room": ("pwrite64:error=ENOSPC", engine, METADATA),
    "sync-of-the-engine": ("fdatasync:error=EIO", engine, METADATA),
}

# So little that the engine writes files within seconds, of objects that lie in it.
LITTLE = {"RUSTFS_METADATA_MEMORY": "8MiB"}
INLINE = [900, 1000]


@pytest.mark.limit(150)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_failure_of_one_drive_of_four_takes_it_out_and_the_others_go_on(make_server, fault):
    inject, files, (in_log, in_health) = FAULTS[fault]
    server = make_server(drives=4, environment=LITTLE).start()
    load = Load(server, INLINE if files is engine else SIZES)
    load.run(0.5)
    assert load.refused() == set()
    broken = server.drives[BROKEN]
    with Strace(server, inject, files(broken)) as strace:
        load.run(0.2, lambda: wait_until("the drive is out", lambda: in_health in health(server)[1]))
        assert strace.injected() > 0
    # Those whose leader was on the drive can't know what became of their change; all others are answered.
    assert load.refused() <= {500, 503}
    said = server.log.read_text(errors="replace")
    assert in_log in said and str(broken) in said, "the log does not say which drive is out"
    wait_until("the others write", lambda: health(server)[0] == 200)
    assert f"drive {broken} " in health(server)[1]
    # The error is gone, the doubt is not: the drive stays out, and three are enough.
    before = load.made()
    load.run(1.5)
    assert load.refused() == set() and load.made() > before
    assert in_health in health(server)[1]
    load.check()
    server.stop()
    server.start()
    load.check()
    wait_until("the drive is back", lambda: '"reasons":[]' in health(server)[1])
    # What the drive missed is on it again: without two others everything reads.
    time.sleep(1)
    wait_until("it is healed", lambda: reads_without(server, load, (2, 3)), 60)
    server.start()
    load.run(0.3)
    assert load.refused() == set()
    load.check()
    server.stop_well()


def reads_without(server: Server, load: Load, away: tuple[int, ...]) -> bool:
    """Whether everything reads without some drives; the server is stopped afterwards."""
    if server.process is None:
        server.start()
        time.sleep(3)
    server.stop_well()
    for number in away:
        server.drives[number].rename(server.drives[number].with_suffix(".away"))
    try:
        server.start(ready=False)
        load.check()
        return True
    except AssertionError as error:
        if "GET answers" not in str(error):
            raise
        return False
    finally:
        server.stop_well()
        for number in away:
            if server.drives[number].exists():
                shutil.rmtree(server.drives[number])
            server.drives[number].with_suffix(".away").rename(server.drives[number])


@pytest.mark.limit(90)
@pytest.mark.parametrize("fault", [name for name in FAULTS if not name.startswith("sync-of-a-segment-")])
def test_a_failure_of_the_only_drive_refuses_writes_and_keeps_what_was_acknowledged(make_server, fault):
    inject, files, (in_log, in_health) = FAULTS[fault]
    server = make_server(drives=1, environment=LITTLE).start()
    load = Load(server, INLINE if files is engine else SIZES)
    load.run(0.5)
    assert load.refused() == set()
    with Strace(server, inject, files(server.drives[0])):
        load.run(0.2, lambda: wait_until("the drive is out", lambda: in_health in health(server)[1]))
    assert load.refused() <= {500, 503}
    status, body = health(server)
    assert status == 503 and str(server.drives[0]) in body, body
    assert in_log in server.log.read_text(errors="replace")
    # Reading goes on; writing waits for a start.
    load.check()
    server.stop()
    server.start()
    load.check()
    load.run(0.3)
    assert load.refused() == set()
    load.check()
    server.stop_well()


@pytest.mark.limit(90)
@pytest.mark.parametrize("drives", [1, 4])
def test_no_room_for_a_write_to_a_segment_puts_nothing_in_doubt(make_server, drives):
    """ENOSPC at a write, unlike at a sync, loses nothing: the drive is full, and well again without a start."""
    server = make_server(drives=drives).start()
    load = Load(server)
    load.run(0.5)
    broken = server.drives[drives - 1]
    with Strace(server, "pwrite64:error=ENOSPC", segments(broken)) as strace:
        load.run(1.5)
        assert strace.injected() > 0
        # One drive of four is enough to miss; the only one is not.
        assert load.refused() <= ({503} if drives == 1 else set())
    said = server.log.read_text(errors="replace")
    assert "the drive is full" in said and f"drive={broken}" in said
    wait_until("the drive is well again", lambda: '"reasons":[]' in health(server)[1])
    load.run(0.5)
    assert load.refused() == set()
    assert "takes no more writes" not in server.log.read_text(errors="replace")
    load.check()
    server.kill()
    server.start()
    load.check()
    server.stop_well()
