"""Who may not is told so, and nothing else."""

import pytest

from harness.admin import request

pytestmark = pytest.mark.limit(300)


def test_who_does_not_sign_or_signs_wrongly_is_refused(server):
    for path in ["/minio/admin/v3/info", "/rustfs/admin/v3/info", "/minio/kms/v1/status", "/minio/admin/v3/nothing"]:
        anonymous = request(server, "GET", path, access_key=None)
        assert (anonymous.status_code, anonymous.json()["Code"]) == (403, "AccessDenied")
        wrong = request(server, "GET", path, secret_key="another")
        assert (wrong.status_code, wrong.json()["Code"]) == (403, "SignatureDoesNotMatch")
        unknown = request(server, "GET", path, access_key="nobody")
        assert (unknown.status_code, unknown.json()["Code"]) == (403, "InvalidAccessKeyId")
        assert unknown.json()["RequestId"] == unknown.headers["x-amz-request-id"]


def test_a_signature_in_the_url_is_refused(server, s3):
    from botocore.auth import S3SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    import requests

    from harness.server import ACCESS_KEY, REGION, SECRET_KEY

    signed = AWSRequest(method="GET", url=server.endpoint + "/minio/admin/v3/info")
    S3SigV4QueryAuth(Credentials(ACCESS_KEY, SECRET_KEY), "s3", REGION, expires=60).add_auth(signed)
    answer = requests.get(signed.url, timeout=30)
    assert (answer.status_code, answer.json()["Code"]) == (403, "AccessDenied")


def test_names_of_the_servers_own_paths_are_no_buckets(s3, server):
    from botocore.exceptions import ClientError

    for name in ["minio", "rustfs"]:
        with pytest.raises(ClientError) as refused:
            s3.create_bucket(Bucket=name)
        assert refused.value.response["Error"]["Code"] == "InvalidBucketName"


def test_what_is_not_built_is_said_so_by_mc(mc):
    for words in [
        ("admin", "decommission", "status", "rustfs"),
        ("admin", "rebalance", "status", "rustfs"),
        ("batch", "list", "rustfs"),
        ("admin", "replicate", "info", "rustfs"),
        ("ilm", "tier", "ls", "rustfs"),
    ]:
        code, message = mc.fails(*words)
        assert code == "NotImplemented" and "does not implement" in message, words
