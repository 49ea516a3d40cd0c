"""Requests made by hand: what an SDK would never send, and what it would hide of an answer."""

import http.client
import socket
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from datetime import datetime

from harness import sigv4
from harness.server import ACCESS_KEY, SECRET_KEY, Server


@dataclass
class Answer:
    """What came back. Header names are in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes
    reason: str = ""

    @property
    def xml(self) -> ElementTree.Element:
        """The body's root element, names without their namespace."""
        root = ElementTree.fromstring(self.body)
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
        return root

    @property
    def code(self) -> str:
        """The code of an error; an answer without one has none."""
        return self.xml.findtext("Code", "") if self.body.lstrip().startswith(b"<") else ""

    def __repr__(self) -> str:
        return f"<{self.status} {self.reason} {self.headers} {self.body[:700]!r}>"


@dataclass
class Prepared:
    """A request that is ready to be sent."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    signer: sigv4.Signer | None = None
    signature: str = ""
    extra: dict = field(default_factory=dict)


class Raw:
    """Sends requests to one server."""

    def __init__(self, server: Server, access_key: str = ACCESS_KEY, secret_key: str = SECRET_KEY):
        self.server = server
        self.access_key = access_key
        self.secret_key = secret_key

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    def prepare(
        self,
        method: str,
        path: str,
        query: list[tuple[str, str]] | None = None,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        *,
        sign: bool = True,
        payload: str | None = None,
        when: datetime | None = None,
        region: str = "us-east-1",
        host: str | None = None,
        length: bool = True,
        unsigned_headers: dict[str, str] | None = None,
        access_key: str | None = None,
        secret_key: str | None = None,
    ) -> Prepared:
        """`path` is sent as it is: the caller encodes it. `payload` is the value of x-amz-content-sha256 (otherwise the digest)."""
        query = query or []
        all_headers = {"Host": host or self.host, **(headers or {})}
        signer, signature = None, ""
        if sign:
            signer = sigv4.Signer(access_key or self.access_key, secret_key or self.secret_key, region, when)
            payload = payload or sigv4.sha256(body)
            all_headers.setdefault("x-amz-date", signer.date_time)
            all_headers["x-amz-content-sha256"] = payload
            all_headers["Authorization"], signature = signer.authorization(method, path, query, all_headers, payload)
        all_headers.update(unsigned_headers or {})
        names = {name.lower() for name in all_headers}
        if length and "content-length" not in names and (body or method in ("PUT", "POST")):
            all_headers["Content-Length"] = str(len(body))
        target = path + ("?" + sigv4.canonical_query(query) if query else "")
        return Prepared(method, target, all_headers, body, signer, signature)

    def send(self, prepared: Prepared, timeout: float = 30) -> Answer:
        """Over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=timeout)
        try:
            connection.putrequest(prepared.method, prepared.target, skip_host=True, skip_accept_encoding=True)
            for name, value in prepared.headers.items():
                connection.putheader(name, value.encode())
            connection.endheaders()
            try:
                if prepared.body:
                    connection.send(prepared.body)
            except (BrokenPipeError, ConnectionResetError):
                pass  # The answer may have come before the body was wanted.
            answer = connection.getresponse()
            body = answer.read()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, headers, body, answer.reason)
        finally:
            connection.close()

    def __call__(self, method: str, path: str, query=None, headers=None, body: bytes = b"", **options) -> Answer:
        return self.send(self.prepare(method, path, query, headers, body, **options))

    def presigned(
        self,
        method: str,
        path: str,
        expires: object = 600,
        query=None,
        *,
        headers=None,
        when=None,
        host=None,
        region="us-east-1",
        secret_key=None,
    ) -> str:
        """The target (path and query) of a presigned URL."""
        signer = sigv4.Signer(self.access_key, secret_key or self.secret_key, region, when)
        signed = {"host": host or self.host, **(headers or {})}
        return path + "?" + sigv4.canonical_query(signer.presign(method, path, signed, expires, query))

    def bare(self, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b"", length: bool = True) -> Answer:
        """An unsigned request for exactly that target."""
        all_headers = {"Host": self.host, **(headers or {})}
        if length and (body or method in ("PUT", "POST")) and "Content-Length" not in all_headers:
            all_headers["Content-Length"] = str(len(body))
        return self.send(Prepared(method, target, all_headers, body))

    def bytes(self, data: bytes, timeout: float = 30, end: bool = False) -> bytes:
        """Sends just these bytes over a socket; everything that comes back until the server closes or is silent."""
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=timeout) as connection:
            try:
                connection.sendall(data)
                if end:
                    connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # It may have answered and closed already.
            return read_answer(connection)

    def head_bytes(self, prepared: Prepared) -> bytes:
        """The request line and headers as they go over the wire."""
        lines = [f"{prepared.method} {prepared.target} HTTP/1.1", *(f"{name}: {value}" for name, value in prepared.headers.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


def read_answer(connection: socket.socket) -> bytes:
    """One whole answer, with its body where it has a length; or what came until the end."""
    received = b""
    while True:
        try:
            data = connection.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            return received
        if not data:
            return received
        received += data
        head, found, body = received.partition(b"\r\n\r\n")
        if not found or head.startswith(b"HTTP/1.1 100"):
            continue
        lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        if lengths and len(body) >= int(lengths[0]):
            return received


def status_of(answer: bytes) -> int:
    """The status of an answer in bytes."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else 0
