"""Signature Version 4, written from AWS's description alone, so that it shares no mistake with a client's library."""

import hashlib
import hmac
from datetime import datetime, timezone
from urllib.parse import quote

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


def encode(text: str | bytes) -> str:
    """Percent-encoding as the signature wants it: only unreserved characters stay."""
    return quote(text, safe="-_.~")


def encode_path(text: str | bytes) -> str:
    return quote(text, safe="-_.~/")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def amz_date(when: datetime) -> str:
    return when.astimezone(timezone.utc).strftime("%Y%m%dT%H%M%SZ")


def signing_key(secret: str, date: str, region: str, service: str = "s3") -> bytes:
    key = ("AWS4" + secret).encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def canonical_query(query: list[tuple[str, str]]) -> str:
    return "&".join(f"{name}={value}" for name, value in sorted((encode(name), encode(value)) for name, value in query))


class Signer:
    """Signs for one key at one moment."""

    def __init__(self, access_key: str, secret_key: str, region: str = "us-east-1", when: datetime | None = None, service: str = "s3"):
        self.access_key = access_key
        self.date_time = amz_date(when or datetime.now(timezone.utc))
        date = self.date_time[:8]
        self.scope = f"{date}/{region}/{service}/aws4_request"
        self.key = signing_key(secret_key, date, region, service)

    def signature(self, text: str) -> str:
        return hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest()

    def of_request(self, method: str, path: str, query: list[tuple[str, str]], headers: dict[str, str], payload: str) -> tuple[str, str]:
        """The names of the signed headers, and the signature. All given headers are signed."""
        low = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
        names = ";".join(sorted(low))
        lines = "".join(f"{name}:{low[name]}\n" for name in sorted(low))
        canonical = "\n".join([method, path, canonical_query(query), lines, names, payload])
        text = "\n".join([ALGORITHM, self.date_time, self.scope, sha256(canonical.encode())])
        return names, self.signature(text)

    def authorization(self, method: str, path: str, query: list[tuple[str, str]], headers: dict[str, str], payload: str) -> tuple[str, str]:
        """The Authorization header, and the signature in it."""
        names, signature = self.of_request(method, path, query, headers, payload)
        credential = f"{self.access_key}/{self.scope}"
        return f"{ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}", signature

    def presign(
        self, method: str, path: str, headers: dict[str, str], expires: object, query: list[tuple[str, str]] | None = None
    ) -> list[tuple[str, str]]:
        """The query of a presigned URL."""
        names = ";".join(sorted(name.lower() for name in headers))
        parameters = [
            *(query or []),
            ("X-Amz-Algorithm", ALGORITHM),
            ("X-Amz-Credential", f"{self.access_key}/{self.scope}"),
            ("X-Amz-Date", self.date_time),
            ("X-Amz-Expires", str(expires)),
            ("X-Amz-SignedHeaders", names),
        ]
        _, signature = self.of_request(method, path, parameters, headers, UNSIGNED)
        return [*parameters, ("X-Amz-Signature", signature)]


class ChunkSigner:
    """The chain of signatures over the chunks of a body, from the request's own."""

    def __init__(self, signer: Signer, seed: str):
        self.signer = signer
        self.previous = seed

    def chunk(self, data: bytes) -> str:
        text = "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", self.signer.date_time, self.signer.scope, self.previous, EMPTY_SHA256, sha256(data)])
        self.previous = self.signer.signature(text)
        return self.previous

    def trailer(self, lines: str) -> str:
        text = "\n".join(["AWS4-HMAC-SHA256-TRAILER", self.signer.date_time, self.signer.scope, self.previous, sha256(lines.encode())])
        self.previous = self.signer.signature(text)
        return self.previous
