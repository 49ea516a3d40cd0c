"""What there is and how it is: `mc admin info` and its relatives."""

import shutil
import subprocess

import pytest

from harness.admin import request
from harness.mc import Mc

pytestmark = pytest.mark.limit(1800)  # The first test may have to build mc.


@pytest.mark.every_layout
def test_info_tells_the_server_its_drives_and_what_they_hold(server, mc, s3, bucket):
    before = mc.one("admin", "info", "rustfs")["info"]
    s3.put_object(Bucket=bucket, Key="a", Body=b"x" * 1000)
    s3.put_object(Bucket=bucket, Key="b", Body=b"y" * 234)
    info = mc.one("admin", "info", "rustfs")["info"]
    assert info["mode"] == "online" and info["region"] == "us-east-1"
    assert info["buckets"]["count"] == before["buckets"]["count"] == len(s3.list_buckets()["Buckets"])
    assert info["objects"]["count"] == before["objects"]["count"] + 2
    assert info["usage"]["size"] == before["usage"]["size"] + 1234
    drives = len(server.drives)
    backend = info["backend"]
    assert backend["backendType"] == "Erasure" and backend["onlineDisks"] == drives and backend["offlineDisks"] == 0
    assert backend["totalDrivesPerSet"] == [drives] and backend["totalSets"] == [1]
    (node,) = info["servers"]
    assert node["state"] == "online" and node["endpoint"] == f"127.0.0.1:{server.port}"
    assert {drive["path"] for drive in node["drives"]} == {str(path) for path in server.drives}
    for drive in node["drives"]:
        assert drive["state"] == "ok" and len(drive["uuid"]) == 32
        assert drive["totalspace"] == drive["usedspace"] + drive["availspace"] > 0


def test_the_words_that_mc_prints(server, mc, s3, bucket):
    command = [word for word in mc.command("admin", "info", "rustfs") if word != "--json"]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=mc.folder, check=True).stdout
    for words in ["Uptime:", "Network: 1/1 OK", "Drives: 1/1 OK", "Pool: 1", "1 drive online, 0 drives offline, EC:0"]:
        assert words in printed, printed


def test_a_missing_drive_is_told(make_server, tmp_path):
    server = make_server(4).start()
    server.stop_well()
    shutil.rmtree(server.drives[2])
    server.drives[2].write_text("no folder")
    server.start()
    backend = Mc(server, tmp_path / "mc").one("admin", "info", "rustfs")["info"]["backend"]
    assert (backend["onlineDisks"], backend["offlineDisks"]) == (3, 1)


def test_usage_is_exact_and_of_now(server, mc, s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"x" * 5000)
    usage = signed(server, "GET", "/rustfs/admin/v3/datausageinfo").json()
    assert usage["bucketsUsageInfo"][bucket]["size"] == 5000
    assert usage["bucketsUsageInfo"][bucket]["objectsCount"] == 1
    s3.delete_object(Bucket=bucket, Key="a")
    usage = signed(server, "GET", "/minio/admin/v3/datausageinfo").json()
    assert usage["bucketsUsageInfo"][bucket]["size"] == 0


def test_storage_and_account(server, s3, bucket):
    storage = signed(server, "GET", "/minio/admin/v3/storageinfo").json()
    assert len(storage["Disks"]) == len(server.drives) and storage["Backend"]["Type"] == 2
    account = signed(server, "GET", "/minio/admin/v3/accountinfo").json()
    assert account["AccountName"] == "rustfsadmin"
    (seen,) = [found for found in account["Buckets"] if found["name"] == bucket]
    assert seen["access"] == {"read": True, "write": True}
    assert account["Policy"]["Statement"]


def test_healing_goes_on_by_itself_and_tells_how_far_it_is(mc, server):
    heal = mc.one("admin", "heal", "rustfs")["HealInfo"]
    (found,) = heal["sets"]
    assert [disk["state"] for disk in found["disks"]] == ["ok"] * len(server.drives)
    assert heal["offline_nodes"] == [] and heal["sc_parity"]["STANDARD"] == 0
    code, message = mc.fails("admin", "heal", "-r", "rustfs")
    assert code == "NotImplemented" and "by itself" in message


def test_there_are_no_locks(server):
    assert signed(server, "GET", "/minio/admin/v3/top/locks?count=10&stale=false").json() == []
    signed(server, "POST", "/minio/admin/v3/force-unlock?paths=a")


def test_no_kms_is_configured(mc):
    code, message = mc.fails("admin", "kms", "key", "status", "rustfs")
    assert "No KMS is configured" in message, (code, message)


def signed(server, method: str, path: str, **options):
    """A signed request that works, and its answer."""
    answer = request(server, method, path, **options)
    assert answer.status_code == 200, answer.text
    return answer
