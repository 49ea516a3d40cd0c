"""What is told while it happens: trace, logs, metrics."""

import json

import pytest
import requests

from harness.admin import request

pytestmark = pytest.mark.limit(300)


def test_requests_are_traced_as_they_are_answered(server, mc, s3, bucket):
    with mc.listen("admin", "trace", "rustfs", "--verbose") as trace:
        put = trace.wait_for(
            lambda call: call.get("api") == "s3.PutObject",
            meanwhile=lambda: s3.put_object(Bucket=bucket, Key="traced", Body=b"x" * 100),
        )
        assert put["path"] == f"/{bucket}/traced" and put["response"]["statusCode"] == 200
        assert put["callStats"]["rx"] >= 100 and put["request"]["method"] == "PUT"
        s3.get_object(Bucket=bucket, Key="traced")["Body"].read()
        got = trace.wait_for(lambda call: call.get("api") == "s3.GetObject")
        assert got["callStats"]["tx"] == 100
    assert "Signature=" not in json.dumps(trace.heard())


def test_errors_alone_are_traced_when_asked_for(server, mc, s3, bucket):
    def both():
        s3.list_objects_v2(Bucket=bucket)
        with pytest.raises(s3.exceptions.NoSuchKey):
            s3.get_object(Bucket=bucket, Key="missing")

    with mc.listen("admin", "trace", "rustfs", "--errors") as trace:
        trace.wait_for(lambda call: call.get("statusCode") == 404, meanwhile=both)
    assert {call["api"] for call in trace.heard()} == {"s3.GetObject"}


def test_the_log_is_told_from_its_last_lines_on(make_server, tmp_path):
    from harness.mc import Mc

    server = make_server(1, environment={"RUSTFS_LOG_LEVEL": "info"}).start()
    mc = Mc(server, tmp_path / "mc")
    mc.run("admin", "service", "freeze", "rustfs")
    with mc.listen("admin", "logs", "rustfs") as logs:
        line = logs.wait_for(lambda line: "freeze" in line.get("message", ""))
        assert line["level"] == "INFO" and line["deploymentid"]
        mc.run("admin", "service", "unfreeze", "rustfs")
        logs.wait_for(lambda line: "unfreeze" in line.get("message", ""))


def test_metrics_are_what_is_measured(server):
    answer = request(server, "GET", "/minio/admin/v3/metrics?n=2&interval=1s&by-disk=true&by-host=true")
    samples = [json.loads(line) for line in answer.text.splitlines() if line.strip()]
    assert [sample["final"] for sample in samples] == [False, True]
    drives = len(server.drives)
    aggregated = samples[0]["aggregated"]
    assert aggregated["disk"]["n_disks"] == drives and aggregated["disk"]["offline"] == 0
    assert aggregated["mem"]["memInfo"]["total"] > aggregated["mem"]["memInfo"]["available"] > 0
    assert aggregated["cpu"]["cpuCount"] > 0 and aggregated["cpu"]["timesStat"]["idle"] > 0
    assert set(samples[0]["by_disk"]) == {str(path) for path in server.drives}
    assert list(samples[0]["by_host"]) == [f"127.0.0.1:{server.port}"]
    answer = request(server, "GET", "/minio/admin/v3/metrics?n=1&types=1")
    assert set(answer.json()["aggregated"]) == {"scanner"}


def test_scanner_status(mc):
    with mc.listen("admin", "scanner", "status", "rustfs") as scanner:
        sample = scanner.wait_for(lambda sample: sample.get("aggregated", {}).get("scanner"))
    assert sample["hosts"]


def test_streams_end_when_the_server_stops(make_server):
    from harness.admin import signed_headers

    server = make_server(1).start()
    path = "/minio/admin/v3/trace?s3=true"
    with requests.get(server.endpoint + path, headers=signed_headers(server, "GET", path), stream=True, timeout=60) as stream:
        assert stream.status_code == 200
        server.stop_well()
        assert b"".join(stream.iter_content()).strip() == b""
