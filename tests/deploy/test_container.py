"""The Dockerfile and the Compose file, without Docker: the words of the image run the real binary as somebody without rights."""

import json
import os
import shlex
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
import yaml

from harness.server import binary, free_port
from harness.settings import known_variables

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
NOBODY = 54_321
START_SECONDS_MAX = 50

# The root file system as it is in a container that is started with --read-only: only the data can be written.
READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,bind,ro / && shift && exec setpriv {drop} -- "$@"'
DROP = f"--reuid={NOBODY} --regid={NOBODY} --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all"


def instructions() -> list[tuple[str, str]]:
    """The instructions of the last stage, lines joined."""
    lines = (DEPLOY / "docker" / "Dockerfile").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#")).replace("\\\n", " ")
    parsed = [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]
    last = max(number for number, (name, _) in enumerate(parsed) if name == "FROM")
    return parsed[last:]


def one(name: str) -> str:
    (value,) = [value for known, value in instructions() if known == name]
    return value


def environment() -> dict[str, str]:
    return dict(part.split("=", 1) for name, value in instructions() if name == "ENV" for part in shlex.split(value))


class Container:
    """What `docker run --read-only --user` would do, with folders of this machine."""

    def __init__(self, folder: Path):
        self.folder, self.data = folder, folder / "data"
        self.binary = folder / "rustfs"
        shutil.copy(binary(), self.binary)
        self.data.mkdir()
        # Whoever mounts the folder made it: no owner is changed by the image.
        os.chown(self.data, NOBODY, NOBODY)
        moved = {name: value.replace("/data", str(self.data)) for name, value in environment().items()}
        self.environment = moved | {"RUSTFS_ADDRESS": f"127.0.0.1:{free_port()}"}

    def command(self, words: list[str]) -> list[str]:
        assert words[0] == "/usr/bin/rustfs", words
        inside = ["unshare", "--mount", "--propagation", "private", "sh", "-c", READ_ONLY.format(drop=DROP), "sh"]
        return [*inside, str(self.data), str(self.binary), *words[1:]]

    def run(self, words: list[str]) -> subprocess.CompletedProcess:
        command = self.command(words)
        return subprocess.run(command, env=self.environment_of_run(), capture_output=True, text=True, timeout=30)

    def start(self, words: list[str]) -> subprocess.Popen:
        return subprocess.Popen(
            self.command(words),
            env=self.environment_of_run(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def environment_of_run(self) -> dict[str, str]:
        return self.environment | {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


@pytest.fixture
def container():
    folder = Path(tempfile.mkdtemp(prefix="rustfs-container-", dir="/tmp"))
    folder.chmod(0o755)
    yield Container(folder)
    shutil.rmtree(folder)


def health_words() -> list[str]:
    value = one("HEALTHCHECK")
    return json.loads(value[value.index(" CMD ") + 5 :])


def test_the_image_runs_as_any_user_on_a_root_that_nobody_can_write(container):
    assert container.run(health_words()).returncode == 3, "healthy before it was started"
    process = container.start([*json.loads(one("ENTRYPOINT")), *json.loads(one("CMD"))])
    try:
        deadline = time.monotonic() + START_SECONDS_MAX
        while container.run(health_words()).returncode != 0:
            assert process.poll() is None, process.stdout.read()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        owners = {(path.stat().st_uid, path.stat().st_gid) for path in container.data.rglob("*")}
        assert owners == {(NOBODY, NOBODY)}
        status = Path(f"/proc/{process.pid}/status").read_text().split()
        assert status[status.index("Uid:") + 1] == str(NOBODY) and status[status.index("CapEff:") + 1] == "0" * 16
        mounts = Path(f"/proc/{process.pid}/mountinfo").read_text().splitlines()
        (root,) = [line.split()[5] for line in mounts if line.split()[4] == "/"]
        assert root.split(",")[0] == "ro"
    finally:
        # What STOPSIGNAL says is what Docker sends.
        assert one("STOPSIGNAL") == "SIGTERM"
        process.terminate()
        said, _ = process.communicate(timeout=40)
    assert process.returncode == 0, said


def test_a_folder_of_somebody_else_is_named_with_who_has_to_act(container):
    os.chown(container.data, 0, 0)
    done = container.run([*json.loads(one("ENTRYPOINT")), *json.loads(one("CMD"))])
    assert done.returncode == 1
    assert f"runs as user {NOBODY}" in done.stderr and "chown" in done.stderr, done.stderr


def test_the_image_is_started_without_rights():
    user, _, group = one("USER").partition(":")
    assert int(user) > 0 and int(group) > 0, "a number other than root's, so that runAsNonRoot can be checked"
    assert set(environment()) <= known_variables()
    assert one("EXPOSE") == "9000"
    for _, value in instructions():
        assert "chown" not in value


def test_the_compose_file_agrees_with_the_image():
    compose = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
    service = compose["services"]["rustfs"]
    assert set(service["environment"]) <= known_variables()
    assert service["healthcheck"]["test"] == ["CMD", *health_words()]
    assert service["command"] == json.loads(one("CMD"))
    assert service["read_only"] and service["cap_drop"] == ["ALL"]
    assert service["volumes"] == [f"./data:{service['environment']['RUSTFS_VOLUMES']}"]
    assert [port.split(":")[1] for port in service["ports"]] == [one("EXPOSE")]
    for name in service["secrets"]:
        assert f"/run/secrets/{name}" in service["environment"].values() and name in compose["secrets"]
    build = (DEPLOY / "compose" / service["build"]["context"]).resolve()
    assert (build / service["build"]["dockerfile"]).is_file() and (build / "Cargo.toml").is_file()
