"""`make demo` is the first thing that a newcomer runs; here it runs against the environment of the tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]


def test_the_demo_goes_through() -> None:
    if not (TOP / ".git").exists():
        pytest.skip("the demo clones the repository, and this is no clone")
    done = subprocess.run(
        ["bash", "docs/demo.sh", str(Path(sys.executable).parent)],
        cwd=TOP,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for told in ("support/triage/v0.1.0", "support/triage/v0.1.1", "OD106", "OD101", '"tag_object"'):
        assert told in done.stdout
