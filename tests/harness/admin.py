"""Requests of the admin API made by hand: what no tool sends."""

import hashlib

import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from harness.server import ACCESS_KEY, REGION, SECRET_KEY, Server


def signed_headers(
    server: Server,
    method: str,
    path: str,
    body: bytes = b"",
    access_key: str = ACCESS_KEY,
    secret_key: str = SECRET_KEY,
    session_token: str | None = None,
) -> dict[str, str]:
    """The headers of a signed request."""
    headers = {"x-amz-content-sha256": hashlib.sha256(body).hexdigest()}
    signed = AWSRequest(method=method, url=server.endpoint + path, data=body, headers=headers)
    SigV4Auth(Credentials(access_key, secret_key, session_token), "s3", REGION).add_auth(signed)
    return dict(signed.headers)


def request(
    server: Server,
    method: str,
    path: str,
    body: bytes = b"",
    access_key: str | None = ACCESS_KEY,
    secret_key: str = SECRET_KEY,
    session_token: str | None = None,
    sent: bytes | None = None,
) -> requests.Response:
    """A signed request (unsigned without an access key). `sent` is a body that is not the one that was signed."""
    headers = {}
    if access_key is not None:
        headers = signed_headers(server, method, path, body, access_key, secret_key, session_token)
    data = body if sent is None else sent
    return requests.request(method, server.endpoint + path, data=data, headers=headers, timeout=30)
