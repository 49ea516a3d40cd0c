"""Users, groups, policies and access keys, as `mc admin` makes them, and what they may then."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError

from harness.admin import request
from harness.mc import Mc

pytestmark = pytest.mark.limit(300)

SECRET = "verysecret1"


@pytest.fixture
def name() -> str:
    """A name that nobody has."""
    return f"n{uuid.uuid4().hex[:12]}"


@pytest.fixture
def user(mc, name) -> str:
    mc.run("admin", "user", "add", "rustfs", name, SECRET)
    yield name
    mc._run(("admin", "user", "rm", "rustfs", name), None)


def policy(tmp_path, *actions: str, effect: str = "Allow") -> str:
    # mc takes no statement with actions of two services.
    resources = {"Resource": ["arn:aws:s3:::*"]}
    statements = [{"Effect": effect, "Action": [action]} | (resources if action.startswith("s3:") else {}) for action in actions]
    path = tmp_path / f"{uuid.uuid4().hex}.json"
    path.write_text(json.dumps({"Version": "2012-10-17", "Statement": statements}))
    return str(path)


def may_list(server, access_key: str, secret_key: str = SECRET, token: str | None = None) -> bool:
    s3 = server.client(access_key, secret_key)
    try:
        s3.list_buckets()
        return True
    except ClientError as error:
        assert error.response["Error"]["Code"] in ("AccessDenied", "InvalidAccessKeyId"), error
        return False


def test_a_user_comes_may_nothing_is_disabled_and_goes(server, mc, name):
    mc.run("admin", "user", "add", "rustfs", name, SECRET)
    assert not may_list(server, name)
    mc.run("admin", "policy", "attach", "rustfs", "readwrite", "--user", name)
    assert may_list(server, name)
    (listed,) = [user for user in mc.run("admin", "user", "list", "rustfs") if user["accessKey"] == name]
    assert listed["userStatus"] == "enabled" and listed["policyName"] == "readwrite"
    mc.run("admin", "user", "disable", "rustfs", name)
    assert not may_list(server, name)
    assert mc.one("admin", "user", "info", "rustfs", name)["userStatus"] == "disabled"
    mc.run("admin", "user", "enable", "rustfs", name)
    assert may_list(server, name)
    mc.run("admin", "user", "rm", "rustfs", name)
    assert not may_list(server, name)
    code, _ = mc.fails("admin", "user", "info", "rustfs", name)
    assert code == "XMinioAdminNoSuchUser"


def test_a_new_secret_takes_the_place_of_the_old_one(server, mc, user):
    mc.run("admin", "policy", "attach", "rustfs", "readwrite", "--user", user)
    mc.run("admin", "user", "add", "rustfs", user, "another-secret")
    assert may_list(server, user, "another-secret")
    answer = request(server, "GET", "/minio/admin/v3/accountinfo", access_key=user, secret_key=SECRET)
    assert answer.json()["Code"] == "SignatureDoesNotMatch"


def test_names_and_secrets_that_cannot_be_are_refused(mc, server):
    assert mc.fails("admin", "user", "add", "rustfs", "ab", SECRET)[0] == "XMinioAdminInvalidAccessKey"
    assert mc.fails("admin", "user", "add", "rustfs", "abcdef", "short")[0] == "XMinioAdminInvalidSecretKey"
    code, message = mc.fails("admin", "user", "add", "rustfs", "rustfsadmin", SECRET)
    assert code == "InvalidArgument" and "root" in message


def test_groups_give_their_members_what_they_may(server, mc, user, name):
    group = f"g-{name}"
    mc.run("admin", "group", "add", "rustfs", group, user)
    mc.run("admin", "policy", "attach", "rustfs", "readwrite", "--group", group)
    assert may_list(server, user)
    shown = mc.one("admin", "group", "info", "rustfs", group)
    assert shown["members"] == [user] and shown["groupPolicy"] == "readwrite" and shown["groupStatus"] == "enabled"
    assert group in mc.one("admin", "group", "list", "rustfs")["groups"]
    mc.run("admin", "group", "disable", "rustfs", group)
    assert not may_list(server, user)
    mc.run("admin", "group", "enable", "rustfs", group)
    assert may_list(server, user)
    assert mc.fails("admin", "group", "rm", "rustfs", group)[0] == "XMinioAdminGroupNotEmpty"
    mc.run("admin", "group", "rm", "rustfs", group, user)
    assert not may_list(server, user)
    mc.run("admin", "group", "rm", "rustfs", group)
    assert mc.fails("admin", "group", "info", "rustfs", group)[0] == "XMinioAdminNoSuchGroup"


def test_policies_come_are_attached_and_go(server, mc, user, name, tmp_path):
    path = policy(tmp_path, "s3:ListAllMyBuckets")
    mc.run("admin", "policy", "create", "rustfs", name, path)
    shown = mc.one("admin", "policy", "info", "rustfs", name)["policyInfo"]
    assert shown["Policy"]["Statement"][0]["Action"] == ["s3:ListAllMyBuckets"]
    assert {"readwrite", "readonly", "writeonly", "diagnostics", "consoleAdmin", name} <= {
        found["policy"] for found in mc.run("admin", "policy", "list", "rustfs")
    }
    assert not may_list(server, user)
    mc.run("admin", "policy", "attach", "rustfs", name, "--user", user)
    assert may_list(server, user)
    again = json.dumps({"policies": [name], "user": user}).encode()
    answer = request(server, "POST", "/rustfs/admin/v3/idp/builtin/policy/attach", body=again)
    assert answer.json()["Code"] == "XMinioAdminPolicyChangeAlreadyApplied"
    entities = mc.one("admin", "policy", "entities", "rustfs", "--policy", name)["result"]
    assert entities["policyMappings"][0]["users"] == [user]
    entities = mc.one("admin", "policy", "entities", "rustfs", "--user", user)["result"]
    assert entities["userMappings"][0]["policies"] == [name]
    assert mc.fails("admin", "policy", "rm", "rustfs", name)[0] == "XMinioIAMPolicyInUse"
    mc.run("admin", "policy", "detach", "rustfs", name, "--user", user)
    assert not may_list(server, user)
    mc.run("admin", "policy", "rm", "rustfs", name)
    assert mc.fails("admin", "policy", "info", "rustfs", name)[0] == "XMinioAdminNoSuchPolicy"


def test_a_policy_that_is_none_is_refused(mc, name, tmp_path):
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"Version": "2012-10-17", "Statement": [{"Effect": "Perhaps", "Action": "s3:*", "Resource": "*"}]}')
    assert mc.fails("admin", "policy", "create", "rustfs", name, str(wrong))[0] == "MalformedPolicy"


def test_rights_on_the_admin_api_are_asked_for(server, mc, user, name, tmp_path):
    own = Mc(server, tmp_path / "own", user, SECRET)
    for words in [("admin", "info", "rustfs"), ("admin", "user", "list", "rustfs"), ("admin", "service", "stop", "rustfs")]:
        _, message = own.fails(*words)
        assert message == "Access Denied", words
    mc.run("admin", "policy", "create", "rustfs", name, policy(tmp_path, "admin:ServerInfo"))
    mc.run("admin", "policy", "attach", "rustfs", name, "--user", user)
    assert own.one("admin", "info", "rustfs")["info"]["mode"] == "online"
    assert own.fails("admin", "user", "list", "rustfs")[1] == "Access Denied"
    assert own.fails("admin", "user", "add", "rustfs", "somebody", SECRET)[1] == "Access Denied"


def test_an_access_key_may_what_its_user_may_and_its_policy_allows(server, mc, user, tmp_path):
    mc.run("admin", "policy", "attach", "rustfs", "readwrite", "--user", user)
    own = Mc(server, tmp_path / "own", user, SECRET)
    made = own.one("admin", "accesskey", "create", "rustfs", "--name", "backup", "--description", "nightly")
    key, secret = made["accessKey"], made["secretKey"]
    assert may_list(server, key, secret)
    shown = own.one("admin", "accesskey", "info", "rustfs", key)
    assert shown["name"] == "backup" and shown["description"] == "nightly" and shown["parentUser"] == user
    assert secret not in json.dumps(shown)
    own.run("admin", "accesskey", "edit", "rustfs", key, "--policy", policy(tmp_path, "s3:GetObject"))
    assert not may_list(server, key, secret)
    own.run("admin", "accesskey", "edit", "rustfs", key, "--policy", policy(tmp_path, "s3:*"), "--secret-key", "changed-secret")
    assert may_list(server, key, "changed-secret")
    own.run("admin", "accesskey", "disable", "rustfs", key)
    assert not may_list(server, key, "changed-secret")
    own.run("admin", "accesskey", "enable", "rustfs", key)
    listed = mc.run("admin", "accesskey", "list", "rustfs", user)
    assert key in json.dumps(listed)
    own.run("admin", "accesskey", "rm", "rustfs", key)
    assert not may_list(server, key, "changed-secret")


def test_no_key_makes_or_widens_keys_beyond_its_own_policy(server, mc, user, tmp_path):
    """Advisories of comparable stores: escalation through service accounts."""
    mc.run("admin", "policy", "attach", "rustfs", "consoleAdmin", "--user", user)
    own = Mc(server, tmp_path / "own", user, SECRET)
    narrow = policy(tmp_path, "s3:GetObject", "admin:*")
    made = own.one("admin", "accesskey", "create", "rustfs", "--policy", narrow)
    key = Mc(server, tmp_path / "key", made["accessKey"], made["secretKey"])
    assert key.fails("admin", "accesskey", "create", "rustfs")[0] == "AccessDenied"
    wide = policy(tmp_path, "s3:*")
    assert key.fails("admin", "accesskey", "edit", "rustfs", made["accessKey"], "--policy", wide)[0] == "AccessDenied"
    # Nobody but root makes keys of root, whatever they may.
    assert own.fails("admin", "user", "svcacct", "add", "rustfs", "rustfsadmin")[0] == "AccessDenied"
    # A user sees and changes no keys of others without a right.
    mc.run("admin", "policy", "detach", "rustfs", "consoleAdmin", "--user", user)
    of_root = mc.one("admin", "accesskey", "create", "rustfs")["accessKey"]
    assert own.fails("admin", "accesskey", "info", "rustfs", of_root)[1] == "Access Denied"
    assert own.fails("admin", "accesskey", "rm", "rustfs", of_root)[0] == "AccessDenied"
    mc.run("admin", "accesskey", "rm", "rustfs", of_root)


def test_a_body_sealed_with_another_secret_is_refused(server):
    from harness.admin import request

    body = bytes(32) + b"\x00" + bytes(8) + bytes(100)
    answer = request(server, "PUT", "/minio/admin/v3/add-user?accessKey=somebody", body=body)
    assert (answer.status_code, answer.json()["Code"]) == (400, "XMinioAdminConfigBadJSON")
    assert "not sealed with the secret key" in answer.json()["Message"]
    answer = request(server, "PUT", "/rustfs/admin/v3/add-user?accessKey=somebody", body=b"{}", sent=b"{ }")
    assert (answer.status_code, answer.json()["Code"]) == (400, "XAmzContentSHA256Mismatch")


def test_the_same_in_plain_json(server, name):
    plain = "/rustfs/admin/v3"
    body = json.dumps({"secretKey": SECRET, "policy": "readwrite"}).encode()
    assert request(server, "PUT", f"{plain}/add-user?accessKey={name}", body=body).status_code == 200
    assert may_list(server, name)
    assert request(server, "GET", f"{plain}/list-users").json()[name]["policyName"] == "readwrite"
    assert request(server, "DELETE", f"{plain}/remove-user?accessKey={name}").status_code == 200


def test_identities_are_there_after_a_kill(make_server, tmp_path):
    server = make_server(1).start()
    mc = Mc(server, tmp_path / "mc")
    mc.run("admin", "user", "add", "rustfs", "kept-user", SECRET)
    mc.run("admin", "policy", "attach", "rustfs", "readwrite", "--user", "kept-user")
    server.kill()
    server.start()
    assert may_list(server, "kept-user")


def test_a_service_account_does_not_change_the_secret_of_its_own_holder(server, mc, user, tmp_path):
    """A key that was handed out to make users would become its holder's own."""
    mc.run("admin", "policy", "attach", "rustfs", "consoleAdmin", "--user", user)
    made = mc.one("admin", "accesskey", "create", "rustfs", user, "--policy", policy(tmp_path, "admin:CreateUser"))
    body = json.dumps({"secretKey": "attackers99"}).encode()
    keys = {"access_key": made["accessKey"], "secret_key": made["secretKey"]}
    taken = request(server, "PUT", f"/rustfs/admin/v3/add-user?accessKey={user}", body, **keys)
    assert (taken.status_code, taken.json()["Code"]) == (403, "AccessDenied")
    assert may_list(server, user)
    with pytest.raises(ClientError) as refused:
        server.client(user, "attackers99").list_buckets()
    assert refused.value.response["Error"]["Code"] == "SignatureDoesNotMatch"


def test_the_signature_has_to_cover_a_body(server, name):
    body = json.dumps({"secretKey": SECRET}).encode()
    path = f"/rustfs/admin/v3/add-user?accessKey={name}"
    other = json.dumps({"secretKey": "attackers99"}).encode()
    assert request(server, "PUT", path, body, sent=other).json()["Code"] == "XAmzContentSHA256Mismatch"
