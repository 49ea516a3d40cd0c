"""What users of RustFS reported, each as a test: the number is that of the report."""

import random
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.errors import refused

MIB = 1 << 20


def put_all(s3, bucket, keys, body=b"x"):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: s3.put_object(Bucket=bucket, Key=key, Body=body), keys))


def all_keys(s3, bucket, **options):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, **options)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


@pytest.mark.every_layout
def test_rustfs_2789_copies_onto_themselves_lose_no_object(s3, bucket):
    """`rclone sync` over changed times copies each object onto itself: HEAD said 200 afterwards, and GET NoSuchKey."""
    bodies = {
        f"f{number}": random.Random(number).randbytes(size) for number, size in enumerate([0, 10, 5000, 20_000, 150_000, 2 * MIB] * 4)
    }
    for key, body in bodies.items():
        s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata={"mtime": "1"})

    def touch(key):
        for turn in ("2", "3"):
            s3.copy_object(
                Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": key}, MetadataDirective="REPLACE", Metadata={"mtime": turn}
            )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(touch, bodies))
    for key, body in bodies.items():
        got = s3.get_object(Bucket=bucket, Key=key)
        assert (got["Body"].read(), got["Metadata"]) == (body, {"mtime": "3"})
        assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == len(body)
    assert all_keys(s3, bucket) == sorted(bodies)


@pytest.mark.every_layout
@pytest.mark.parametrize("size", [1, 300, 20_000, 200_000, 6 * MIB])
def test_rustfs_7674_a_small_multipart_upload_can_be_copied_and_its_source_deleted(s3, bucket, size):
    """Harbor uploads small blobs in one part and then copies them to their place."""
    data = random.Random(size).randbytes(size)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="uploads/1/data")["UploadId"]
    etag = s3.upload_part(Bucket=bucket, Key="uploads/1/data", UploadId=upload, PartNumber=1, Body=data)["ETag"]
    s3.complete_multipart_upload(
        Bucket=bucket, Key="uploads/1/data", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]}
    )
    s3.copy_object(Bucket=bucket, Key="blobs/sha256/data", CopySource={"Bucket": bucket, "Key": "uploads/1/data"})
    s3.delete_object(Bucket=bucket, Key="uploads/1/data")
    assert s3.get_object(Bucket=bucket, Key="blobs/sha256/data")["Body"].read() == data
    target = s3.create_multipart_upload(Bucket=bucket, Key="again")["UploadId"]
    part = s3.upload_part_copy(
        Bucket=bucket, Key="again", UploadId=target, PartNumber=1, CopySource={"Bucket": bucket, "Key": "blobs/sha256/data"}
    )
    s3.complete_multipart_upload(
        Bucket=bucket, Key="again", UploadId=target, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]}
    )
    assert s3.get_object(Bucket=bucket, Key="again")["Body"].read() == data


@pytest.fixture(scope="module")
def crowd(server):
    """A bucket of 2,500 keys, shared by the tests that only read."""
    s3 = server.client(max_pool_connections=20)
    s3.create_bucket(Bucket="crowd-of-2500")
    keys = sorted(f"{number % 5}/{number:05}" for number in range(2500))
    put_all(s3, "crowd-of-2500", keys)
    yield keys
    for at in range(0, len(keys), 1000):
        s3.delete_objects(Bucket="crowd-of-2500", Delete={"Objects": [{"Key": key} for key in keys[at : at + 1000]], "Quiet": True})
    s3.delete_bucket(Bucket="crowd-of-2500")


@pytest.mark.every_layout
@pytest.mark.parametrize("max_keys", [1000, 1001, 5000, 2147483647])
def test_rustfs_2931_asking_for_more_than_1000_keys_gives_pages_of_1000_and_all_of_them(s3, raw, crowd, max_keys):
    found, token = [], {}
    while True:
        page = s3.list_objects_v2(Bucket="crowd-of-2500", MaxKeys=max_keys, **token)
        assert page["KeyCount"] == len(page["Contents"]) <= 1000 and page["MaxKeys"] == 1000
        found += [item["Key"] for item in page["Contents"]]
        if not page["IsTruncated"]:
            break
        token = {"ContinuationToken": page["NextContinuationToken"]}
    assert found == crowd


