"""The settings, as `mc admin config` shows them: their answers are sealed with the caller's secret key."""

import pytest

from harness.admin import request

pytestmark = pytest.mark.limit(1800)  # The first test may have to build mc.


def test_settings_are_shown_as_the_server_was_started(mc):
    shown = str(mc.run("admin", "config", "get", "rustfs", "region"))
    assert "us-east-1" in shown
    shown = str(mc.run("admin", "config", "get", "rustfs", "storage_class"))
    assert "EC:0" in shown


def test_help_tells_what_there_is(mc):
    help = str(mc.run("admin", "config", "set", "rustfs"))
    for name in ["api", "heal", "region", "storage_class"]:
        assert name in help
    assert "RUSTFS_REGION" in str(mc.run("admin", "config", "set", "rustfs", "region", "--env"))


def test_nothing_is_set_over_the_network(mc):
    code, message = mc.fails("admin", "config", "set", "rustfs", "region", "name=elsewhere")
    assert code == "NotImplemented" and "environment" in message
    code, _ = mc.fails("admin", "config", "reset", "rustfs", "region")
    assert code == "NotImplemented"
    _, message = mc.fails("admin", "config", "get", "rustfs", "nothing")
    assert message == "unknown sub-system nothing"


def test_the_answer_is_sealed_for_madmin_and_plain_beside_it(server):
    plain = request(server, "GET", "/rustfs/admin/v3/get-config-kv?key=region")
    assert plain.text == "region name=us-east-1"
    sealed = request(server, "GET", "/minio/admin/v3/get-config-kv?key=region")
    assert sealed.status_code == 200 and b"us-east-1" not in sealed.content
    assert sealed.content[32] == 0 and len(sealed.content) == 41 + len(plain.content) + 16
