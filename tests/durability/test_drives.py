"""Four drives: any two may be lost for reading, one for writing; a drive that was replaced is filled again."""

import itertools
import random
import shutil
import time

import pytest
from botocore.exceptions import ClientError

from harness.errors import refused

MIB = 1 << 20
PAIRS = list(itertools.combinations(range(4), 2))
SIZES = {"empty": 0, "inline": 700, "4k": 4096, "packed": 60_000, "1m": MIB, "3m": 3 * MIB + 17}


def content(key: str, size: int) -> bytes:
    return random.Random(key).randbytes(size)


class Store:
    """A store on four drives with objects of every kind."""

    def __init__(self, server):
        self.server = server
        self.objects: dict[str, bytes] = {}

    def fill(self, prefix: str = "", copies: int = 3) -> None:
        client = self.server.client()
        for copy in range(copies):
            for name, size in SIZES.items():
                self.put(client, f"{prefix}{name}-{copy}", size)
        key = f"{prefix}multipart"
        parts = [content(f"{key}{number}", size) for number, size in enumerate((5 * MIB, 5 * MIB, 2 * MIB), 1)]
        upload = client.create_multipart_upload(Bucket="store", Key=key)["UploadId"]
        sent = [
            {"PartNumber": n, "ETag": client.upload_part(Bucket="store", Key=key, UploadId=upload, PartNumber=n, Body=p)["ETag"]}
            for n, p in enumerate(parts, 1)
        ]
        client.complete_multipart_upload(Bucket="store", Key=key, UploadId=upload, MultipartUpload={"Parts": sent})
        self.objects[key] = b"".join(parts)

    def put(self, client, key: str, size: int) -> None:
        data = content(key, size)
        client.put_object(Bucket="store", Key=key, Body=data)
        self.objects[key] = data

    def check(self) -> None:
        """Every object is listed and reads."""
        client = self.server.client()
        assert [item["Key"] for item in client.list_objects_v2(Bucket="store")["Contents"]] == sorted(self.objects)
        for key, data in self.objects.items():
            got = client.get_object(Bucket="store", Key=key)
            assert got["Body"].read() == data, f"{key} has other bytes"
        got = client.get_object(Bucket="store", Key="multipart", Range=f"bytes={5 * MIB - 10}-{5 * MIB + 9}")
        assert got["Body"].read() == self.objects["multipart"][5 * MIB - 10 : 5 * MIB + 10]

    def take_away(self, *numbers: int) -> None:
        for number in numbers:
            drive = self.server.drives[number]
            drive.rename(drive.with_suffix(".away"))

    def bring_back(self, *numbers: int) -> None:
        for number in numbers:
            drive = self.server.drives[number]
            if drive.exists():
                shutil.rmtree(drive)
            drive.with_suffix(".away").rename(drive)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """Shared by the tests that leave it as it was: stopped, with all its drives."""
    from harness.server import Server

    server = Server(tmp_path_factory.mktemp("filled"), 4).start()
    server.client().create_bucket(Bucket="store")
    store = Store(server)
    store.fill()
    server.stop_well()
    yield store
    server.remove()


@pytest.fixture
def store(make_server):
    """A store of one test's own, running."""
    server = make_server(drives=4).start()
    server.client().create_bucket(Bucket="store")
    store = Store(server)
    store.fill(copies=2)
    return store


def wait_until(what: str, holds, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.1)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"without-{pair[0] + 1}-and-{pair[1] + 1}")
def test_without_any_two_drives_everything_reads_and_lists_and_writes_are_refused(filled, pair):
    filled.take_away(*pair)
    server = filled.server
    try:
        server.start(ready=False)
        wait_until("reads", lambda: server.health("/health/live") == 200)
        assert server.health("/health/ready") == 503
        filled.check()
        client = server.client()
        for write in (
            lambda: client.put_object(Bucket="store", Key="new", Body=b"x"),
            lambda: client.put_object(Bucket="store", Key="new", Body=b"x" * MIB),
            lambda: client.delete_object(Bucket="store", Key="4k-0"),
            lambda: client.create_bucket(Bucket="new-bucket"),
            lambda: client.create_multipart_upload(Bucket="store", Key="new"),
        ):
            with pytest.raises(ClientError) as caught:
                write()
            error = caught.value.response
            assert error["ResponseMetadata"]["HTTPStatusCode"] == 503, error
            assert error["Error"]["Code"] in ("ServiceUnavailable", "SlowDown") and len(error["Error"]["Message"]) > 20, error
        filled.check()
        server.stop_well()
    finally:
        if server.process is not None:
            server.kill()
        filled.bring_back(*pair)


