"""Whose releases the tests of this folder look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.console import Person, person
from support.git import PROMPT


@pytest.fixture
def maintainer(tmp_path: Path) -> Person:
    """A repository with one prompt, ``support/triage``, that was never released; lint holds up no release."""
    found = person(tmp_path / "p")
    found.write("onbook.toml", "gates = {lint = false}\n")
    found.write("prompts/support/triage.prompt.yml", PROMPT)
    found.commit("Sort tickets")
    return found
