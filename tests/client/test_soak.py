"""The soak, for seconds: whatever becomes of remote and cache, no wrong prompt and no refusal without a reason."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.soak import Soak


@pytest.mark.slow
def test_twenty_seconds_of_trouble(tmp_path: Path) -> None:
    soak = Soak(tmp_path, seed=7)
    soak.run(20)
    assert soak.wrong == []
    assert soak.seen["served"] > 100
    assert any(what.startswith("trouble") for what in soak.seen)