@pytest.mark.limit(120)
@pytest.mark.parametrize("number", range(4), ids=lambda number: f"without-{number + 1}")
def test_without_one_drive_writes_go_on(store, number):
    server = store.server
    server.stop_well()
    store.take_away(number)
    server.start()
    store.check()
    store.fill("later-", copies=1)
    client = server.client()
    client.delete_object(Bucket="store", Key="4k-0")
    client.delete_object(Bucket="store", Key="3m-1")
    del store.objects["4k-0"], store.objects["3m-1"]
    store.check()
    server.stop_well()
    # The drive comes back as it was when it went: what was written and deleted meanwhile counts.
    store.bring_back(number)
    server.start()
    store.check()
    # Now it has caught up: without another one, everything still reads.
    wait_until("the queue of heals is empty", lambda: healed(server), 60)
    server.stop_well()
    other = (number + 1) % 4
    store.take_away(other)
    server.start()
    store.check()
    server.stop_well()


def healed(server) -> bool:
    """A moment in which nothing was left to be done: told by the drives, whose refill marks are gone."""
    return server.health("/health/ready") == 200 and not any((drive / "refill").exists() for drive in server.drives)


@pytest.mark.limit(150)
def test_a_replaced_drive_is_filled_again_and_then_any_two_others_may_be_lost(store):
    server = store.server
    server.stop_well()
    shutil.rmtree(server.drives[2])
    server.drives[2].mkdir()
    mark = server.log.stat().st_size
    server.start()
    store.check()
    wait_until("the drive is filled", lambda: healed(server) and (server.drives[2] / "format").exists(), 90)
    said = server.log.read_bytes()[mark:].decode(errors="replace")
    assert "refill" in said.lower(), f"nothing is said of the refill:\n{said}"
    server.stop_well()
    for pair in itertools.combinations((0, 1, 3), 2):
        store.take_away(*pair)
        server.start(ready=False)
        store.check()
        server.stop_well()
        store.bring_back(*pair)
    server.start()
    store.fill("after-", copies=1)
    store.check()
    server.stop_well()


@pytest.mark.limit(120)
def test_a_running_server_goes_on_without_a_drive_that_disappears(store):
    server = store.server
    store.take_away(1)
    for turn in range(3):
        store.check()
        store.fill(f"without-{turn}-", copies=1)
    assert server.health("/health/ready") == 200
    store.check()
    server.stop()
    if server.drives[1].exists():
        shutil.rmtree(server.drives[1])
    server.start()
    store.check()
    server.stop_well()