@pytest.mark.every_layout
def test_rustfs_1596_and_5792_every_truncated_page_has_a_token_and_no_token_comes_twice(s3, crowd):
    found, tokens, token = [], set(), {}
    while True:
        page = s3.list_objects_v2(Bucket="crowd-of-2500", MaxKeys=170, **token)
        found += [item["Key"] for item in page["Contents"]]
        if not page["IsTruncated"]:
            break
        following = page["NextContinuationToken"]
        assert following not in tokens
        tokens.add(following)
        token = {"ContinuationToken": following}
    assert found == crowd
    marker, found = "", []
    while True:
        page = s3.list_objects(Bucket="crowd-of-2500", MaxKeys=999, Marker=marker)
        found += [item["Key"] for item in page["Contents"]]
        marker = found[-1]
        if not page["IsTruncated"]:
            break
    assert found == crowd


@pytest.mark.every_layout
def test_rustfs_6218_whatever_is_listed_can_be_read_and_deleted(s3, bucket):
    """No ghosts: keys that are listed while HEAD and GET say 404."""
    stop = threading.Event()

    def churn(number):
        dice = random.Random(number)
        while not stop.is_set():
            key = f"index/{dice.randrange(30)}"
            if dice.random() < 0.5:
                s3.put_object(Bucket=bucket, Key=key, Body=b"x" * dice.choice([10, 30_000, 300_000]))
            else:
                s3.delete_object(Bucket=bucket, Key=key)

    with ThreadPoolExecutor(6) as pool:
        running = [pool.submit(churn, number) for number in range(6)]
        stop.wait(4)
        stop.set()
        for one in running:
            one.result()
    listed = all_keys(s3, bucket)
    for number in range(30):
        key = f"index/{number}"
        if key in listed:
            s3.head_object(Bucket=bucket, Key=key)
            assert len(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) in (10, 30_000, 300_000)
        else:
            with refused("NoSuchKey", 404):
                s3.get_object(Bucket=bucket, Key=key)
    for key in listed:
        s3.delete_object(Bucket=bucket, Key=key)
    assert all_keys(s3, bucket) == []


@pytest.mark.every_layout
def test_rustfs_760_folders_and_prefixes_go_when_they_are_deleted(s3, bucket):
    """A console makes a folder by a key that ends in a slash; deleting it has to work, and to be seen."""
    for key in ("folder/", "folder/a", "folder/sub/", "folder/sub/b"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    assert s3.head_object(Bucket=bucket, Key="folder/")["ContentLength"] == 0
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="folder")
    for key in ("folder/sub/b", "folder/sub/", "folder/a"):
        s3.delete_object(Bucket=bucket, Key=key)
    assert all_keys(s3, bucket) == ["folder/"]
    s3.delete_object(Bucket=bucket, Key="folder/")
    page = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert "Contents" not in page and "CommonPrefixes" not in page
    s3.delete_bucket(Bucket=bucket)


@pytest.mark.every_layout
def test_rustfs_1204_and_6898_a_deleted_key_is_not_seen_in_any_listing(s3, bucket):
    put_all(s3, bucket, [f"d/{number}" for number in range(20)])
    for number in range(0, 20, 2):
        s3.delete_object(Bucket=bucket, Key=f"d/{number}")
    left = sorted(f"d/{number}" for number in range(1, 20, 2))
    assert all_keys(s3, bucket) == left == [item["Key"] for item in s3.list_objects(Bucket=bucket)["Contents"]]
    assert all_keys(s3, bucket, MaxKeys=3) == left


def test_rustfs_3279_listing_buckets_needs_a_grant(raw):
    answer = raw.bare("GET", "/")
    assert (answer.status, answer.code) == (403, "AccessDenied")


