"""A store whose metadata is lost: `rustfs salvage` brings back what lies in blobs, and says what it can't bring back."""

import random
import shutil

import pytest

from durability.offline import run, said, send_all, snapshot

BUCKET = "salvaged"
COUNT = 10_000
# Above what lies in the metadata itself on four drives (1 KiB): most are packed, some are files of their own.
SIZES = [1_100] * 12 + [2_000, 4_000, 8_000, 30_000, 100_000]
LARGE = [300_000, 1 << 20, 3_000_000]


def content(number: int) -> bytes:
    size = LARGE[number // 100 % 3] if number % 100 == 0 else SIZES[number % len(SIZES)]
    return random.Random(number).randbytes(size)


def key(number: int) -> str:
    return f"folder-{number % 7}/{number:05}.bin"


def attributes(number: int) -> dict[str, str]:
    wide = {"x-amz-meta-wide": "w" * 300} if number % 11 == 0 else {}
    return {
        "Content-Type": f"application/x-{number % 5}",
        "Cache-Control": f"max-age={number}",
        "x-amz-meta-number": str(number),
        "x-amz-storage-class": "STANDARD_IA" if number % 3 == 0 else "STANDARD",
        **wide,
    }


@pytest.fixture
def store(make_server):
    store = make_server(drives=4).start()
    store.client().create_bucket(Bucket=BUCKET)
    return store


def lose_metadata(store) -> None:
    for drive in store.drives:
        shutil.rmtree(drive / "meta")


@pytest.mark.limit(150)
def test_ten_thousand_objects_come_back_with_their_attributes(store):
    puts = [("PUT", f"/{BUCKET}/{key(n)}", attributes(n), content(n)) for n in range(COUNT)]
    etags = []
    for status, headers, body in send_all(store, puts):
        assert status == 200, body
        etags.append(headers["etag"])
    store.stop_well()
    lose_metadata(store)
    report = said("salvage", "--write", *store.drives)
    assert (report["code"], report["written"]) == (0, True)
    bucket = report["buckets"][BUCKET]
    assert (bucket["objects"], bucket["lost"], bucket["uploads"]) == (COUNT, [], [])
    store.start()
    client = store.client()
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    listed = {item["Key"]: (item["Size"], item["ETag"]) for page in pages for item in page["Contents"]}
    assert listed == {key(n): (len(content(n)), etags[n]) for n in range(COUNT)}
    gets = [("GET", f"/{BUCKET}/{key(n)}", {}, b"") for n in range(COUNT)]
    for number, (status, headers, body) in enumerate(send_all(store, gets)):
        assert (status, headers["etag"]) == (200, etags[number]), key(number)
        assert body == content(number), f"{key(number)} has other bytes"
        for name, value in attributes(number).items():
            if (name, value) != ("x-amz-storage-class", "STANDARD"):
                assert headers[name.lower()] == value, f"{key(number)}: {name}"
    client.put_object(Bucket=BUCKET, Key="new", Body=b"x" * 5000)
    store.stop_well()
    found = said("inspect", *store.drives)
    assert (found["code"], found["findings"]) == (0, [])


@pytest.fixture
def small(store):
    """A few objects, an upload that was completed, one that was not, a key that was written twice, one that was deleted."""
    client = store.client()
    bodies = {}
    for number in range(20):
        bodies[f"k{number}"] = random.Random(number).randbytes(3_000 if number else 700_000)
        client.put_object(Bucket=BUCKET, Key=f"k{number}", Body=bodies[f"k{number}"])
    bodies["k1"] = b"second" * 1000
    client.put_object(Bucket=BUCKET, Key="k1", Body=bodies["k1"], ChecksumAlgorithm="SHA256")
    parts = [random.Random(100 + n).randbytes(size) for n, size in enumerate((5 << 20, 5 << 20, 70_000, 80_000))]
    # Both look complete; of the one, the last part is not among those that it was completed from.
    for name in ("multipart", "unfinished"):
        started = client.create_multipart_upload(
            Bucket=BUCKET, Key=name, ContentType="text/x", Metadata={"a": "b"}, ChecksumAlgorithm="SHA256"
        )
        sent = []
        for number, body in enumerate(parts, 1):
            part = client.upload_part(
                Bucket=BUCKET, Key=name, UploadId=started["UploadId"], PartNumber=number, Body=body, ChecksumAlgorithm="SHA256"
            )
            sent.append({"PartNumber": number, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]})
        if name == "multipart":
            named = {"Parts": sent[:3]}
            done = client.complete_multipart_upload(Bucket=BUCKET, Key=name, UploadId=started["UploadId"], MultipartUpload=named)
    bodies["multipart"] = b"".join(parts[:3])
    store.stop_well()
    return store, bodies, done


