"""kill -9 under load, again and again: what was acknowledged is there, what was deleted is gone, the listing is exact.

RUSTFS_TEST_KILLS (20) sets how often, RUSTFS_TEST_KILL_CLIENTS (16) under how many clients.
"""

import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from durability.load import Writer, check

KILLS = int(os.environ.get("RUSTFS_TEST_KILLS", "20"))
CLIENTS = int(os.environ.get("RUSTFS_TEST_KILL_CLIENTS", "16"))
SIZES = [0, 100, 100, 4096, 4096, 16_384, 40_000, 200_000, 1_500_000]


@pytest.mark.limit(300)
@pytest.mark.parametrize("drives", [1, 4])
def test_a_kill_under_load_loses_nothing_that_was_acknowledged(make_server, drives):
    server = make_server(drives=drives).start()
    server.client().create_bucket(Bucket="load")
    writers = [Writer(server, "load", number, SIZES) for number in range(CLIENTS)]
    dice = random.Random(drives)
    done = 0
    for turn in range(KILLS):
        ending = threading.Event()
        with ThreadPoolExecutor(CLIENTS) as pool:
            running = [pool.submit(writer.work, ending) for writer in writers]
            time.sleep(0.3 + dice.random() * 0.9)
            server.kill()
            ending.set()
            for one in running:
                one.result()
        server.start()
        try:
            check(server, "load", writers)
        except AssertionError as error:
            raise AssertionError(f"after kill {turn + 1} of {KILLS}: {error}") from error
        refused = [status for writer in writers for status in writer.refused]
        assert not refused, f"writes were refused: {refused[:10]}"
        made = sum(writer.count for writer in writers)
        assert made > done, "nothing was written between two kills"
        done = made
    assert done > KILLS * CLIENTS, f"only {done} writes: no load at all"
    server.stop_well()
    server.start()
    check(server, "load", writers)
    server.stop_well()


@pytest.mark.limit(120)
@pytest.mark.parametrize("drives", [1, 4])
def test_a_kill_during_multipart_leaves_the_old_object_or_the_new_one(make_server, drives):
    server = make_server(drives=drives).start()
    server.client().create_bucket(Bucket="load")
    parts = [bytes([letter]) * (5 << 20) for letter in b"xyz"]
    for turn in range(3):
        client = server.client()
        client.put_object(Bucket="load", Key="big", Body=b"old")
        upload = client.create_multipart_upload(Bucket="load", Key="big")["UploadId"]
        sent = [
            {"PartNumber": n, "ETag": client.upload_part(Bucket="load", Key="big", UploadId=upload, PartNumber=n, Body=p)["ETag"]}
            for n, p in enumerate(parts, 1)
        ]
        outcome = []

        def finish(client=client, upload=upload, sent=sent, outcome=outcome):
            try:
                client.complete_multipart_upload(Bucket="load", Key="big", UploadId=upload, MultipartUpload={"Parts": sent})
                outcome.append("done")
            except Exception as error:  # noqa: BLE001 - whatever the kill does to the client
                outcome.append(repr(error))

        thread = threading.Thread(target=finish)
        thread.start()
        time.sleep(0.004 * turn)
        server.kill()
        thread.join()
        server.start()
        client = server.client()
        body = client.get_object(Bucket="load", Key="big")["Body"].read()
        assert body in (b"old", b"".join(parts)), "neither the old object nor the new one"
        if outcome == ["done"]:
            assert body == b"".join(parts)
        if body == b"old":
            # The parts were acknowledged: the upload can be completed now.
            client.complete_multipart_upload(Bucket="load", Key="big", UploadId=upload, MultipartUpload={"Parts": sent})
            assert client.get_object(Bucket="load", Key="big")["Body"].read() == b"".join(parts)
    server.stop_well()


def test_sigterm_lets_a_request_in_progress_finish(make_server):
    import socket

    from harness.raw import Raw

    server = make_server().start()
    server.client().create_bucket(Bucket="load")
    raw = Raw(server)
    body = b"b" * 1_000_000
    prepared = raw.prepare("PUT", "/load/k", body=body)
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(raw.head_bytes(prepared) + body[:500_000])
        time.sleep(0.2)
        server.process.terminate()
        time.sleep(0.5)
        connection.sendall(body[500_000:])
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    assert server.wait_for_exit(30) == 0
    server.start()
    assert server.client().get_object(Bucket="load", Key="k")["Body"].read() == body
    server.stop_well()


def test_what_is_written_is_there_after_a_stop_and_a_start(make_server):
    server = make_server(drives=4).start()
    client = server.client()
    client.create_bucket(Bucket="load")
    for size in (0, 100, 20_000, 2_000_000):
        client.put_object(Bucket="load", Key=f"k{size}", Body=b"x" * size, Metadata={"size": str(size)})
    upload = client.create_multipart_upload(Bucket="load", Key="later")["UploadId"]
    etag = client.upload_part(Bucket="load", Key="later", UploadId=upload, PartNumber=1, Body=b"part")["ETag"]
    for _ in range(2):
        server.stop_well()
        server.start()
    client = server.client()
    for size in (0, 100, 20_000, 2_000_000):
        got = client.get_object(Bucket="load", Key=f"k{size}")
        assert (got["Body"].read(), got["Metadata"]) == (b"x" * size, {"size": str(size)})
    client.complete_multipart_upload(
        Bucket="load", Key="later", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]}
    )
    assert client.get_object(Bucket="load", Key="later")["Body"].read() == b"part"
    server.stop_well()