def test_a_shard_with_a_flipped_byte_is_found_and_the_object_read_right(store):
    server = store.server
    server.stop_well()
    flipped = 0
    for file in sorted(server.drives[0].rglob("*")):
        # Shards of large objects are files of their own, and far larger than a frame.
        if file.is_file() and "blob" in str(file.relative_to(server.drives[0])) and file.stat().st_size > 500_000:
            with file.open("r+b") as opened:
                opened.seek(file.stat().st_size // 3)
                byte = opened.read(1)
                opened.seek(-1, 1)
                opened.write(bytes([byte[0] ^ 0x40]))
            flipped += 1
    assert flipped, "no shard was found to damage"
    server.start()
    store.check()
    server.stop_well()


def test_one_drive_of_four_never_answers_from_what_it_happens_to_have(store):
    """A single drive may lack acknowledged writes: to start is refused, or every read says 503; never 404 or an old body."""
    server = store.server
    server.stop_well()
    store.take_away(3)
    server.start()
    client = server.client()
    store.put(client, "written-without-drive-4", 500)
    client.put_object(Bucket="store", Key="4k-0", Body=b"replaced without drive 4")
    client.delete_object(Bucket="store", Key="inline-0")
    server.stop_well()
    store.bring_back(3)
    store.take_away(0, 1, 2)
    server.launch()
    try:
        server.wait_for("/health/live", 20)
    except AssertionError:
        assert server.process is None or server.process.poll() not in (None, 0)
        assert "drive" in server.output(1500)
        return
    assert server.health("/health/ready") == 503
    client = server.client()
    for read in (
        lambda: client.list_objects_v2(Bucket="store"),
        lambda: client.get_object(Bucket="store", Key="written-without-drive-4"),
        lambda: client.get_object(Bucket="store", Key="4k-0"),
        lambda: client.head_object(Bucket="store", Key="inline-0"),
        lambda: client.get_object(Bucket="store", Key="1m-0"),
    ):
        with pytest.raises(ClientError) as caught:
            read()
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503, caught.value.response


def test_of_two_survivors_the_one_that_knows_more_answers(store):
    server = store.server
    server.stop_well()
    store.take_away(3)
    server.start()
    client = server.client()
    for name, size in (("new-inline", 500), ("new-large", 3 * MIB)):
        store.put(client, name, size)
    client.put_object(Bucket="store", Key="4k-0", Body=b"replaced")
    store.objects["4k-0"] = b"replaced"
    client.delete_object(Bucket="store", Key="inline-0")
    del store.objects["inline-0"]
    server.stop_well()
    store.bring_back(3)
    for pair in ((0, 1), (1, 2), (0, 2)):
        store.take_away(*pair)
        server.start(ready=False)
        # What was written with three drives has three shards, of which one is left here beside a drive that was away.
        found = {item["Key"] for item in server.client().list_objects_v2(Bucket="store")["Contents"]}
        assert found == set(store.objects)
        for key in ("4k-0", "new-inline", "1m-0", "multipart"):
            assert server.client().get_object(Bucket="store", Key=key)["Body"].read() == store.objects[key]
        server.stop_well()
        store.bring_back(*pair)
    server.start()
    store.check()
    server.stop_well()


def test_the_drive_of_another_store_is_refused_and_left_alone(make_server):
    first, second = make_server(drives=4).start(), make_server(drives=4).start()
    first.stop_well()
    second.stop_well()
    stranger = first.drives[3]
    shutil.rmtree(stranger)
    shutil.copytree(second.drives[3], stranger)
    before = sorted((file.relative_to(stranger), file.stat().st_size) for file in stranger.rglob("*"))
    first.launch()
    assert first.wait_for_exit(30) != 0
    assert str(stranger) in first.output() and "store" in first.output()
    assert sorted((file.relative_to(stranger), file.stat().st_size) for file in stranger.rglob("*")) == before


def test_a_port_that_is_taken_and_a_path_that_can_not_be_written_are_clear_errors(make_server):
    first, second = make_server().start(), make_server()
    second.port = first.port
    second.launch()
    assert second.wait_for_exit(30) != 0
    assert str(first.port) in second.output() and "use" in second.output()
    assert not any(second.drives[0].iterdir()) if second.drives[0].exists() else True, "nothing is written"
    first.stop_well()
    third = make_server()
    third.drives[0].write_text("a file")
    third.launch()
    assert third.wait_for_exit(30) != 0
    assert str(third.drives[0]) in third.output()
    assert third.drives[0].read_text() == "a file"


def test_no_such_bucket_stays_an_answer_without_two_drives(filled):
    filled.take_away(0, 1)
    try:
        filled.server.start(ready=False)
        with refused("NoSuchBucket", 404):
            filled.server.client().list_objects_v2(Bucket="none-such")
        filled.server.stop_well()
    finally:
        if filled.server.process is not None:
            filled.server.kill()
        filled.bring_back(0, 1)
