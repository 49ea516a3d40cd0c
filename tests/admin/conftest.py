"""`mc` against the server of a test."""

import pytest

from harness.mc import Mc


@pytest.fixture
def mc(server, tmp_path) -> Mc:
    """`mc` as root."""
    return Mc(server, tmp_path / "mc")
