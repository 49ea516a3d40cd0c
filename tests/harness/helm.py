"""The real `helm`, built from its source once, and what it makes of the chart."""

import os
import shutil
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy" / "helm" / "rustfs"
SOURCE = "helm.sh/helm/v3/cmd/helm@latest"
BUILD_SECONDS_MAX = 1800
RUN_SECONDS_MAX = 60

# A helm that was built from its module knows none by itself.
KUBERNETES = "1.31.0"


def program() -> Path:
    """The program, built where cargo builds; a run without Go is a failure and no skip."""
    named = os.environ.get("HELM_BINARY")
    folder = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "tools"
    path = Path(named) if named else folder / "helm"
    if path.is_file():
        return path
    go = shutil.which("go")
    if go is None:
        raise FileNotFoundError(f"{path}: no helm to test with, and no Go to build it with; install Go, or set HELM_BINARY")
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


def helm(*words: str, values: dict | None = None) -> subprocess.CompletedProcess:
    """Runs it; values go in by stdin."""
    more = ["--values", "-"] if values is not None else []
    text = yaml.safe_dump(values) if values is not None else ""
    return subprocess.run(
        [str(program()), *words, "--kube-version", KUBERNETES, *more], input=text, capture_output=True, text=True, timeout=RUN_SECONDS_MAX
    )


def rendered(values: dict) -> dict[tuple[str, str], dict]:
    """The objects that the chart makes of values, by kind and name."""
    done = helm("template", "store", str(CHART), values=values)
    assert done.returncode == 0, done.stderr
    objects = [document for document in yaml.safe_load_all(done.stdout) if document]
    return {(document["kind"], document["metadata"]["name"]): document for document in objects}


def refused(values: dict) -> str:
    """Why the chart makes nothing of values."""
    done = helm("template", "store", str(CHART), values=values)
    assert done.returncode != 0, done.stdout
    return done.stderr
