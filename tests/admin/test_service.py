"""The server is stopped, begun again and frozen over the admin API."""

import threading
import time

import pytest
import requests

from harness.admin import request
from harness.mc import Mc

pytestmark = pytest.mark.limit(300)


def test_a_stop_finishes_requests_and_ends_well(make_server, tmp_path):
    server = make_server(1).start()
    mc = Mc(server, tmp_path / "mc")
    s3 = server.client()
    s3.create_bucket(Bucket="kept")
    mc.run("admin", "service", "stop", "rustfs")
    assert server.wait_for_exit() == 0
    server.start()
    assert [bucket["Name"] for bucket in server.client().list_buckets()["Buckets"]] == ["kept"]


def test_a_restart_begins_again_in_the_same_process(make_server, tmp_path):
    server = make_server(1).start()
    mc = Mc(server, tmp_path / "mc")
    server.client().create_bucket(Bucket="kept")
    answer = mc.run("admin", "service", "restart", "rustfs", "--wait")
    assert answer, "mc tells that it has begun again"
    deadline = time.monotonic() + 30
    while server.output().count("Endpoint ") < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    server.wait_for("/health/ready")
    assert server.output().count("Endpoint ") == 2 and server.process.poll() is None
    assert mc.one("admin", "info", "rustfs")["info"]["servers"][0].get("uptime", 0) < 30
    assert [bucket["Name"] for bucket in server.client().list_buckets()["Buckets"]] == ["kept"]


def test_frozen_requests_wait_and_go_on(make_server, tmp_path):
    server = make_server(1).start()
    mc = Mc(server, tmp_path / "mc")
    s3 = server.client()
    s3.create_bucket(Bucket="bucket")
    mc.run("admin", "service", "freeze", "rustfs")
    done = threading.Event()

    def put():
        server.client().put_object(Bucket="bucket", Key="k", Body=b"v")
        done.set()

    putting = threading.Thread(target=put)
    putting.start()
    assert not done.wait(1.5), "a put went on though the service is frozen"
    assert server.health("/health/ready") == 200, "health checks are answered"
    assert mc.one("admin", "info", "rustfs")["info"]["objects"]["count"] == 0
    mc.run("admin", "service", "unfreeze", "rustfs")
    putting.join(20)
    assert done.is_set() and s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"v"


def test_a_frozen_server_stops(make_server, tmp_path):
    server = make_server(1).start()
    Mc(server, tmp_path / "mc").run("admin", "service", "freeze", "rustfs")
    waiting = threading.Thread(target=lambda: requests.get(server.endpoint + "/", timeout=30))
    waiting.start()
    time.sleep(0.3)
    begun = time.monotonic()
    server.stop_well()
    assert time.monotonic() - begun < 10
    waiting.join(30)


def test_a_dry_run_changes_nothing(server):
    answer = request(server, "POST", "/minio/admin/v3/service?action=stop&dry-run=true&type=2")
    assert answer.status_code == 200 and answer.json()["dryRun"] is True
    assert server.health("/health/ready") == 200


def test_an_update_is_refused_with_what_to_do(mc):
    code, message = mc.fails("admin", "update", "rustfs", "--yes")
    assert code == "NotImplemented" and "service restart" in message