def check(store, bodies: dict[str, bytes]) -> None:
    client = store.client()
    assert [item["Key"] for item in client.list_objects_v2(Bucket=BUCKET)["Contents"]] == sorted(bodies)
    for name, body in bodies.items():
        assert client.get_object(Bucket=BUCKET, Key=name)["Body"].read() == body, name


def test_the_newest_version_and_the_parts_of_uploads_come_back(small):
    store, bodies, done = small
    lose_metadata(store)
    report = said("salvage", "--write", *store.drives)
    bucket = report["buckets"][BUCKET]
    assert bucket["of_parts"] == ["multipart"]
    assert [(upload["key"], upload["parts"]) for upload in bucket["uploads"]] == [("unfinished", [1, 2, 3, 4])]
    store.start()
    check(store, bodies)
    client = store.client()
    head = client.head_object(Bucket=BUCKET, Key="multipart", ChecksumMode="ENABLED")
    assert (head["ETag"], head["ContentType"], head["Metadata"]) == (done["ETag"], "text/x", {"a": "b"})
    assert (head["ChecksumSHA256"], head["ChecksumType"]) == (done["ChecksumSHA256"], "COMPOSITE")
    assert client.head_object(Bucket=BUCKET, Key="k1", ChecksumMode="ENABLED")["ChecksumSHA256"]
    (upload,) = client.list_multipart_uploads(Bucket=BUCKET)["Uploads"]
    assert (upload["Key"], upload["ChecksumAlgorithm"]) == ("unfinished", "SHA256")
    client.abort_multipart_upload(Bucket=BUCKET, Key="unfinished", UploadId=upload["UploadId"])


def test_a_dry_run_writes_nothing_and_names_the_same_objects(small):
    store, bodies, _ = small
    lose_metadata(store)
    before = [snapshot(drive) for drive in store.drives]
    report = said("salvage", *store.drives)
    assert (report["written"], report["buckets"][BUCKET]["objects"]) == (False, len(bodies))
    assert "NOTHING WAS WRITTEN" in run("salvage", *store.drives).stdout
    assert [snapshot(drive) for drive in store.drives] == before


def test_metadata_that_is_there_is_kept_aside_and_only_replaced_when_that_is_said(small):
    store, bodies, _ = small
    refused = run("salvage", "--write", *store.drives)
    assert refused.returncode == 2 and "--replace-metadata" in refused.stderr
    report = said("salvage", "--write", "--replace-metadata", *store.drives)
    assert len(report["old_metadata"]) == 4
    store.start()
    check(store, bodies)
    store.stop_well()
    for drive, aside in zip(store.drives, report["old_metadata"]):
        shutil.rmtree(drive / "meta")
        shutil.move(aside, drive / "meta")
    store.start()
    check(store, bodies)


def test_a_dead_drive_is_replaced_by_an_empty_folder(small):
    store, bodies, _ = small
    lose_metadata(store)
    shutil.rmtree(store.drives[2])
    refused = run("salvage", "--write", *store.drives)
    assert refused.returncode == 2 and "slot 2 is missing" in refused.stderr, refused.stderr
    store.drives[2].mkdir()
    report = said("salvage", "--write", *store.drives)
    assert report["buckets"][BUCKET]["objects"] == len(bodies)
    store.start()
    check(store, bodies)


def test_too_few_shards_are_named_as_lost(small):
    store, bodies, _ = small
    lose_metadata(store)
    name = next(path.name for path in store.drives[0].glob("blob/shards/*/*/*"))
    blob = name.split(".")[0]
    shards = [path for drive in store.drives for path in drive.glob(f"blob/shards/*/*/{blob}.*")]
    for path in shards[:3]:
        path.unlink()
    report = said("salvage", *store.drives)
    assert report["code"] == 1
    lost = report["buckets"][BUCKET]["lost"]
    assert [(one["shards"], one["needed"]) for one in lost] == [(1, 2)]


def test_a_server_refuses_drives_of_which_a_salvage_was_not_finished(small):
    store, bodies, _ = small
    lose_metadata(store)
    (store.drives[3] / "salvage").write_text("begun\n")
    store.launch()
    assert store.wait_for_exit() != 0
    assert "rustfs salvage --write" in store.output()
    said("salvage", "--write", *store.drives)
    store.start()
    check(store, bodies)


def test_a_running_server_keeps_salvage_away(store):
    refused = run("salvage", *store.drives)
    assert refused.returncode == 2 and "running server" in refused.stderr
