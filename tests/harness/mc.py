"""The real `mc`, MinIO's own client: built from its source once, and run against a server with its answers as JSON."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from harness.server import ACCESS_KEY, SECRET_KEY, Server, clean_environment

SOURCE = "github.com/minio/mc@latest"
BUILD_SECONDS_MAX = 1800
RUN_SECONDS_MAX = 60


def program() -> Path:
    """The program, built where cargo builds; a run without Go is a failure and no skip."""
    named = os.environ.get("MC_BINARY")
    folder = Path(os.environ.get("CARGO_TARGET_DIR", Path(__file__).resolve().parents[2] / "target")) / "tools"
    path = Path(named) if named else folder / "mc"
    if path.is_file():
        return path
    go = shutil.which("go")
    if go is None:
        raise FileNotFoundError(f"{path}: no mc to test with, and no Go to build it with; install Go, or set MC_BINARY")
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [go, "install", SOURCE],
        env=os.environ | {"GOBIN": str(folder)},
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS_MAX,
    )
    assert done.returncode == 0, f"go install {SOURCE}: {done.stderr[-4000:]}"
    return path


class Mc:
    """`mc` with a configuration of its own, in which the alias `rustfs` is the server."""

    def __init__(self, server: Server, folder: Path, access_key: str = ACCESS_KEY, secret_key: str = SECRET_KEY):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.run("alias", "set", "rustfs", server.endpoint, access_key, secret_key, "--api", "s3v4", "--path", "on")

    def command(self, *words: str) -> list[str]:
        return [str(program()), "--config-dir", str(self.folder), "--json", "--disable-pager", *words]

    def run(self, *words: str, input: str | None = None) -> list[dict]:
        """What a command that works prints, a document for each line or block."""
        done = self._run(words, input)
        answers = documents(done.stdout)
        problems = [answer for answer in answers if answer.get("status") == "error"]
        assert done.returncode == 0 and not problems, f"mc {' '.join(words)}: {done.stdout}{done.stderr}"
        return answers

    def text(self, *words: str) -> str:
        """What a command that works prints: for those that print a list."""
        done = self._run(words, None)
        assert done.returncode == 0, f"mc {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout

    def one(self, *words: str, input: str | None = None) -> dict:
        """The only document that a command prints."""
        answers = self.run(*words, input=input)
        assert len(answers) == 1, answers
        return answers[0]

    def fails(self, *words: str, input: str | None = None) -> tuple[str, str]:
        """Code and message of the error with which a command ends."""
        done = self._run(words, input)
        errors = [answer for answer in documents(done.stdout) if answer.get("status") == "error"]
        assert errors, f"mc {' '.join(words)} did not fail: {done.stdout}{done.stderr}"
        error = errors[-1]["error"]
        if isinstance(error, str):  # `mc admin info` prints no code.
            return "", error
        inner = error["cause"]["error"]
        return inner.get("Code", ""), inner.get("Message", "") or error["cause"]["message"]

    def listen(self, *words: str) -> "Listener":
        """A command that goes on until it is ended."""
        return Listener(self.command(*words), self.folder)

    def _run(self, words: tuple[str, ...], input: str | None) -> subprocess.CompletedProcess:
        return subprocess.run(
            self.command(*words),
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=True,
            env=clean_environment(),
            cwd=self.folder,
            timeout=RUN_SECONDS_MAX,
        )


class Listener:
    """A command that goes on; its documents so far."""

    def __init__(self, command: list[str], folder: Path):
        self.output = folder / "listened.json"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=clean_environment(), cwd=folder
            )

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def wait_for(self, is_wanted, seconds: float = 20, meanwhile=lambda: None) -> dict:
        """The first document of which that is true. `meanwhile` is done again and again: who listens may not be there yet."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            meanwhile()
            for document in self.heard():
                if is_wanted(document):
                    return document
            time.sleep(0.1)
        raise AssertionError(f"not heard within {seconds} s: {self.output.read_text(errors='replace')[-4000:]}")

    def heard(self) -> list[dict]:
        return documents(self.output.read_text(errors="replace"))


def documents(text: str) -> list[dict]:
    """The JSON documents in a text, one behind the other; what is no JSON ends them (the last one may be half written)."""
    decoder, found, at = json.JSONDecoder(), [], 0
    while True:
        while at < len(text) and text[at] in " \r\n\t":
            at += 1
        if at == len(text):
            return found
        try:
            document, at = decoder.raw_decode(text, at)
        except ValueError:
            return found
        if isinstance(document, dict):
            found.append(document)
