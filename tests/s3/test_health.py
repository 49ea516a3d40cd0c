"""Health checks."""

import pytest

ALL = ["/health", "/health/live", "/health/ready", "/minio/health/live", "/minio/health/ready", "/minio/health/cluster"]


@pytest.mark.every_layout
@pytest.mark.parametrize("path", ALL)
def test_a_healthy_server_says_so_to_anybody(raw, path):
    for method in ("GET", "HEAD"):
        answer = raw.bare(method, path)
        assert answer.status == 200, answer
        assert method == "GET" or answer.body == b""


def test_health_is_no_bucket(raw):
    assert raw("GET", "/health/other").status in (403, 404)


def test_where_writes_would_fail_it_is_not_ready_but_alive(make_server):
    server = make_server(drives=4).start()
    server.stop_well()
    for drive in server.drives[:2]:
        drive.rename(drive.with_suffix(".away"))
    server.start(ready=False)
    assert server.health("/health/ready") == 503 and server.health("/minio/health/ready") == 503
    assert server.health("/minio/health/cluster") == 503
    assert server.health("/health/live") == 200 and server.health("/minio/health/live") == 200
    server.stop_well()
