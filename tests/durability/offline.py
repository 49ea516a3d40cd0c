"""The commands that look at drives while no server runs on them, and connections that are fast enough for 10,000 objects."""

import http.client
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.raw import Raw
from harness.server import Server, binary, clean_environment

CLIENTS = 4


def run(command: str, *words: object) -> subprocess.CompletedProcess:
    """`rustfs inspect` or `rustfs salvage`."""
    line = [str(binary()), command, *map(str, words)]
    return subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=clean_environment(), timeout=55)


def said(command: str, *words: object) -> dict:
    """What it says as JSON, with its exit code."""
    ended = run(command, "--json", *words)
    assert ended.returncode in (0, 1), f"{ended.args}: {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
    return json.loads(ended.stdout) | {"code": ended.returncode}


def send_all(server: Server, requests: list[tuple[str, str, dict[str, str], bytes]]) -> list[tuple[int, dict[str, str], bytes]]:
    """Sends (method, path, headers, body) over a few connections; the answers are in the same order."""
    raw = Raw(server)

    def client(share: list) -> list:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        answers = []
        for method, path, headers, body in share:
            prepared = raw.prepare(method, path, headers=headers, body=body, payload="UNSIGNED-PAYLOAD")
            connection.request(prepared.method, prepared.target, body=body or None, headers=prepared.headers)
            answer = connection.getresponse()
            answers.append((answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()))
        connection.close()
        return answers

    with ThreadPoolExecutor(CLIENTS) as pool:
        shares = list(pool.map(client, [requests[start::CLIENTS] for start in range(CLIENTS)]))
    answers = [None] * len(requests)
    for start, share in enumerate(shares):
        answers[start::CLIENTS] = share
    return answers


def snapshot(drive: Path) -> dict[str, tuple[int, int]]:
    """Every name on a drive with its length and time of change: whatever writes, changes this."""
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(drive.rglob("*"))}


def flip(path: Path, offset: int) -> None:
    """One bit of one byte; a negative offset counts from the end."""
    with path.open("r+b") as file:
        file.seek(offset, 2 if offset < 0 else 0)
        byte = file.read(1)[0]
        file.seek(-1, 1)
        file.write(bytes([byte ^ 0x10]))
