"""`rustfs inspect`: an intact store has no finding; damage is named by file, with what to do; nothing is written."""

import shutil

import pytest

from durability.offline import flip, run, said, snapshot
from harness.server import Server

BUCKET = "inspected"


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A store with objects of every kind, stopped well. The tests leave it as it was."""
    server = Server(tmp_path_factory.mktemp("inspected"), 4).start()
    client = server.client()
    client.create_bucket(Bucket=BUCKET)
    for number in range(300):
        size = (500, 5_000, 60_000, 700_000)[number % 4]
        metadata = {"wide": "w" * 1500} if number % 2 else {}
        client.put_object(Bucket=BUCKET, Key=f"key-{number}", Body=b"%d" % (number % 10) * size, Metadata=metadata)
    for number in range(0, 300, 10):
        client.delete_object(Bucket=BUCKET, Key=f"key-{number}")
    upload = client.create_multipart_upload(Bucket=BUCKET, Key="multipart")["UploadId"]
    sent = [
        {"PartNumber": n, "ETag": client.upload_part(Bucket=BUCKET, Key="multipart", UploadId=upload, PartNumber=n, Body=b"p" * size)["ETag"]}
        for n, size in ((1, 5 << 20), (2, 1 << 20))
    ]
    client.complete_multipart_upload(Bucket=BUCKET, Key="multipart", UploadId=upload, MultipartUpload={"Parts": sent})
    client.upload_part(
        Bucket=BUCKET, Key="open", PartNumber=1, Body=b"o" * 9000, UploadId=client.create_multipart_upload(Bucket=BUCKET, Key="open")["UploadId"]
    )
    server.client().put_object(Bucket=BUCKET, Key="empty", Body=b"")
    server.stop_well()
    yield server
    server.remove()


@pytest.fixture
def kept(stopped, tmp_path):
    """As `stopped`; what a test changes on the first drive is taken back."""
    copy = tmp_path / "copy"
    shutil.copytree(stopped.drives[0], copy)
    yield stopped
    shutil.rmtree(stopped.drives[0])
    shutil.move(copy, stopped.drives[0])


def test_an_intact_store_has_no_finding(stopped):
    before = [snapshot(drive) for drive in stopped.drives]
    found = said("inspect", *stopped.drives)
    assert (found["code"], found["sound"], found["findings"]) == (0, True, [])
    assert len(found["drives"]) == 4 and found["objects"] > 100
    assert all(drive["shards"] > 100 for drive in found["drives"])
    alone = said("inspect", stopped.drives[1])
    assert (alone["code"], alone["findings"]) == (0, [])
    text = run("inspect", *stopped.drives)
    assert text.returncode == 0 and "sound" in text.stdout and text.stderr == ""
    assert [snapshot(drive) for drive in stopped.drives] == before, "looking changed something"


def test_a_store_that_was_killed_has_no_finding(make_server):
    server = make_server(drives=4).start()
    client = server.client()
    client.create_bucket(Bucket=BUCKET)
    for number in range(100):
        client.put_object(Bucket=BUCKET, Key=f"key-{number}", Body=b"x" * (400_000 if number % 10 == 0 else 3_000))
    server.kill()
    found = said("inspect", *server.drives)
    assert (found["code"], found["findings"]) == (0, [])
    assert found["objects"] == 100


def first(drive, pattern):
    """The first file of a kind that holds anything: of the log's segments most are reserved."""
    return next(path for path in sorted(drive.glob(pattern)) if any(path.open("rb").read(4096)))


# A file of each kind, where to flip a byte in it, and what that is.
ROT = {
    "format": ("format", 60, "format-damaged"),
    "a segment's record": ("blob/segments/*.seg", 4096 + 48 + 72 + 100, "shard-damaged"),
    "a shard's header": ("blob/shards/*/*/*", 12, "shard-damaged"),
    "a shard's frame": ("blob/shards/*/*/*", 64 + 40 + 1000, "shard-damaged"),
    "a shard's footer": ("blob/shards/*/*/*", -20, "shard-damaged"),
    "the raft log": ("meta/log/segment-*.log", 2 * 4096 + 100, "log-damaged"),
    "the engine's manifest": ("meta/engine/manifest", 40, "metadata-damaged"),
    "a row": ("meta/engine/*.rows", 300, "metadata-damaged"),
    "a directory of rows": ("meta/engine/*.rows", -100, "metadata-damaged"),
}


@pytest.mark.parametrize("place", ROT)
def test_a_flipped_byte_is_found_in_each_kind_of_file(kept, place):
    pattern, offset, kind = ROT[place]
    path = first(kept.drives[0], pattern)
    flip(path, offset)
    found = said("inspect", *kept.drives)
    assert found["code"] == 1
    named = [one for one in found["findings"] if one["path"] and one["path"].startswith(str(path))]
    named = named or [one for one in found["findings"] if one["path"] and str(path.parent) in one["path"]]
    assert kind in {one["kind"] for one in named}, found["findings"]
    assert all(one["drive"] == str(kept.drives[0]) for one in found["findings"]), found["findings"]
    assert all(one["todo"] and one["means"] for one in found["findings"])
    text = run("inspect", *kept.drives).stdout
    assert kind in text and "What to do:" in text


def test_a_drive_that_lost_shards_and_too_few_shards_are_told_apart(kept, tmp_path):
    path = first(kept.drives[0], "blob/shards/*/*/*")
    blob = path.name.split(".")[0]
    path.unlink()
    found = said("inspect", *kept.drives)
    assert {one["kind"] for one in found["findings"]} == {"shard-missing"}
    others = [shard for drive in kept.drives[1:] for shard in drive.glob(f"blob/shards/*/*/{blob}.*")]
    for number, shard in enumerate(others[:2]):
        shutil.move(shard, tmp_path / str(number))
    found = said("inspect", *kept.drives)
    for number, shard in enumerate(others[:2]):
        shutil.move(tmp_path / str(number), shard)
    lost = [one for one in found["findings"] if one["kind"] == "object-unreadable"]
    assert len(lost) == 1 and f"bucket {BUCKET}" in lost[0]["what"], found["findings"]


def test_a_running_server_keeps_inspect_away(make_server):
    server = make_server(drives=1).start()
    refused = run("inspect", *server.drives)
    assert refused.returncode == 2 and "in use by a running server" in refused.stderr
    server.stop_well()
    assert run("inspect", *server.drives).returncode == 0


def test_what_is_no_drive_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "missing"):
        refused = run("inspect", folder)
        assert refused.returncode == 2 and "none of these folders is a drive" in refused.stderr
