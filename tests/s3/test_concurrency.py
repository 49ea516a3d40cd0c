"""Many clients at once."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.every_layout
MIB = 1 << 20


@pytest.fixture(scope="module")
def wide(server):
    return server.client(max_pool_connections=40)


def code_of(call):
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "ok"


@pytest.mark.parametrize("size", [10, 300_000])
def test_of_32_writers_of_an_absent_key_exactly_one_wins(wide, bucket, size):
    for round_number in range(3):
        key = f"k{round_number}"
        barrier = threading.Barrier(32)

        def write(number, key=key, barrier=barrier):
            barrier.wait()
            return code_of(lambda: wide.put_object(Bucket=bucket, Key=key, Body=bytes([number]) * size, IfNoneMatch="*"))

        with ThreadPoolExecutor(32) as pool:
            codes = list(pool.map(write, range(32)))
        assert codes.count("ok") == 1, codes
        assert set(codes) <= {"ok", "PreconditionFailed", "ConditionalRequestConflict"}
        assert wide.get_object(Bucket=bucket, Key=key)["Body"].read() == bytes([codes.index("ok")]) * size


def test_of_8_completions_of_an_absent_key_exactly_one_wins(wide, bucket):
    def prepare(number):
        upload = wide.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
        etag = wide.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=bytes([number]))["ETag"]
        return upload, {"Parts": [{"PartNumber": 1, "ETag": etag}]}

    with ThreadPoolExecutor(8) as pool:
        uploads = list(pool.map(prepare, range(8)))
        codes = list(
            pool.map(
                lambda one: code_of(
                    lambda: wide.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=one[0], MultipartUpload=one[1], IfNoneMatch="*")
                ),
                uploads,
            )
        )
    assert codes.count("ok") == 1, codes
    assert wide.get_object(Bucket=bucket, Key="k")["Body"].read() == bytes([codes.index("ok")])


def test_200_increments_by_8_clients_lose_none(wide, bucket):
    wide.put_object(Bucket=bucket, Key="counter", Body=b"0")

    def increment(_):
        for _ in range(25):
            while True:
                got = wide.get_object(Bucket=bucket, Key="counter")
                value = int(got["Body"].read())
                code = code_of(
                    lambda value=value, got=got: wide.put_object(
                        Bucket=bucket, Key="counter", Body=str(value + 1).encode(), IfMatch=got["ETag"]
                    )
                )
                if code == "ok":
                    break
                assert code in ("PreconditionFailed", "ConditionalRequestConflict"), code

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(increment, range(8)))
    assert wide.get_object(Bucket=bucket, Key="counter")["Body"].read() == b"200"


def test_every_write_and_delete_is_listed_at_once(wide, bucket):
    def work(number):
        for turn in range(10):
            key = f"{number:02}/{turn}"
            wide.put_object(Bucket=bucket, Key=key, Body=b"x")
            assert key in [item["Key"] for item in wide.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents", [])]
            if turn % 2:
                wide.delete_object(Bucket=bucket, Key=key)
                assert key not in [item["Key"] for item in wide.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents", [])]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert len(wide.list_objects_v2(Bucket=bucket)["Contents"]) == 40


@pytest.mark.parametrize("size", [1000, 100_000, MIB, 3 * MIB])
def test_a_read_during_overwrites_gives_one_write_whole(wide, bucket, size):
    wide.put_object(Bucket=bucket, Key="k", Body=b"A" * size)
    done = threading.Event()

    def write():
        dice = random.Random(1)
        while not done.is_set():
            wide.put_object(Bucket=bucket, Key="k", Body=bytes([dice.randrange(65, 91)]) * size)

    def read():
        for _ in range(15):
            data = wide.get_object(Bucket=bucket, Key="k")["Body"].read()
            assert len(data) == size and len(set(data)) == 1, "a mixture"

    with ThreadPoolExecutor(5) as pool:
        writer = pool.submit(write)
        try:
            for reader in [pool.submit(read) for _ in range(4)]:
                reader.result()
        finally:
            done.set()
        writer.result()


def test_a_read_that_is_in_progress_keeps_its_object(wide, bucket):
    for size in (MIB, 8 * MIB):
        wide.put_object(Bucket=bucket, Key="k", Body=b"A" * size)
        body = wide.get_object(Bucket=bucket, Key="k")["Body"]
        first = body.read(1000)
        wide.put_object(Bucket=bucket, Key="k", Body=b"B" * size)
        assert first + body.read() == b"A" * size
        assert wide.get_object(Bucket=bucket, Key="k")["Body"].read() == b"B" * size
        body = wide.get_object(Bucket=bucket, Key="k")["Body"]
        first = body.read(1000)
        wide.delete_object(Bucket=bucket, Key="k")
        assert first + body.read() == b"B" * size


def test_a_write_in_progress_is_not_seen_and_the_last_to_end_stays(wide, raw, bucket):
    import socket

    for size in (MIB, 4 * MIB):
        wide.put_object(Bucket=bucket, Key="k", Body=b"A" * size)
        prepared = raw.prepare("PUT", f"/{bucket}/k", body=b"B" * size)
        with socket.create_connection(("127.0.0.1", raw.server.port), timeout=20) as connection:
            connection.sendall(raw.head_bytes(prepared) + prepared.body[: size - 1000])
            time.sleep(0.2)
            assert wide.get_object(Bucket=bucket, Key="k")["Body"].read() == b"A" * size
            wide.put_object(Bucket=bucket, Key="k", Body=b"C" * size)
            assert wide.get_object(Bucket=bucket, Key="k")["Body"].read() == b"C" * size
            connection.sendall(prepared.body[size - 1000 :])
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
        assert wide.get_object(Bucket=bucket, Key="k")["Body"].read() == b"B" * size


def test_two_makers_of_one_bucket(wide, bucket_name):
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda _: code_of(lambda: wide.create_bucket(Bucket=bucket_name)), range(8)))
    assert codes.count("ok") == 1 and set(codes) <= {"ok", "BucketAlreadyOwnedByYou", "OperationAborted"}, codes
    wide.delete_bucket(Bucket=bucket_name)


def test_a_bucket_is_never_deleted_with_an_acknowledged_object_in_it(wide, bucket_name):
    for turn in range(10):
        name = f"{bucket_name}-{turn}"
        wide.create_bucket(Bucket=name)
        with ThreadPoolExecutor(2) as pool:
            put = pool.submit(code_of, lambda name=name: wide.put_object(Bucket=name, Key="k", Body=b"x"))
            deleted = pool.submit(code_of, lambda name=name: wide.delete_bucket(Bucket=name))
        if put.result() == "ok":
            if deleted.result() != "ok":
                assert deleted.result() in ("BucketNotEmpty", "OperationAborted", "SlowDown"), deleted.result()
                assert wide.get_object(Bucket=name, Key="k")["Body"].read() == b"x"
                wide.delete_object(Bucket=name, Key="k")
                wide.delete_bucket(Bucket=name)
            else:
                pytest.fail(f"turn {turn}: the put was acknowledged and the bucket deleted with it")
        else:
            assert put.result() in ("NoSuchBucket", "OperationAborted", "SlowDown"), put.result()
            if deleted.result() != "ok":
                wide.delete_bucket(Bucket=name)
