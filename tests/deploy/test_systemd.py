"""The unit of systemd, without a running systemd: verified by its own tool, and started as it says."""

import os
import re
import socket
import subprocess
from pathlib import Path

from harness.server import binary, clean_environment, free_port
from harness.settings import known_variables

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "systemd"


def directives() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (FOLDER / "rustfs.service").read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    return found


def environment_file() -> dict[str, str]:
    lines = (FOLDER / "rustfs.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if re.match(r"[A-Z_]+=", line))


def test_systemd_finds_no_fault_in_the_unit(tmp_path):
    text = (FOLDER / "rustfs.service").read_text()
    unit = tmp_path / "rustfs.service"
    unit.write_text(text.replace("/usr/local/bin/rustfs", str(binary())))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=50)
    ours = [line for line in done.stderr.splitlines() if "rustfs.service" in line]
    assert done.returncode == 0 and not ours, done.stderr


def test_the_unit_keeps_the_server_in_its_place():
    found = directives()
    for name, value in {
        "Type": "notify",
        "User": "rustfs",
        "ProtectSystem": "strict",
        "NoNewPrivileges": "true",
        "CapabilityBoundingSet": "",
        "MemoryDenyWriteExecute": "true",
        "Restart": "on-failure",
    }.items():
        assert found[name] == [value], name
    assert int(found["LimitNOFILE"][0]) >= 65_536
    # Requests have 30 s, and a drive that does not answer as long again.
    assert int(found["TimeoutStopSec"][0]) > 60
    assert environment_file()["RUSTFS_VOLUMES"].startswith(found["ReadWritePaths"][0])


def test_every_variable_of_the_environment_file_is_a_setting():
    text = (FOLDER / "rustfs.env").read_text()
    named = set(re.findall(r"^#?([A-Z_]+)=", text, re.MULTILINE))
    assert named and named <= known_variables(), named - known_variables()


def test_the_unit_starts_the_server_and_hears_when_it_is_ready(tmp_path):
    heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    heard.bind(str(tmp_path / "notify"))
    heard.settimeout(40)
    program, *words = directives()["ExecStart"][0].split()
    assert program.endswith("/rustfs")
    volumes = tmp_path / "state" / "data"
    volumes.parent.mkdir()
    environment = clean_environment() | environment_file()
    environment |= {"RUSTFS_VOLUMES": str(volumes), "RUSTFS_ADDRESS": f"127.0.0.1:{free_port()}"}
    environment["NOTIFY_SOCKET"] = str(tmp_path / "notify")
    process = subprocess.Popen(
        [str(binary()), *words], env=environment, cwd="/", umask=0o077, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        assert heard.recv(100) == b"READY=1"
        assert os.stat(volumes).st_mode & 0o077 == 0, "others may look into the drive"
    finally:
        process.terminate()
        code = process.wait(40)
        heard.close()
    assert code == 0
