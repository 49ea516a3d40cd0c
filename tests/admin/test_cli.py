"""`rustfs admin` against a real server: every command, JSON, exit codes, and that no secret is seen."""

import http.server
import json
import subprocess
import threading
import time
import uuid
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from harness.server import ACCESS_KEY, SECRET_KEY, binary, clean_environment, free_port

DONE, REFUSED, WORDS, UNREACHABLE, NOT_ALLOWED = range(5)
SECRET = "a-users-secret-1"
RUN_SECONDS_MAX = 60


class Cli:
    """`rustfs admin` with the keys of somebody, in the environment."""

    def __init__(self, url: str | None, access_key: str | None = ACCESS_KEY, secret_key: str | None = SECRET_KEY):
        keys = {"RUSTFS_ADMIN_URL": url, "RUSTFS_ACCESS_KEY": access_key, "RUSTFS_SECRET_KEY": secret_key}
        self.environment = clean_environment() | {name: value for name, value in keys.items() if value is not None}

    def run(self, *words: str, input: str = "", **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [str(binary()), "admin", *words],
            input=input,
            capture_output=True,
            text=True,
            env=self.environment | environment,
            timeout=RUN_SECONDS_MAX,
        )

    def text(self, *words: str, input: str = "") -> str:
        """What a command that works says to people."""
        done = self.run(*words, input=input)
        assert (done.returncode, done.stderr) == (DONE, ""), f"{words}: {done}"
        assert max(map(len, done.stdout.splitlines()), default=0) <= 100, done.stdout
        return done.stdout

    def json(self, *words: str, input: str = ""):
        """What it says to programs: one document."""
        done = self.run(*words, "--json", input=input)
        assert (done.returncode, done.stderr) == (DONE, ""), f"{words}: {done}"
        return json.loads(done.stdout)

    def fails(self, code: int, *words: str, input: str = "", **environment: str) -> str:
        """What a command says that ends so; the same as JSON has a code and a message."""
        done = self.run(*words, input=input, **environment)
        assert done.returncode == code and done.stdout == "", done
        assert done.stderr.startswith("error: "), done
        if code != WORDS:
            told = self.run(*words, "--json", input=input, **environment)
            assert told.returncode == code and told.stderr == "", told
            assert json.loads(told.stdout).keys() & {"Code", "status"}, told
        return done.stderr


@pytest.fixture
def cli(server) -> Cli:
    return Cli(server.endpoint)


@pytest.fixture
def user(cli):
    """A user without policies."""
    name = f"c{uuid.uuid4().hex[:12]}"
    assert cli.text("user", "add", name, input=SECRET + "\n") == f"User {name} was added.\n"
    yield name
    cli.run("user", "remove", name)


def policy(action: str) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]})


def test_the_server_and_what_it_holds_are_told(server, cli, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * 1000)
    assert "online" == cli.json("info")["mode"]
    assert "1 of 1 work" in cli.text("info")
    assert cli.json("usage")["bucketsUsageInfo"][bucket]["size"] == 1000
    assert bucket in cli.text("usage")
    drive = cli.json("drives")["sets"][0]["disks"][0]
    assert (drive["path"], drive["state"]) == (str(server.drives[0]), "ok")
    assert "Nothing is to be done." in cli.text("drives")


def test_a_drive_that_is_missing_is_named_with_what_to_do(make_server):
    server = make_server(drives=4).start()
    server.stop_well()
    server.drives[2].rename(server.folder / "elsewhere")
    server.start(ready=False)
    cli = Cli(server.endpoint)
    assert "3 of 4 work" in cli.text("info")
    told = cli.text("drives")
    assert "missing" in told and "Mount it" in told
    assert "something is wrong" in cli.text("ready")


def test_users_live_and_die(server, cli, user):
    assert cli.json("user", "list")[user]["status"] == "enabled"
    assert user in cli.text("user", "list")
    assert "enabled" in cli.text("user", "info", user)
    cli.text("policy", "attach", "readwrite", "--user", user)
    theirs = server.client(user, SECRET)
    theirs.list_buckets()
    assert "do not work" in cli.text("user", "disable", user)
    with pytest.raises(ClientError):
        theirs.list_buckets()
    cli.text("user", "enable", user)
    theirs.list_buckets()
    cli.text("user", "remove", user)
    assert "XMinioAdminNoSuchUser" in cli.fails(REFUSED, "user", "info", user)


