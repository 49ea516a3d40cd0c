"""The real server as a process: started, watched, stopped, killed.

Every server that is alive is in `Server.alive`; its output goes to a file that is shown when a test fails.
"""

import http.client
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path

import boto3
from botocore.client import Config

ACCESS_KEY = "rustfsadmin"
SECRET_KEY = "rustfssecret"
REGION = "us-east-1"
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 40


def binary() -> Path:
    """The server under test; a run without one is a failure and no skip."""
    named = os.environ.get("RUSTFS_BINARY")
    root = Path(__file__).resolve().parents[2]
    path = Path(named) if named else root / "target" / "release" / "rustfs"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no server to test; build it with `cargo build --release -p rustfs`, or set RUSTFS_BINARY")
    return path.resolve()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def clean_environment() -> dict[str, str]:
    """This process's environment without what would change the server or a client."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("RUSTFS_", "MINIO_", "AWS_", "RUST_LOG"))}


class Server:
    """One store on some drives; may be started again and again."""

    alive: list["Server"] = []

    def __init__(self, folder: Path, drives: int, environment: dict[str, str] | None = None, arguments: list[str] | None = None):
        self.folder = folder
        self.drives = [folder / f"drive{number}" for number in range(1, drives + 1)]
        self.environment = environment or {}
        self.arguments = arguments or []
        self.port = free_port()
        self.log = folder / "server.log"
        # For HTTPS: the authority of the server's certificate, and what a client shows.
        self.authority: Path | None = None
        self.shown: tuple[Path, Path] | None = None
        self.process: subprocess.Popen | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def endpoint(self) -> str:
        return f"{'https' if self.authority else 'http'}://127.0.0.1:{self.port}"

    def launch(self) -> None:
        """Starts the process and waits for nothing."""
        assert self.process is None, "already started"
        command = [str(binary()), "server", "--address", f"127.0.0.1:{self.port}", *self.arguments, *map(str, self.drives)]
        with self.log.open("ab") as log:
            log.write(b"--- start\n")
            log.flush()
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=clean_environment() | self.environment,
                cwd=self.folder,
                start_new_session=True,
            )
        Server.alive.append(self)

    def start(self, ready: bool = True) -> "Server":
        """Starts the process and waits until it is ready (or, if it can't be, until it answers)."""
        self.launch()
        self.wait_for("/health/ready" if ready else "/health/live")
        return self

    def wait_for(self, path: str, seconds: float = START_SECONDS_MAX, status: int = 200) -> None:
        """Waits until that path of the health checks answers so."""
        deadline = time.monotonic() + seconds
        last: object = "no answer"
        while time.monotonic() < deadline:
            if self.process is not None and self.process.poll() is not None:
                raise AssertionError(f"the server ended with {self.process.returncode}:\n{self.output()}")
            try:
                last = self.health(path)
                if last == status:
                    return
            except OSError as error:
                last = error
            time.sleep(0.02)
        raise AssertionError(f"{path} did not answer {status} within {seconds} s but {last!r}:\n{self.output()}")

    def health(self, path: str) -> int:
        connection = self.connection()
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()

    def connection(self) -> http.client.HTTPConnection:
        """A connection that is opened at its first request."""
        if self.authority is None:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        context = ssl.create_default_context(cafile=str(self.authority))
        if self.shown:
            context.load_cert_chain(*map(str, self.shown))
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=5, context=context)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None, "not started"
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"still there {STOP_SECONDS_MAX} s after SIGTERM:\n{self.output()}") from None
        finally:
            self._ended()

    def stop_well(self) -> None:
        code = self.stop()
        assert code == 0, f"SIGTERM ended in {code}:\n{self.output()}"

    def kill(self) -> None:
        """kill -9: nothing is finished, nothing is flushed."""
        assert self.process is not None, "not started"
        self.process.kill()
        self.process.wait()
        self._ended()

    def wait_for_exit(self, seconds: float = START_SECONDS_MAX) -> int:
        """For a server that is expected to refuse its start: the exit code."""
        assert self.process is not None, "not started"
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"still running after {seconds} s:\n{self.output()}") from None
        finally:
            self._ended()

    def _ended(self) -> None:
        self.process = None
        Server.alive.remove(self)

    def remove(self) -> None:
        """Ends the process whatever happens, and removes the drives."""
        if self.process is not None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def output(self, characters: int = 6000) -> str:
        return self.log.read_text(errors="replace")[-characters:]

    def client(self, access_key: str = ACCESS_KEY, secret_key: str = SECRET_KEY, **config):
        """A boto3 client as users make it; a failure is seen at once instead of being tried again."""
        if self.shown:
            config["client_cert"] = tuple(map(str, self.shown))
        options = {"s3": {"addressing_style": "path"}, "retries": {"total_max_attempts": 1}, "read_timeout": 50, "connect_timeout": 5}
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            verify=str(self.authority) if self.authority else None,
            config=Config(signature_version="s3v4", **(options | config)),
        )
