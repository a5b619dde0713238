"""What the tests of lint's memory begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import corpus
from onbook.project.load import Reading
from support.git import Repo
from support.remembered import COUNT


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    (tmp_path / "repo").mkdir()
    corpus.write(tmp_path / "repo", COUNT, defects=True)
    return Repo(tmp_path / "repo")


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the prompts that were read, as lint goes on."""
    paths: list[str] = []
    real = Reading.read

    def read(reading: Reading) -> None:
        paths.append(reading.path)
        real(reading)

    monkeypatch.setattr(Reading, "read", read)
    return paths
