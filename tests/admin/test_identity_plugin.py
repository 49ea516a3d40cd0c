"""Sessions by an identity plugin: AssumeRoleWithCustomToken against a web hook of the test."""

import json
import threading
import urllib.parse
import xml.etree.ElementTree as ElementTree
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
import requests
from botocore.client import Config
from botocore.exceptions import ClientError

from harness.server import REGION

pytestmark = pytest.mark.limit(120)

ROLE = "arn:minio:iam:::role/idmp-hook"
NAMESPACE = "{https://sts.amazonaws.com/doc/2011-06-15/}"


class Hook(BaseHTTPRequestHandler):
    """Knows one token, and is out of order for another."""

    def do_POST(self):
        asked = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        token = asked.get("token", [""])[0]
        if self.headers["authorization"] != "Bearer ours" or token == "broken":
            return self.answer(500, {})
        if token != "a token/with signs & more":
            return self.answer(403, {"reason": "nobody has this token"})
        self.answer(200, {"user": "alice", "maxValiditySeconds": 1200, "claims": {"team": "blue"}})

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words):
        pass


@pytest.fixture
def store(make_server):
    hook = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    environment = {
        "MINIO_IDENTITY_PLUGIN_URL": f"http://127.0.0.1:{hook.server_port}/look",
        "MINIO_IDENTITY_PLUGIN_AUTH_TOKEN": "Bearer ours",
        "MINIO_IDENTITY_PLUGIN_ROLE_POLICY": "team",
        "MINIO_IDENTITY_PLUGIN_ROLE_ID": "hook",
    }
    server = make_server(environment=environment).start()
    from harness.admin import request

    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::teams/${jwt:team}/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]}).encode()
    assert request(server, "PUT", "/minio/admin/v3/add-canned-policy?name=team", policy).status_code == 200
    server.client().create_bucket(Bucket="teams")
    yield server
    hook.shutdown()
    hook.server_close()


def ask(server, token: str, **more) -> requests.Response:
    form = {"Action": "AssumeRoleWithCustomToken", "Version": "2011-06-15", "Token": token, "RoleArn": ROLE, **more}
    return requests.post(server.endpoint + "/", data=form, timeout=20)


def code(answer: requests.Response) -> str:
    return ElementTree.fromstring(answer.text).findtext(f"{NAMESPACE}Error/{NAMESPACE}Code")


def test_whom_the_hook_knows_has_the_rights_of_its_role(store):
    answer = ask(store, "a token/with signs & more")
    assert answer.status_code == 200, answer.text
    document = ElementTree.fromstring(answer.text)
    keys = {name: next(document.iter(NAMESPACE + name)).text for name in ["AccessKeyId", "SecretAccessKey", "SessionToken", "AssumedUser"]}
    assert keys["AssumedUser"] == "alice"
    s3 = boto3.client(
        "s3",
        endpoint_url=store.endpoint,
        region_name=REGION,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
        config=Config(retries={"max_attempts": 1}),
    )
    s3.put_object(Bucket="teams", Key="blue/a", Body=b"a")
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket="teams", Key="red/a", Body=b"a")
    assert refused.value.response["Error"]["Code"] == "AccessDenied"


def test_whom_the_hook_does_not_know_is_refused_with_its_reason(store):
    answer = ask(store, "forged")
    assert (answer.status_code, code(answer)) == (403, "IDPRejectedClaim")
    assert "nobody has this token" in answer.text
    assert (code(ask(store, "broken")), code(ask(store, ""))) == ("IDPCommunicationError", "MissingParameter")
    assert code(ask(store, "x", RoleArn="arn:minio:iam:::role/other")) == "ValidationError"
    assert "Bearer ours" not in store.output() and "with signs" not in store.output()