def test_a_secret_that_is_made_is_told_once_and_works(server, cli):
    name = f"c{uuid.uuid4().hex[:12]}"
    made = cli.json("user", "add", name, "--generate")["credentials"]
    assert made["accessKey"] == name and len(made["secretKey"]) == 40
    cli.text("policy", "attach", "readwrite", "--user", name)
    server.client(name, made["secretKey"]).list_buckets()
    assert "told this once" in cli.text("user", "add", name, "--generate")
    with pytest.raises(ClientError):
        server.client(name, made["secretKey"]).list_buckets()
    cli.text("user", "remove", name)


def test_groups_live_and_die(cli, user):
    group = f"g{uuid.uuid4().hex[:12]}"
    cli.text("group", "add", group, user)
    assert group in cli.json("group", "list") and group in cli.text("group", "list").splitlines()
    assert cli.json("group", "info", group)["members"] == [user]
    cli.text("policy", "attach", "readonly", "--group", group)
    cli.text("group", "disable", group)
    assert "disabled" in cli.text("group", "info", group)
    cli.text("group", "enable", group)
    assert "XMinioAdminGroupNotEmpty" in cli.fails(REFUSED, "group", "remove", group)
    cli.text("group", "remove", group, user)
    cli.text("policy", "detach", "readonly", "--group", group)
    cli.text("group", "remove", group)
    assert group not in cli.json("group", "list")


def test_policies_live_and_die(cli, user, tmp_path):
    name = f"p{uuid.uuid4().hex[:12]}"
    file = tmp_path / "policy.json"
    file.write_text(policy("s3:GetObject"))
    cli.text("policy", "set", name, str(file))
    cli.text("policy", "set", name, "-", input=policy("s3:PutObject"))
    assert json.loads(cli.text("policy", "show", name))["Statement"][0]["Action"] in ("s3:PutObject", ["s3:PutObject"])
    assert name in cli.json("policy", "list") and name in cli.text("policy", "list")
    assert name in cli.text("policy", "attach", name, "--user", user)
    assert "XMinioIAMPolicyInUse" in cli.fails(REFUSED, "policy", "remove", name)
    cli.text("policy", "detach", name, "--user", user)
    cli.text("policy", "remove", name)
    assert "MalformedPolicy" in cli.fails(REFUSED, "policy", "set", name, "-", input="{")


def test_access_keys_live_and_die(server, cli, user, tmp_path):
    cli.text("policy", "attach", "readwrite", "--user", user)
    file = tmp_path / "bound.json"
    file.write_text(policy("s3:ListAllMyBuckets"))
    words = ["--user", user, "--name", "app", "--policy-file", str(file), "--expires", "2099-01-01T00:00:00Z"]
    made = cli.json("key", "create", *words)["credentials"]
    app = server.client(made["accessKey"], made["secretKey"])
    app.list_buckets()
    with pytest.raises(ClientError):
        app.create_bucket(Bucket="not-for-this-key")
    listed = cli.text("key", "list", user)
    assert made["accessKey"] in listed and "2099-01-01" in listed and made["secretKey"] not in listed
    assert user in cli.json("key", "list", "--all")
    told = cli.text("key", "info", made["accessKey"])
    assert "ListAllMyBuckets" in told and made["secretKey"] not in told
    cli.text("key", "disable", made["accessKey"])
    with pytest.raises(ClientError):
        app.list_buckets()
    cli.text("key", "enable", made["accessKey"])
    app.list_buckets()
    cli.text("key", "remove", made["accessKey"])
    assert "XMinioInvalidIAMCredentials" in cli.fails(REFUSED, "key", "info", made["accessKey"])
    own = Cli(server.endpoint, user, SECRET)
    assert "told this once" in own.text("key", "create")
    assert "app" not in own.text("key", "list")


def test_it_is_told_why(server, cli, user):
    with pytest.raises(ClientError) as refused:
        server.client(user, SECRET).create_bucket(Bucket="not-for-them")
    id = refused.value.response["ResponseMetadata"]["RequestId"]
    assert cli.json("why", id)["action"] == "s3:CreateBucket"
    assert "arn:aws:s3:::not-for-them" in cli.text("why", id)
    assert id in cli.text("why").replace("\n", "")
    cli.text("policy", "attach", "readonly", "--user", user)
    words = ["why", "--user", user, "--resource", "b/k/l", "--action"]
    assert cli.text(*words, "s3:GetObject").startswith("It is allowed: ")
    assert cli.text(*words, "s3:PutObject").startswith("It is not allowed: ")
    assert cli.json("why", "--action", "s3:GetObject", "--resource", "arn:aws:s3:::b/k")["allowed"] is False
    assert "InvalidArgument" in cli.fails(REFUSED, *words, "s3:Nonsense")


