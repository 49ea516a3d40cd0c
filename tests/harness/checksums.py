"""The checksums of S3 in plain Python, for bodies of modest size."""

import base64
import hashlib
import zlib


def _table(polynomial: int) -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ polynomial if value & 1 else value >> 1
        table.append(value)
    return table


_CRC32C = _table(0x82F63B78)
_CRC64NVME = _table(0x9A6C9329AC4BC9B5)


def _crc(data: bytes, table: list[int], bits: int) -> bytes:
    mask = (1 << bits) - 1
    value = mask
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ (value >> 8)
    return (value ^ mask).to_bytes(bits // 8, "big")


def digest(algorithm: str, data: bytes) -> bytes:
    match algorithm:
        case "CRC32":
            return zlib.crc32(data).to_bytes(4, "big")
        case "CRC32C":
            return _crc(data, _CRC32C, 32)
        case "CRC64NVME":
            return _crc(data, _CRC64NVME, 64)
        case "SHA1":
            return hashlib.sha1(data).digest()
        case "SHA256":
            return hashlib.sha256(data).digest()
    raise ValueError(algorithm)


def checksum(algorithm: str, data: bytes) -> str:
    """As the header says it."""
    return base64.b64encode(digest(algorithm, data)).decode()


def composite(algorithm: str, parts: list[bytes]) -> str:
    """The checksum of the parts' checksums, with their number."""
    return checksum(algorithm, b"".join(digest(algorithm, part) for part in parts)) + f"-{len(parts)}"


def md5(data: bytes) -> str:
    """As Content-MD5 says it."""
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def multipart_etag(parts: list[bytes]) -> str:
    """The ETag of an object made of these parts, in quotes."""
    digests = b"".join(hashlib.md5(part).digest() for part in parts)
    return f'"{hashlib.md5(digests).hexdigest()}-{len(parts)}"'


ALGORITHMS = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]
