"""Rot on real files: 10,000 damaged shards, none of them served, all found and healed by one scrub.

RUSTFS_TEST_ROT_CASES (10000) sets how many.
"""

import os
import random
import re
import shutil
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import http.client
import pytest

from durability.load import body_of
from harness.raw import Raw
from harness.server import Server

CASES = int(os.environ.get("RUSTFS_TEST_ROT_CASES", "10000"))
DRIVES, PARITY = 4, 2
SMALL, LARGE = 6000, 900_000
CLIENTS = 8
NEVER = {"RUSTFS_SCRUB_INTERVAL": "off"}
AT_ONCE = {"RUSTFS_SCRUB_INTERVAL": "1s", "RUSTFS_SCRUB_RATE": "1GiB"}


class Rot:
    """Damages shards of a stopped store, no blob on more drives than its parity can make up for."""

    def __init__(self, drives: list[Path]):
        self.dice = random.Random(7)
        self.hit: dict[str, set[int]] = {}
        # The shards there are: (drive, blob, shard) -> file, offset, length.
        self.places: dict[tuple[int, str, int], tuple[Path, int, int]] = {}
        self.segments = []
        for drive, folder in enumerate(drives):
            for path in sorted((folder / "blob" / "segments").glob("*.seg")):
                self.segments.append(path)
                for blob, shard, offset, length in entries(path):
                    self.places[(drive, blob, shard)] = (path, offset, length)
            for path in sorted((folder / "blob" / "shards").rglob("*.[0-9]*")):
                blob, shard = path.name.split(".")
                self.places[(drive, blob, int(shard))] = (path, 0, path.stat().st_size)
        # A write is acknowledged when all drives but one have it: what was being healed at the stop is missing already.
        there: dict[str, set[int]] = {}
        for drive, blob, _ in self.places:
            there.setdefault(blob, set()).add(drive)
        self.hit |= {blob: set(range(len(drives))) - have for blob, have in there.items() if len(have) < len(drives)}

    def may_hit(self, case: tuple[int, str, int]) -> bool:
        drive, blob, _ = case
        hit = self.hit.get(blob, set())
        return drive not in hit and len(hit) < PARITY

    def damage(self, count: int) -> int:
        """So many shards, and what that comes to: a swap damages two."""
        cases = sorted(self.places)
        self.dice.shuffle(cases)
        # Files are few and have more ways to go bad: none is left out.
        cases.sort(key=lambda case: self.places[case][0].suffix == ".seg")
        done = 0
        for at, case in enumerate(cases):
            if done >= count:
                break
            if self.may_hit(case):
                done += self.damage_one(case, cases[at + 1 : at + 40])
        assert done >= count, f"only {done} shards can be damaged"
        return done

    def damage_one(self, case: tuple[int, str, int], others: list) -> int:
        path, offset, length = self.places[case]
        is_file = path.suffix != ".seg"
        ways = ["flip", "flip", "zero", "swap"] + (["cut", "cut-one", "remove"] if is_file else [])
        way = self.dice.choice(ways)
        self.hit.setdefault(case[1], set()).add(case[0])
        if way == "swap":
            same = [o for o in others if self.may_hit(o) and o[1] != case[1] and self.alike(o, case)]
            if same:
                other, other_offset, _ = self.places[same[0]]
                self.hit.setdefault(same[0][1], set()).add(same[0][0])
                one, two = read(path, offset, length), read(other, other_offset, length)
                write(path, offset, two)
                write(other, other_offset, one)
                return 2
            way = "flip"
        if way == "remove":
            path.unlink()
        elif way == "cut":
            os.truncate(path, self.dice.randrange(length))
        elif way == "cut-one":
            os.truncate(path, length - 1)
        elif way == "zero":
            at = offset + self.dice.randrange(0, min(length, 2048) - 512)
            write(path, at, bytes(512))
        else:
            # What lies between the last frame of a file and its footer is nobody's.
            at = offset + self.dice.randrange(length if not is_file else length // 2)
            byte = read(path, at, 1)[0]
            write(path, at, bytes([byte ^ 1 << self.dice.randrange(8)]))
        return 1

    def alike(self, one, other) -> bool:
        (path, _, length), (other_path, _, other_length) = self.places[one], self.places[other]
        return length == other_length and path.suffix == other_path.suffix == ".seg" and path.parent == other_path.parent


def read(path: Path, offset: int, length: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(length)


def write(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def entries(path: Path) -> list[tuple[str, int, int, int]]:
    """The shards in a sealed segment, by its index (docs/formats/segment.md): blob, shard, offset and length of the record."""
    data = path.read_bytes()
    assert data[-64:-60] == b"RfSf", f"{path} is not sealed"
    count, index = struct.unpack_from("<IQ", data, len(data) - 64 + 12)
    found = []
    for number in range(count):
        at = index + 32 * number
        shard, kind = data[at + 16], data[at + 17]
        offset, length = struct.unpack_from("<II", data, at + 20)
        if kind == 1:
            found.append((data[at : at + 16].hex(), shard, offset, 48 + length))
    return found


class Store:
    def __init__(self, server: Server):
        self.server = server
        self.objects: dict[str, int] = {}

    def fill(self, small: int, large: int) -> None:
        keys = [(f"small/{n:05}", SMALL) for n in range(small)] + [(f"large/{n:05}", LARGE) for n in range(large)]
        self.objects = dict(keys)
        self.all_of("PUT", list(self.objects))

    def all_of(self, method: str, keys: list[str]) -> None:
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(lambda first: self.some_of(method, keys[first::CLIENTS]), range(CLIENTS)))

    def some_of(self, method: str, keys: list[str]) -> None:
        raw = Raw(self.server)
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        for key in keys:
            wanted = body_of(key, self.objects[key])
            body = wanted if method == "PUT" else b""
            prepared = raw.prepare(method, f"/rot/{key}", body=body, payload="UNSIGNED-PAYLOAD")
            connection.request(method, prepared.target, body=body or None, headers=prepared.headers)
            answer = connection.getresponse()
            got = answer.read()
            assert answer.status == 200, f"{method} {key}: {answer.status} {got[:300]!r}"
            assert method == "PUT" or got == wanted, f"{key} is served with other bytes"
        connection.close()

    def read_all(self) -> None:
        self.all_of("GET", list(self.objects))

    def read_without(self, *away: int) -> None:
        """Reads everything while only as many drives are there as an object needs: all their shards must be whole."""
        drives = [self.server.drives[number] for number in away]
        for drive in drives:
            drive.rename(drive.with_suffix(".away"))
        self.server.start(ready=False)
        self.read_all()
        self.server.stop_well()
        for drive in drives:
            shutil.rmtree(drive, ignore_errors=True)
            drive.with_suffix(".away").rename(drive)


@pytest.fixture(scope="module")
def rotten(tmp_path_factory):
    """A stopped store with damage, its damaged shards counted; tests work on copies."""
    server = Server(tmp_path_factory.mktemp("rotten"), DRIVES, NEVER).start()
    store = Store(server)
    server.client().create_bucket(Bucket="rot")
    large = max(CASES // 100, 10)
    # Half of the shards of a blob can be damaged; some are passed over.
    store.fill(CASES * 53 // 100 - large * PARITY // 2, large)
    server.stop_well()
    rot = Rot(server.drives)
    damaged = rot.damage(CASES)
    yield store, damaged
    server.remove()


@pytest.fixture
def copy(rotten, make_server):
    """A copy of the damaged store, not started, with the number of its damaged shards."""

    def make(environment: dict[str, str]) -> tuple[Store, int]:
        store, damaged = rotten
        server = make_server(drives=DRIVES, environment=environment)
        for source, drive in zip(store.server.drives, server.drives, strict=True):
            shutil.copytree(source, drive)
        copied = Store(server)
        copied.objects = store.objects
        return copied, damaged

    return make


RUN = re.compile(r"the drive was scrubbed.* drive=(\S+) shards=(\d+) read_bytes=(\d+) found=(\d+) healed=(\d+)")


def runs(server: Server) -> dict[str, list[tuple[int, int, int]]]:
    """What the log tells of the scrubs that came to their end, by drive: shards looked at, found, healed."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", server.log.read_text(errors="replace"))
    found: dict[str, list[tuple[int, int, int]]] = {}
    for drive, shards, _, bad, healed in RUN.findall(plain):
        found.setdefault(drive, []).append((int(shards), int(bad), int(healed)))
    return found


def wait_for_runs(server: Server, count: int, seconds: float) -> dict[str, list[tuple[int, int, int]]]:
    deadline = time.monotonic() + seconds
    while True:
        done = runs(server)
        if len(done) == DRIVES and all(len(of_drive) >= count for of_drive in done.values()):
            return done
        assert time.monotonic() < deadline, f"no {count} scrubs of every drive within {seconds} s: {done}"
        time.sleep(0.2)


@pytest.mark.limit(240)
def test_one_scrub_finds_all_rot_and_heals_it(copy):
    store, damaged = copy(AT_ONCE)
    server = store.server
    server.start()
    done = wait_for_runs(server, 1, 150)
    first = [of_drive[0] for of_drive in done.values()]
    # A few more than were damaged: those that were still to be healed when the store was stopped.
    found = sum(found for _, found, _ in first)
    assert damaged <= found <= damaged + damaged // 1000
    assert sum(healed for _, _, healed in first) == found
    store.read_all()
    # The next one finds nothing more.
    again = wait_for_runs(server, len(next(iter(done.values()))) + 1, 60)
    assert all(of_drive[-1][1] == 0 for of_drive in again.values()), again
    assert all(of_drive[-1][0] >= len(store.objects) for of_drive in again.values()), "not all shards were looked at"
    server.stop_well()
    server.environment = NEVER
    # Healed is what a reader can do with it: each half of the drives has all of every object.
    for away in ((0, 1), (2, 3)):
        store.read_without(*away)


@pytest.mark.limit(180)
def test_rot_is_never_served_and_reading_heals_it(copy):
    store, _ = copy(NEVER)
    server = store.server
    server.start()
    store.read_all()
    # Again: what the first readers queued is being healed meanwhile.
    store.read_all()
    server.stop_well()


@pytest.mark.limit(120)
def test_a_scrub_goes_on_where_a_stop_cut_it_short(make_server):
    server = make_server(drives=DRIVES, environment=NEVER).start()
    store = Store(server)
    server.client().create_bucket(Bucket="rot")
    store.fill(100, 40)
    server.stop_well()
    Rot(server.drives).damage(60)
    # So slow that it can't be through before it is stopped.
    server.environment = {"RUSTFS_SCRUB_INTERVAL": "1s", "RUSTFS_SCRUB_RATE": "2MiB"}
    server.start()
    states = [drive / "scrub" for drive in server.drives]
    deadline = time.monotonic() + 60
    while not all(state.exists() and "finished no" in state.read_text() for state in states):
        assert time.monotonic() < deadline, "no scrub has begun"
        time.sleep(0.1)
    time.sleep(2)
    began = [state.read_text().splitlines()[1] for state in states]
    server.kill()
    assert not runs(server)
    server.environment = AT_ONCE
    server.start()
    done = wait_for_runs(server, 1, 60)
    # What was found since the place was last kept is healed and not counted: a kill may take ten seconds of counting.
    assert 0 < sum(of_drive[0][1] for of_drive in done.values()) <= 70
    said = server.log.read_text(errors="replace")
    assert said.count("scrubbing the drive: every shard is read") >= DRIVES
    assert all(line.startswith("started ") for line in began)
    store.read_all()
    server.stop_well()
    server.environment = NEVER
    for away in ((0, 1), (2, 3)):
        store.read_without(*away)


@pytest.mark.limit(90)
def test_a_damaged_frame_of_a_segment_is_found_and_written_anew(make_server):
    server = make_server(drives=DRIVES, environment=NEVER).start()
    store = Store(server)
    server.client().create_bucket(Bucket="rot")
    store.fill(200, 0)
    server.stop_well()
    # What is wrong with the newest segment, a start mends: it might have been cut short by a crash.
    server.start()
    store.all_of("PUT", sorted(store.objects)[:20])
    server.stop_well()
    for number, drive in enumerate(server.drives):
        segment, _ = sorted((drive / "blob" / "segments").glob("*.seg"))
        size = segment.stat().st_size
        # A header, a footer, an index; one drive is well.
        at = {0: 20, 1: size - 20, 2: size - 64 - 40}.get(number)
        if at is not None:
            write(segment, at, bytes([read(segment, at, 1)[0] ^ 0x10]))
    server.environment = AT_ONCE
    server.start()
    done = wait_for_runs(server, 2, 60)
    assert sum(of_drive[0][1] for of_drive in done.values()) == 3, done
    assert all(of_drive[-1][1] == 0 for of_drive in done.values()), done
    server.stop_well()
    server.environment = NEVER
    for away in ((0, 1), (2, 3)):
        store.read_without(*away)
