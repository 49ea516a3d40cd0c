"""All identities from one store to another, by `mc admin cluster iam`."""

import io
import json
import zipfile

import pytest

from harness.admin import request
from harness.mc import Mc
from harness.server import ACCESS_KEY

pytestmark = pytest.mark.limit(300)

SECRET = "verysecret1"
ASSETS = "iam-assets/"
READ_ALL = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListAllMyBuckets"], "Resource": ["arn:aws:s3:::*"]}],
}


def archive(**files) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as members:
        for name, content in files.items():
            members.writestr(f"{ASSETS}{name}.json", json.dumps(content))
    return packed.getvalue()


# As MinIO of 2026-02 writes it, to the names of its fields.
OF_MINIO = archive(
    policies={
        "readers": READ_ALL,
        "readwrite": {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::*"]}],
        },
    },
    users={
        "alice": {"secretKey": SECRET, "status": "enabled"},
        "bob": {"secretKey": "anothersecret", "status": "disabled"},
    },
    groups={"staff": {"version": 1, "status": "enabled", "members": ["alice"], "updatedAt": "2026-01-02T03:04:05.678901234Z"}},
    svcaccts={
        "ALICESSERVICE1": {
            "parent": "alice",
            "accessKey": "ALICESSERVICE1",
            "secretKey": "secretoftheservice",
            "groups": None,
            "claims": {"accessKey": "ALICESSERVICE1", "parent": "alice", "sa-policy": "inherited-policy"},
            "sessionPolicy": None,
            "status": "on",
            "name": "backup",
            "description": "",
            "expiration": "1970-01-01T00:00:00Z",
        },
        "ROOTSSERVICE1": {
            "parent": "minioadmin",
            "accessKey": "ROOTSSERVICE1",
            "secretKey": "secretoftheservice",
            "groups": None,
            "claims": None,
            "sessionPolicy": None,
            "status": "on",
            "name": "",
            "description": "",
            "expiration": None,
        },
    },
    user_mappings={"alice": {"version": 1, "policy": "readers", "updatedAt": "2026-01-02T03:04:05Z"}},
    group_mappings={"staff": {"version": 1, "policy": "readwrite", "updatedAt": "2026-01-02T03:04:05Z"}},
    stsuser_mappings={"uid=dillon,dc=example": {"version": 1, "policy": "readers", "updatedAt": "2026-01-02T03:04:05Z"}},
)


def buckets(server, access_key: str, secret_key: str) -> list[str]:
    answer = server.client(access_key, secret_key).list_buckets()
    return [bucket["Name"] for bucket in answer["Buckets"]]


def test_what_minio_exported_is_imported_and_works(make_server, tmp_path):
    server = make_server(1).start()
    mc = Mc(server, tmp_path / "mc")
    (tmp_path / "minio.zip").write_bytes(OF_MINIO)
    told = mc.one("admin", "cluster", "iam", "import", "rustfs", str(tmp_path / "minio.zip"))
    assert sorted(told["added"]["users"]) == ["alice", "bob"]
    assert sorted(told["added"]["policies"]) == ["readers", "readwrite"]
    assert told["added"]["groups"] == ["staff"] and told["added"]["serviceAccounts"] == ["ALICESSERVICE1"]
    assert told["added"]["userPolicies"] == [{"alice": ["readers"]}]
    assert told["skipped"]["stsPolicies"] == [{"uid=dillon,dc=example": ["readers"]}]
    assert [entry["name"] for entry in told["failed"]["serviceAccounts"]] == ["ROOTSSERVICE1"]
    assert buckets(server, "alice", SECRET) == buckets(server, "ALICESSERVICE1", "secretoftheservice") == []
    assert mc.one("admin", "user", "info", "rustfs", "bob")["userStatus"] == "disabled"
    assert mc.one("admin", "group", "info", "rustfs", "staff")["members"] == ["alice"]


