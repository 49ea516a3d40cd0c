"""Bodies in aws-chunked framing, right and wrong."""

from harness.raw import Answer, Raw
from harness.sigv4 import ChunkSigner

SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def unsigned_body(chunks: list[bytes], trailers: dict[str, str] | None = None) -> bytes:
    out = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return out + b"0\r\n" + b"".join(f"{name}:{value}\r\n".encode() for name, value in (trailers or {}).items()) + b"\r\n"


def signed_body(signer: ChunkSigner, chunks: list[bytes], trailers: dict[str, str] | None = None) -> bytes:
    out = b""
    for chunk in [*chunks, b""]:
        out += b"%x;chunk-signature=%s\r\n" % (len(chunk), signer.chunk(chunk).encode())
        if chunk:
            out += chunk + b"\r\n"
    if trailers:
        lines = "".join(f"{name}:{value}\n" for name, value in sorted(trailers.items()))
        signature = signer.trailer(lines)
        out += b"".join(f"{name}:{value}\r\n".encode() for name, value in sorted(trailers.items()))
        out += f"x-amz-trailer-signature:{signature}\r\n".encode()
    return out + b"\r\n"


def put_stream(
    raw: Raw,
    path: str,
    data: bytes,
    kind: str,
    *,
    chunk: int = 65536,
    trailers: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    announced: dict[str, str] | None = None,
    alter=None,
    decoded_length: int | None = None,
    sign: bool = True,
    query: list[tuple[str, str]] | None = None,
) -> Answer:
    """Puts `data` in chunks. `announced` is what x-amz-trailer names (otherwise the trailers' names); `alter` changes the framed bytes."""
    chunks = cut(data, chunk)
    names = ",".join(announced if announced is not None else trailers or {})
    all_headers = {
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": str(len(data) if decoded_length is None else decoded_length),
        **({"x-amz-trailer": names} if names else {}),
        **(headers or {}),
    }
    if not sign:
        all_headers["x-amz-content-sha256"] = kind
    prepared = raw.prepare("PUT", path, query, all_headers, payload=kind, length=False, sign=sign)
    if kind == UNSIGNED_TRAILER:
        body = unsigned_body(chunks, trailers)
    else:
        body = signed_body(ChunkSigner(prepared.signer, prepared.signature), chunks, trailers)
    prepared.body = alter(body) if alter else body
    prepared.headers["Content-Length"] = str(len(prepared.body))
    return raw.send(prepared)
