"""Certificates for tests, made by `openssl` for the time of a test."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Pair:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path

    def put(self, folder: Path, names: tuple[str, str] = ("rustfs_cert.pem", "rustfs_key.pem")) -> None:
        """Puts both into a folder that a server reads, each whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        for source, name in ((self.certificate, names[0]), (self.key, names[1])):
            put(folder / name, source.read_bytes())


def put(path: Path, text: bytes) -> None:
    """Writes a file that only its user may read."""
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(text)
    part.chmod(0o600)
    part.rename(path)


def openssl(*arguments: object) -> None:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


class Authority:
    """Signs certificates."""

    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.certificate = folder / "authority.crt"
        self.key = folder / "authority.key"
        self.made = 0
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key)
        uses = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        openssl("req", "-x509", *key, "-out", self.certificate, "-days", 30, "-subj", f"/CN=tests {folder.name}", *uses)

    def leaf(self, *names: str, days: int = 90) -> Pair:
        """For these names and for this machine's address, to serve with and to be a client with."""
        self.made += 1
        stem = self.folder / f"leaf{self.made}"
        pair = Pair(stem.with_suffix(".crt"), stem.with_suffix(".key"))
        request, extensions = stem.with_suffix(".csr"), stem.with_suffix(".ext")
        alternatives = ",".join([*(f"DNS:{name}" for name in names), "IP:127.0.0.1"])
        extensions.write_text(
            f"subjectAltName={alternatives}\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
            "extendedKeyUsage=serverAuth,clientAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
        )
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", pair.key)
        openssl("req", "-new", *key, "-out", request, "-subj", f"/CN={names[0]}")
        signer = ("-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial")
        openssl("x509", "-req", "-in", request, *signer, "-days", days, "-extfile", extensions, "-out", pair.certificate)
        return pair