def test_who_may_not_is_told_and_how_an_administrator_learns_why(server, user):
    denied = Cli(server.endpoint, user, SECRET).fails(NOT_ALLOWED, "user", "list")
    assert "(AccessDenied)" in denied and "rustfs admin why" in denied
    wrong = Cli(server.endpoint, user, "not-their-secret").fails(NOT_ALLOWED, "info")
    assert "(SignatureDoesNotMatch)" in wrong and "RUSTFS_SECRET_KEY" in wrong


def test_keys_that_nobody_gave_are_said_to_be_none(make_server):
    keys = {"RUSTFS_ACCESS_KEY": "somebody", "RUSTFS_SECRET_KEY": "something-else"}
    server = make_server(environment=keys).start()
    told = Cli(server.endpoint, None, None).fails(NOT_ALLOWED, "info")
    assert "No keys were given" in told
    # What a server was started with is what a client beside it needs: port and keys.
    beside = Cli(None, "somebody", "something-else")
    done = beside.run("info", RUSTFS_ADDRESS=f"127.0.0.1:{server.port}")
    assert done.returncode == DONE, done


def test_the_service_is_told(make_server):
    server = make_server().start()
    cli = Cli(server.endpoint)
    assert "held back" in cli.text("service", "freeze")
    assert "go on" in cli.text("service", "unfreeze")
    assert cli.json("service", "restart")["action"] == "restart"
    deadline = time.monotonic() + 30
    while cli.run("ready").returncode != DONE:
        assert time.monotonic() < deadline, server.output()
        time.sleep(0.1)
    assert "answers" in cli.text("health")
    assert "ends" in cli.text("service", "stop")
    assert server.wait_for_exit() == 0
    told = cli.fails(UNREACHABLE, "health")
    assert "--url" in told and server.endpoint in told


def test_what_is_no_server_is_named():
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>welcome</html>")

        def log_message(self, *_):
            pass

    page = http.server.HTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=page.serve_forever, daemon=True).start()
    try:
        assert "does not speak" in Cli(f"http://127.0.0.1:{page.server_port}").fails(REFUSED, "info")
    finally:
        page.shutdown()
        page.server_close()
    assert "refused" in Cli(f"http://127.0.0.1:{free_port()}").fails(UNREACHABLE, "ready")


def test_words_that_make_no_sense_ask_nothing(cli):
    for words in [["nonsense"], ["user", "add", "u", "--secret-key", SECRET], ["info", "--secret-key", SECRET]]:
        assert SECRET not in cli.fails(WORDS, *words)
    assert "empty" in cli.fails(WORDS, "user", "add", "u", input="")
    assert "https://" in cli.fails(WORDS, "info", RUSTFS_ADMIN_URL="store:9000")


def test_no_new_secret_goes_over_a_network_in_the_clear(cli):
    environment = {"RUSTFS_ADMIN_URL": "http://192.0.2.1:9000"}
    assert "--allow-plain-http" in cli.fails(WORDS, "user", "add", "u", input=SECRET, **environment)


def test_secrets_come_from_files_and_stdin_and_are_seen_nowhere(server, user, tmp_path):
    """Whoever looks at the list of processes, or reads what is printed, finds no secret."""
    own = tmp_path / "own"
    own.write_text(SECRET_KEY + "\n")
    new = tmp_path / "new"
    new.write_text(SECRET + "\n")
    cli = Cli(server.endpoint, ACCESS_KEY, None)
    said = cli.text("user", "add", user, "--secret-key-file", str(own), "--new-secret-file", str(new))
    # Both from stdin, a line each.
    said += cli.text("user", "add", user, "--secret-key-file", "-", input=f"{SECRET_KEY}\n{SECRET}\n")
    said += json.dumps(cli.json("user", "info", user, "--secret-key-file", str(own)))
    for secret in (SECRET_KEY, SECRET):
        assert secret not in said
    waiting = subprocess.Popen(
        [str(binary()), "admin", "user", "add", user, "--url", server.endpoint],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=cli.environment | {"RUSTFS_SECRET_KEY": SECRET_KEY},
    )
    seen = Path(f"/proc/{waiting.pid}/cmdline").read_bytes().decode()
    out, err = waiting.communicate(SECRET + "\n", timeout=RUN_SECONDS_MAX)
    assert waiting.returncode == DONE, err
    assert SECRET_KEY not in seen and SECRET not in seen + out + err
