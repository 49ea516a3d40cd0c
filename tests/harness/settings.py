"""The variables that the server reads, as its source names them."""

import re
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[2] / "crates" / "rustfs" / "src"


def known_variables() -> set[str]:
    texts = [path.read_text() for path in SOURCES.rglob("*.rs") if path.name != "tests.rs"]
    return {name for text in texts for name in re.findall(r'"((?:RUSTFS|MINIO)_[A-Z_]+|RUST_LOG)"', text)}
