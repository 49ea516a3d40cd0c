"""No space left at one chosen call: the real server under strace, which answers ENOSPC to the n-th call of each of its threads.

What must hold, whichever call it is: the change under way happens or is refused, whole; nothing that was acknowledged is lost;
the state is told; and with room again writes go on, after a start of the server where a sync was what failed.
"""

import hashlib
import time
from itertools import product
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from durability.test_faults import Strace, health, segments, wait_until
from harness.server import Server

CALLS = ["openat", "fallocate", "pwrite64", "fdatasync"]
# The segment that a completion writes to was made for its parts.
NEVER_MADE = {("complete", "fallocate")}
NTH_MAX = 3
PACKED, LARGE, PART = 30_000, 3_000_000, 5 << 20
BUCKET = "room"
# What the health check says of a drive that is not well.
TOLD = ("is full", "takes no writes since one failed", "takes no metadata since a write of it failed")
REFUSED = {500, 503}


def body(key: str, size: int) -> bytes:
    seed = hashlib.sha256(key.encode()).digest()
    return (seed * (size // len(seed) + 1))[:size]


class Store:
    """A server, and what it holds: key -> size."""

    def __init__(self, server: Server):
        self.server = server
        self.client = server.client()
        self.held: dict[str, int] = {}

    def get(self, key: str) -> bytes | None:
        try:
            return self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        except ClientError as error:
            assert error.response["Error"]["Code"] == "NoSuchKey", f"{key}: {error}"
            return None

    def check(self) -> None:
        for key, size in self.held.items():
            assert self.get(key) == body(key, size), f"{key} was acknowledged and is not what was put"

    def attempt(self, change, key: str, size: int) -> bool:
        """Makes a change that may be refused; then the object is whole or not there."""
        try:
            change(key)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            assert status in REFUSED, f"{key} was answered {status}: {error}"
            return False
        self.held[key] = size
        return True

    def recover(self) -> None:
        """There is room again: the server is well by itself, or says why not and is well after a start."""
        deadline = time.monotonic() + 4
        while health(self.server)[1].count('"reasons":[]') == 0 and time.monotonic() < deadline:
            time.sleep(0.1)
        _, said = health(self.server)
        if '"reasons":[]' in said:
            return
        assert any(told in said for told in TOLD), f"the state is not told: {said}"
        self.server.stop_well()
        self.server.start()
        wait_until("the server is well", lambda: '"reasons":[]' in health(self.server)[1])


class Put:
    """A put of so many bytes."""

    def __init__(self, store: Store, size: int):
        self.store, self.size = store, size

    def prepare(self, key: str) -> None:
        pass

    def change(self, key: str) -> None:
        self.store.client.put_object(Bucket=BUCKET, Key=key, Body=body(key, self.size))

    again = change


class Complete:
    """The completion of an upload whose parts are there."""

    size = PART + 1000

    def __init__(self, store: Store):
        self.client = store.client
        self.store = store
        self.uploads: dict[str, dict] = {}

    def prepare(self, key: str) -> None:
        upload = self.client.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
        whole, parts = body(key, self.size), []
        for number, piece in enumerate((whole[:PART], whole[PART:]), 1):
            asked = {"Bucket": BUCKET, "Key": key, "UploadId": upload, "PartNumber": number, "Body": piece}
            parts.append({"PartNumber": number, "ETag": self.client.upload_part(**asked)["ETag"]})
        self.uploads[key] = {"Bucket": BUCKET, "Key": key, "UploadId": upload, "MultipartUpload": {"Parts": parts}}

    def change(self, key: str) -> None:
        self.client.complete_multipart_upload(**self.uploads[key])

    def again(self, key: str) -> None:
        """A completion that was answered with an error may have happened all the same."""
        if self.store.get(key) is None:
            self.change(key)


OPERATIONS = {
    "put-packed": lambda store: Put(store, PACKED),
    "put-large": lambda store: Put(store, LARGE),
    "complete": Complete,
}


@pytest.fixture
def store(make_server) -> Store:
    store = Store(make_server(drives=1).start())
    store.client.create_bucket(Bucket=BUCKET)
    for number in range(6):
        key, size = f"before-{number}", [100, PACKED, LARGE][number % 3]
        store.client.put_object(Bucket=BUCKET, Key=key, Body=body(key, size))
        store.held[key] = size
    return store


@pytest.mark.limit(180)
@pytest.mark.parametrize("operation, call", [case for case in product(OPERATIONS, CALLS) if case not in NEVER_MADE])
def test_no_space_at_a_call_of_a_change_refuses_it_whole_and_loses_nothing(store, operation, call):
    what = OPERATIONS[operation](store)
    injected = refused = 0
    for nth in range(1, NTH_MAX + 1):
        # A new life: its first packed shard makes a segment.
        store.server.stop_well()
        store.server.start()
        key = f"{operation}-{nth}"
        what.prepare(key)
        with Strace(store.server, f"{call}:error=ENOSPC:when={nth}", None) as strace:
            taken = store.attempt(what.change, key, what.size)
            injected += strace.injected()
        refused += not taken
        store.check()
        assert store.get(key) in (None, body(key, what.size)), f"{key} was refused and is there in part"
        store.recover()
        assert store.attempt(what.again, key, what.size), f"{key} is refused though there is room again"
        store.check()
    assert injected > 0, f"{operation} makes no {call}"
    print(f"{operation}, {call}: {injected} calls failed, {refused} changes refused")


# What compaction does to the segments: it writes elsewhere what lives, syncs it, and removes the old one.
COMPACTION_CALLS = ["pwrite64", "fdatasync", "unlink,unlinkat"]
# From a delete to its tombstone, with time to spare; compaction looks ten seconds after the start, which was before.
RECLAIMED_SECONDS = 7


def thin_out(store: Store, attempt: int) -> Path:
    """A segment of which a tenth lives, and nothing else is to be written before compaction; the segment."""
    keys = [f"packed-{attempt}-{number}" for number in range(40)]
    folder = store.server.drives[0] / "blob" / "segments"
    for key in keys:
        store.client.put_object(Bucket=BUCKET, Key=key, Body=body(key, PACKED))
        store.held[key] = PACKED
    thin = sorted(folder.glob("*.seg"))[-1]
    # The segment is sealed by the stop: only then it can be compacted.
    store.server.stop_well()
    store.server.start()
    for key in keys[:-4]:
        store.client.delete_object(Bucket=BUCKET, Key=key)
        del store.held[key]
    time.sleep(RECLAIMED_SECONDS)
    return thin


@pytest.mark.limit(170)
@pytest.mark.parametrize("call", COMPACTION_CALLS)
def test_no_space_at_a_call_of_compaction_loses_nothing_and_it_is_done_later(store, call):
    injected, attempt = 0, 0
    while injected == 0:
        # On a busy machine compaction may be done before the calls fail.
        assert attempt < 3, f"compaction makes no {call}"
        thin = thin_out(store, attempt)
        attempt += 1
        with Strace(store.server, f"{call}:error=ENOSPC", segments(store.server.drives[0])) as strace:
            deadline = time.monotonic() + 15
            while strace.injected() == 0 and thin.exists() and time.monotonic() < deadline:
                time.sleep(0.1)
            injected = strace.injected()
        store.check()
    assert thin.exists(), "what could not be done was not done"
    store.recover()
    wait_until("the segment is compacted", lambda: not thin.exists())
    store.check()
    store.server.stop_well()
    store.server.start()
    store.check()