def test_what_is_exported_comes_to_another_store(make_server, tmp_path):
    one, other = make_server(1).start(), make_server(1).start()
    mc = Mc(one, tmp_path / "one")
    mc.run("admin", "user", "add", "rustfs", "carol", SECRET)
    mc.run("admin", "policy", "attach", "rustfs", "readwrite", "--user", "carol")
    key = mc.one("admin", "user", "svcacct", "add", "rustfs", "carol")
    path = tmp_path / "iam.zip"
    mc.run("admin", "cluster", "iam", "export", "rustfs", "--output", str(path))
    with zipfile.ZipFile(path) as members:
        assert members.testzip() is None
        assert sorted(members.namelist()) == sorted(
            f"{ASSETS}{name}.json"
            for name in ["policies", "users", "groups", "svcaccts", "user_mappings", "group_mappings", "stsuser_mappings"]
        )
        users = json.loads(members.read(f"{ASSETS}users.json"))
        assert users == {"carol": {"secretKey": SECRET, "status": "enabled"}}
        assert ACCESS_KEY not in users
    Mc(other, tmp_path / "other").run("admin", "cluster", "iam", "import", "rustfs", str(path))
    assert buckets(other, "carol", SECRET) == buckets(other, key["accessKey"], key["secretKey"]) == []
    other.stop_well()
    other.start()
    assert buckets(other, "carol", SECRET) == []


def test_an_archive_that_can_not_be_is_refused_whole(server):
    def imported(content: bytes):
        return request(server, "PUT", "/minio/admin/v3/import-iam-v2", content)

    good = {"dave": {"secretKey": SECRET, "status": "enabled"}}
    wrong = [
        (b"no zip", "InvalidRequest"),
        (archive(users=good, policies={"p": {"Version": "2012-10-17", "Statement": [{"Effect": "Perhaps"}]}}), "MalformedPolicy"),
        (archive(users=good | {"a/b": good["dave"]}), "XMinioAdminInvalidAccessKey"),
        (archive(users=good | {"erin": {"secretKey": "short"}}), "XMinioAdminInvalidSecretKey"),
        (archive(users=good, groups=[]), "XMinioAdminConfigBadJSON"),
        (archive(users=good, **{f"f{number}": {} for number in range(70)}), "EntityTooLarge"),
        (archive(users=good, other="x" * (130 << 20), policies={"p": "x" * (130 << 20)}), "EntityTooLarge"),
    ]
    for content, code in wrong:
        answer = imported(content)
        assert answer.json()["Code"] == code, answer.text
        assert SECRET not in answer.text
    gone = request(server, "GET", "/minio/admin/v3/user-info?accessKey=dave")
    assert gone.status_code == 404


def test_rights_to_identities_do_not_grow(server, mc, tmp_path):
    """Whoever may export and import gets no key of root, and can't do either with a key that was handed out."""
    policy = tmp_path / "transfer.json"
    statement = {"Effect": "Allow", "Action": ["admin:ExportIAM", "admin:ImportIAM"]}
    policy.write_text(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    mc.run("admin", "policy", "create", "rustfs", "transfer", str(policy))
    mc.run("admin", "user", "add", "rustfs", "frank", SECRET)
    of_root = mc.one("admin", "user", "svcacct", "add", "rustfs", ACCESS_KEY)
    export = ("GET", "/minio/admin/v3/export-iam")
    assert request(server, *export, access_key="frank", secret_key=SECRET).status_code == 403
    mc.run("admin", "policy", "attach", "rustfs", "transfer", "--user", "frank")
    answer = request(server, *export, access_key="frank", secret_key=SECRET)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as members:
        assert of_root["accessKey"] not in json.loads(members.read(f"{ASSETS}svcaccts.json"))
    with zipfile.ZipFile(io.BytesIO(request(server, *export).content)) as members:
        assert of_root["accessKey"] in json.loads(members.read(f"{ASSETS}svcaccts.json"))
    wanted = {"FRANKSROOTKEY": {"parent": ACCESS_KEY, "accessKey": "FRANKSROOTKEY", "secretKey": SECRET, "status": "on"}}
    taken = request(
        server, "PUT", "/minio/admin/v3/import-iam-v2", archive(svcaccts=wanted), access_key="frank", secret_key=SECRET
    ).json()
    assert taken["added"] == {} and "owner" in taken["failed"]["serviceAccounts"][0]["reason"]
    assert request(server, "GET", "/minio/admin/v3/info", access_key="FRANKSROOTKEY", secret_key=SECRET).status_code == 403
    handed = mc.one("admin", "user", "svcacct", "add", "rustfs", "frank")
    keys = {"access_key": handed["accessKey"], "secret_key": handed["secretKey"]}
    assert request(server, *export, **keys).json()["Code"] == "AccessDenied"
    assert request(server, "PUT", "/minio/admin/v3/import-iam", archive(users={}), **keys).json()["Code"] == "AccessDenied"
    mc.run("admin", "user", "rm", "rustfs", "frank")
    mc.run("admin", "policy", "rm", "rustfs", "transfer")
