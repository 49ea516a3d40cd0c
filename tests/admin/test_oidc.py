"""Sessions of those who sign in at an OpenID provider: AssumeRoleWithWebIdentity against a real provider."""

import base64
import json
import time

import boto3
import pytest
import requests
from botocore import UNSIGNED
from botocore.client import Config
from botocore.exceptions import ClientError

from harness.oidc import OpenIdProvider
from harness.server import REGION

pytestmark = pytest.mark.limit(300)

ACCOUNTS = {
    "alice": {"policy": "homes", "groups": ["staff", "admins"], "preferred_username": "alice"},
    "bob": {"policy": ["absent", "homes"], "groups": []},
    "carol": {"policy": "absent"},
    "dave": {},
    "rustfsadmin": {"policy": "homes"},
}

HOMES = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::homes/${jwt:sub}/*"}],
}


@pytest.fixture
def provider(tmp_path):
    provider = OpenIdProvider(tmp_path, ACCOUNTS).start("k1")
    yield provider
    provider.stop()


def settings(provider: OpenIdProvider, **more: str) -> dict[str, str]:
    pairs = {"CONFIG_URL": provider.config_url, "CLIENT_ID": provider.client["client_id"], **more}
    return {f"RUSTFS_IDENTITY_OPENID_{key}": value for key, value in pairs.items()}


@pytest.fixture
def store(make_server, provider):
    """A server that believes the provider, with a bucket for everybody's homes."""
    server = make_server(environment=settings(provider)).start()
    set_up(server)
    return server


def set_up(server) -> None:
    from harness.admin import request

    body = json.dumps(HOMES).encode()
    answer = request(server, "PUT", "/minio/admin/v3/add-canned-policy?name=homes", body)
    assert answer.status_code == 200, answer.text
    server.client().create_bucket(Bucket="homes")


def sts(server):
    return boto3.client(
        "sts", endpoint_url=server.endpoint, region_name=REGION, config=Config(signature_version=UNSIGNED, retries={"max_attempts": 1})
    )


def assume(server, token: str, role: str = "arn:aws:iam::123456789012:role/any-role", **more) -> dict:
    return sts(server).assume_role_with_web_identity(RoleArn=role, RoleSessionName="session", WebIdentityToken=token, **more)


def refused(server, token: str, **more) -> str:
    with pytest.raises(ClientError) as caught:
        assume(server, token, **more)
    return caught.value.response["Error"]["Code"]


def s3_of(server, answer: dict):
    keys = answer["Credentials"]
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name=REGION,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
        config=Config(retries={"max_attempts": 1}),
    )


def code_of(call) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response["Error"]["Code"]


def test_who_signs_in_has_the_rights_that_the_provider_names(store, provider):
    answer = assume(store, provider.id_token("alice"))
    assert answer["SubjectFromWebIdentityToken"] == "alice"
    assert (answer["Audience"], answer["Provider"]) == ("store", provider.issuer)
    assert answer["AssumedRoleUser"]["Arn"] == "arn:aws:sts::000000000000:assumed-role/openid/alice"
    s3 = s3_of(store, answer)
    s3.put_object(Bucket="homes", Key="alice/a", Body=b"a")
    assert s3.get_object(Bucket="homes", Key="alice/a")["Body"].read() == b"a"
    assert code_of(lambda: s3.put_object(Bucket="homes", Key="bob/a", Body=b"a")) == "AccessDenied"


def test_a_policy_that_is_not_there_gives_nothing(store, provider):
    bob = s3_of(store, assume(store, provider.id_token("bob")))
    bob.put_object(Bucket="homes", Key="bob/a", Body=b"a")
    assert refused(store, provider.id_token("carol")) == "AccessDenied"
    assert refused(store, provider.id_token("dave")) == "AccessDenied"


def test_who_has_the_name_of_root_is_not_root(store, provider):
    s3 = s3_of(store, assume(store, provider.id_token("rustfsadmin")))
    s3.put_object(Bucket="homes", Key="rustfsadmin/a", Body=b"a")
    assert code_of(lambda: s3.create_bucket(Bucket="others")) == "AccessDenied"
    from harness.admin import request

    keys = assume(store, provider.id_token("rustfsadmin"))["Credentials"]
    who = (keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    answer = request(store, "GET", "/minio/admin/v3/info", b"", *who)
    assert answer.status_code == 403, answer.text


def test_a_policy_that_comes_along_limits_the_session(store, provider):
    read = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
    s3 = s3_of(store, assume(store, provider.id_token("alice"), Policy=json.dumps(read)))
    assert code_of(lambda: s3.put_object(Bucket="homes", Key="alice/a", Body=b"a")) == "AccessDenied"
    assert refused(store, provider.id_token("alice"), Policy="{}") == "MalformedPolicyDocument"


def test_a_session_lasts_as_is_asked_and_no_longer_than_its_token(store, provider):
    def seconds(answer):
        return answer["Credentials"]["Expiration"].timestamp() - time.time()

    assert 3500 < seconds(assume(store, provider.id_token("alice"))) <= 3600
    assert 880 < seconds(assume(store, provider.id_token("alice"), DurationSeconds=900)) <= 901
    assert seconds(assume(store, provider.id_token("alice"), DurationSeconds=7200)) <= 3600
    provider.restart("k1", seconds=20)
    answer = assume(store, provider.id_token("alice"), DurationSeconds=900)
    assert 0 < seconds(answer) <= 20
    s3 = s3_of(store, answer)
    s3.put_object(Bucket="homes", Key="alice/a", Body=b"a")
    time.sleep(max(0, seconds(answer)) + 1.5)
    assert code_of(lambda: s3.put_object(Bucket="homes", Key="alice/a", Body=b"a")) == "ExpiredToken"


def test_a_token_that_is_over_changed_or_for_somebody_else_is_refused(store, provider, tmp_path):
    header, payload, signature = provider.id_token("alice").split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    forged = base64.urlsafe_b64encode(json.dumps(claims | {"sub": "bob"}).encode()).rstrip(b"=").decode()
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    for token in [f"{header}.{forged}.{signature}", f"{none}.{payload}.", "token", "a.b.c", "x" * 17000]:
        assert refused(store, token) == "InvalidIdentityToken"
    provider.restart("k1", seconds=1)
    token = provider.id_token("alice")
    time.sleep(2)
    assert refused(store, token) == "ExpiredTokenException"
    # The same issuer and the same key, and another client of the provider.
    provider.client["client_id"] = "another"
    provider.restart("k1")
    assert refused(store, provider.id_token("alice")) == "InvalidIdentityToken"


def test_new_keys_of_the_provider_count_and_former_ones_end(store, provider):
    former = provider.id_token("alice")
    assume(store, former)
    provider.restart("k2", "k1")
    time.sleep(10)  # The provider is asked once in ten seconds, whatever tokens come.
    assume(store, provider.id_token("alice"))
    assume(store, former)
    provider.restart("k3", "k2")
    time.sleep(10)
    assume(store, provider.id_token("alice"))
    assert refused(store, former) == "InvalidIdentityToken"


def test_a_provider_that_is_down_is_said_so_and_known_keys_still_count(make_server, provider):
    server = make_server(environment=settings(provider)).start()
    set_up(server)
    token = provider.id_token("alice")
    provider.stop()
    assert refused(server, token) == "IDPCommunicationError"
    provider.start("k1")
    time.sleep(10)
    assume(server, token)
    provider.stop()
    assume(server, token)


def test_a_role_gives_everybody_the_same_policies(make_server, provider):
    server = make_server(environment=settings(provider, ROLE_POLICY="homes, absent")).start()
    set_up(server)
    import hashlib

    digest = hashlib.sha1(b"store").digest()
    role = "arn:minio:iam:::role/" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    s3 = s3_of(server, assume(server, provider.id_token("dave"), role=role))
    s3.put_object(Bucket="homes", Key="dave/a", Body=b"a")
    assert refused(server, provider.id_token("dave")) == "ValidationError", "no provider has that role"
    assert role in server.output()


@pytest.mark.parametrize("alg", ["PS256", "ES256", "EdDSA"])
def test_other_algorithms_of_a_provider(make_server, tmp_path, alg):
    provider = OpenIdProvider(tmp_path, ACCOUNTS, alg=alg).start("k1")
    try:
        server = make_server(environment=settings(provider)).start()
        set_up(server)
        assert assume(server, provider.id_token("alice"))["SubjectFromWebIdentityToken"] == "alice"
    finally:
        provider.stop()


def test_a_session_survives_a_restart_of_the_server(store, provider):
    answer = assume(store, provider.id_token("alice"))
    store.stop_well()
    store.start()
    s3_of(store, answer).put_object(Bucket="homes", Key="alice/a", Body=b"a")


def test_a_form_in_the_query_is_taken_as_older_tools_send_it(store, provider):
    query = {"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "WebIdentityToken": provider.id_token("alice")}
    answer = requests.post(store.endpoint + "/", params=query, timeout=10)
    assert answer.status_code == 200 and "<SessionToken>" in answer.text, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert query["WebIdentityToken"] not in store.output()


def test_mc_shows_the_provider_and_is_told_where_it_is_set(store, provider, tmp_path):
    from harness.mc import Mc

    mc = Mc(store, tmp_path / "mc")
    assert json.loads(mc.text("idp", "openid", "ls", "rustfs")) == [{"type": "openid", "name": "_", "enabled": True}]
    shown = mc.one("idp", "openid", "info", "rustfs")
    pairs = {row["key"]: row["value"] for row in shown["info"]}
    assert (pairs["client_id"], pairs["config_url"]) == ("store", provider.config_url)
    assert provider.client["client_secret"] not in str(shown)
    code, message = mc.fails("idp", "openid", "add", "rustfs", "other", "client_id=x", "config_url=http://127.0.0.1:1/x")
    assert code == "NotImplemented" and "RUSTFS_IDENTITY_OPENID_" in message


def test_sessions_of_somebody_are_ended_by_the_administrator(store, provider):
    from harness.admin import request

    alice, bob = (s3_of(store, assume(store, provider.id_token(who))) for who in ["alice", "bob"])
    answer = request(store, "POST", "/minio/admin/v3/revoke-tokens/openid?user=alice")
    assert answer.status_code == 204, answer.text
    assert code_of(lambda: alice.put_object(Bucket="homes", Key="alice/a", Body=b"a")) == "InvalidAccessKeyId"
    bob.put_object(Bucket="homes", Key="bob/a", Body=b"a")


def test_without_a_provider_it_is_said_that_there_is_none(server):
    assert refused(server, "a.b.c") == "InvalidIdentityToken"
