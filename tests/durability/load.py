"""A load of puts, overwrites and deletes that remembers what was acknowledged, for tests that kill the server.

Each key has one writer, so what the store has to hold is known exactly: the last acknowledged state, or the state of the
one request that was in flight when the server died. Over http.client with reused connections, as boto3 alone would keep
a processor busy.
"""

import hashlib
import http.client
import random
import threading
from concurrent.futures import ThreadPoolExecutor

from harness.raw import Raw
from harness.server import Server

GONE = b""


def body_of(name: str, size: int) -> bytes:
    """The bytes of one write: told by its name, so that they need not be kept."""
    seed = hashlib.sha256(name.encode()).digest()
    return (seed * (size // 32 + 1))[:size]


class Writer:
    """One client with keys of its own."""

    def __init__(self, server: Server, bucket: str, number: int, sizes: list[int]):
        self.raw = Raw(server)
        self.bucket, self.number, self.sizes = bucket, number, sizes
        self.dice = random.Random(number)
        # Key -> (name, size) of what it holds; None after a delete.
        self.acknowledged: dict[str, tuple[str, int] | None] = {}
        # What was sent and not answered: key and state. At most one.
        self.in_flight: tuple[str, tuple[str, int] | None] | None = None
        self.count = 0
        self.refused: list[int] = []

    def work(self, ending: threading.Event) -> None:
        """Until the server is gone, or `ending` is set."""
        connection = http.client.HTTPConnection("127.0.0.1", self.raw.server.port, timeout=30)
        try:
            while not ending.is_set():
                self.step(connection)
        except (OSError, http.client.HTTPException):
            pass  # It was killed: what was in flight stays noted.
        finally:
            connection.close()

    def step(self, connection: http.client.HTTPConnection) -> None:
        key = f"{self.number:02}/{self.dice.randrange(40):03}"
        deletes = self.dice.random() < 0.25 and self.acknowledged.get(key) is not None
        state = None
        if not deletes:
            self.count += 1
            state = (f"{self.bucket}/{key}#{self.number}.{self.count}", self.dice.choice(self.sizes))
        body = body_of(*state) if state else b""
        prepared = self.raw.prepare("DELETE" if deletes else "PUT", f"/{self.bucket}/{key}", body=body, payload="UNSIGNED-PAYLOAD")
        self.in_flight = (key, state)
        connection.request(prepared.method, prepared.target, body=body or None, headers=prepared.headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status in (200, 204):
            self.acknowledged[key] = state
        else:
            self.refused.append(answer.status)
            # A refusal promises nothing either way but a key of one of both states.
            return
        self.in_flight = None

    def may_be(self, key: str) -> list[tuple[str, int] | None]:
        """The states that the key may have."""
        states = [self.acknowledged.get(key)]
        if self.in_flight and self.in_flight[0] == key:
            states.append(self.in_flight[1])
        return states

    def keys(self) -> set[str]:
        return set(self.acknowledged) | ({self.in_flight[0]} if self.in_flight else set())

    def settle(self, found: dict[str, str]) -> None:
        """After a check: what is there now is what is known."""
        if self.in_flight:
            key, state = self.in_flight
            if state is None:
                if key not in found:
                    self.acknowledged[key] = None
            elif found.get(key) == etag(state):
                self.acknowledged[key] = state
        self.in_flight = None


def etag(state: tuple[str, int]) -> str:
    return f'"{hashlib.md5(body_of(*state)).hexdigest()}"'


def listing(client, bucket: str) -> dict[str, str]:
    """Every key with its ETag."""
    found = {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for item in page.get("Contents", []):
            assert item["Key"] not in found, f"{item['Key']} is listed twice"
            found[item["Key"]] = item["ETag"]
    return found


def check(server: Server, bucket: str, writers: list[Writer]) -> None:
    """Every acknowledged write is there with its bytes, every acknowledged delete is gone, the listing is exact."""
    found = listing(server.client(), bucket)
    known: set[str] = set()
    for writer in writers:
        known |= writer.keys()
        for key in writer.keys():
            wanted = [None if state is None else etag(state) for state in writer.may_be(key)]
            assert found.get(key) in wanted, f"{key}: listed as {found.get(key)}, acknowledged as {writer.may_be(key)}"
    assert set(found) <= known, f"listed and never written: {set(found) - known}"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda writer: read_all(server, bucket, writer, found), writers))
    for writer in writers:
        writer.settle(found)


def read_all(server: Server, bucket: str, writer: Writer, found: dict[str, str]) -> None:
    """Reads every key of one writer: its bytes are those of a state that it may have, and agree with the listing."""
    raw = Raw(server)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    for key in sorted(writer.keys()):
        prepared = raw.prepare("GET", f"/{bucket}/{key}")
        connection.request("GET", prepared.target, headers=prepared.headers)
        answer = connection.getresponse()
        body = answer.read()
        if key in found:
            assert answer.status == 200, f"{key} is listed and its GET answers {answer.status}: {body[:300]!r}"
            assert f'"{hashlib.md5(body).hexdigest()}"' == found[key], f"{key} has other bytes than its ETag says"
        else:
            assert answer.status == 404, f"{key} is not listed and its GET answers {answer.status}"
    connection.close()
