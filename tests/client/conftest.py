"""A remote with real releases, which tests of fetching read and none changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.git import Repo
from support.remotes import released_prompts


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """0.1.0, 0.1.1, 0.2.0 and 1.0.0 of ``support/triage``, and neighbours with names like it. Clone it to change it."""
    return released_prompts(tmp_path_factory.mktemp("released") / "repo")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go, to see that none stays."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder
