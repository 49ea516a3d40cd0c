"""Why a request was refused, and what somebody may."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError

from harness.admin import request

WHY = "/rustfs/admin/v3/why"
SECRET = "verysecret1"


@pytest.fixture
def reader(server) -> str:
    """Somebody with MinIO's `readonly`."""
    name = f"w{uuid.uuid4().hex[:12]}"
    user = json.dumps({"secretKey": SECRET, "policy": "readonly"}).encode()
    made = request(server, "PUT", f"/rustfs/admin/v3/add-user?accessKey={name}", user)
    assert made.status_code == 200, made.text
    yield name
    request(server, "DELETE", f"/rustfs/admin/v3/remove-user?accessKey={name}")


def test_a_refusal_is_found_by_the_id_of_its_request(server, reader):
    with pytest.raises(ClientError) as refused:
        server.client(reader, SECRET).create_bucket(Bucket="not-for-readers")
    assert refused.value.response["Error"]["Message"] == "Access Denied"
    id = refused.value.response["ResponseMetadata"]["RequestId"]
    told = request(server, "GET", f"{WHY}?request={id}").json()
    assert (told["accessKey"], told["action"]) == (reader, "s3:CreateBucket")
    assert told["resource"] == "arn:aws:s3:::not-for-readers"
    assert told["reason"] == "no statement allows it"
    assert told in request(server, "GET", WHY).json()
    assert request(server, "GET", f"{WHY}?request=0000000000000000").json()["Code"] == "NoSuchKey"


def test_it_is_told_what_somebody_may_and_by_which_statement(server, reader):
    about = f"{WHY}?accessKey={reader}&bucket=b&key=k&action="
    read = request(server, "GET", about + "s3:GetObject").json()
    assert read["allowed"] and read["reason"] == "statement 0 of the identity's policy readonly allows it"
    write = request(server, "GET", about + "s3:PutObject").json()
    assert not write["allowed"]
    assert [statement["mismatch"] for statement in write["statements"]] == ["action"]
    assert not request(server, "GET", f"{WHY}?action=s3:GetObject&bucket=b&key=k").json()["allowed"]
    assert request(server, "GET", about + "s3:Nonsense").json()["Code"] == "InvalidArgument"


def test_only_who_has_the_right_is_told(server, reader):
    for path in [WHY, f"{WHY}?request=0", f"{WHY}?action=s3:GetObject"]:
        answer = request(server, "GET", path, access_key=reader, secret_key=SECRET)
        assert (answer.status_code, answer.json()["Code"]) == (403, "AccessDenied")