def test_rustfs_5840_and_460_presigned_head_and_get_work_with_curl(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a b/ü+?.txt", Body=b"content")
    for operation, arguments in (("get_object", []), ("head_object", ["--head"])):
        url = s3.generate_presigned_url(operation, Params={"Bucket": bucket, "Key": "a b/ü+?.txt"}, ExpiresIn=600)
        done = subprocess.run(["curl", "-sS", "-f", *arguments, url], capture_output=True)
        assert done.returncode == 0, done


def test_rustfs_8r6f_a_key_is_never_a_path(s3, server, bucket):
    """GHSA-8r6f, f4vq, pq29: keys reached files outside of the store."""
    for key in ("../../../outside", "/etc/passwd", "..", "a/../../../../outside", "..\\..\\outside", "\u2025/outside"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"prisoner")
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"prisoner"
    assert not [path for path in server.folder.parent.rglob("outside")]
    for drive in server.drives:
        assert not [path for path in drive.rglob("*") if "outside" in path.name or "passwd" in path.name]


def test_rustfs_mx42_the_source_of_a_copy_is_checked_too(raw, s3, bucket):
    """GHSA-mx42: UploadPartCopy did not ask whether its source may be read."""
    s3.put_object(Bucket=bucket, Key="secret", Body=b"secret")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    for target in (f"/{bucket}/k", f"/{bucket}/k?partNumber=1&uploadId={upload}"):
        answer = raw.bare("PUT", target, {"x-amz-copy-source": f"/{bucket}/secret"})
        assert (answer.status, answer.code) == (403, "AccessDenied")


def test_rustfs_r54g_no_secret_and_no_signature_is_in_the_log(raw, server, bucket):
    raw("GET", f"/{bucket}", secret_key="this-is-a-secret-of-a-user")
    target = raw.presigned("GET", f"/{bucket}/none")
    raw.bare("GET", target)
    log = server.log.read_text(errors="replace")
    assert "this-is-a-secret-of-a-user" not in log
    assert target.partition("X-Amz-Signature=")[2].partition("&")[0] not in log


@pytest.mark.every_layout
def test_rustfs_4594_a_body_is_never_short_and_well_ended(s3, raw, bucket):
    data = random.Random(1).randbytes(5 * MIB + 123)
    s3.put_object(Bucket=bucket, Key="k", Body=data)
    answer = raw("GET", f"/{bucket}/k")
    assert int(answer.headers["content-length"]) == len(answer.body) == len(data)
    assert answer.body == data


@pytest.mark.every_layout
def test_rustfs_6801_a_slow_conditional_upload_keeps_nobody_from_reading(s3, raw, bucket):
    import socket

    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"old")["ETag"]
    prepared = raw.prepare("PUT", f"/{bucket}/k", headers={"if-match": etag}, body=b"n" * 500_000)
    with socket.create_connection(("127.0.0.1", raw.server.port), timeout=20) as connection:
        connection.sendall(raw.head_bytes(prepared) + prepared.body[:250_000])
        for _ in range(20):
            assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"old"
        s3.put_object(Bucket=bucket, Key="other", Body=b"x")
        connection.sendall(prepared.body[250_000:])
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == prepared.body


def test_rustfs_2670_restic_reads_ranges_at_the_very_end(s3, bucket):
    data = random.Random(2).randbytes(17 * MIB + 3)
    s3.put_object(Bucket=bucket, Key="pack", Body=data)
    for first in (len(data) - 1, len(data) - 40, 17 * MIB - 1, 16 * MIB):
        got = s3.get_object(Bucket=bucket, Key="pack", Range=f"bytes={first}-{len(data) - 1}")
        assert got["Body"].read() == data[first:]


def test_rustfs_v9fg_markup_in_a_key_stays_text(raw, s3, bucket):
    """GHSA-v9fg: what a user stores is never run. A page in the store is served as the type it was given, as an error never is."""
    key = "<img src=x onerror=alert(1)>"
    s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    listing = raw("GET", f"/{bucket}")
    assert b"<img" not in listing.body and listing.headers["content-type"] == "application/xml"
