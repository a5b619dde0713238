"""What lint keeps of rules that others bring, and of those that crash or compare prompts."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from onbook.rules import GROUP, all_rules
from support.git import Repo
from support.remembered import COUNT, prompts, report

PLUGIN = """\
from datetime import date
from onbook.rules import AcrossRule, Rule
from onbook.rules.base import Hit


class Crashing(Rule):
    id = "XX901"
    slug = "crashing"

    def check(self, source):
        yield Hit("found", source.path)
        if "billing" in source.path:
            raise RuntimeError("a fault")


class Counting(AcrossRule):
    id = "XX902"
    slug = "counting"

    def note(self, source):
        return (len(source.document.text), {1: "x"})

    def across(self, notes, today):
        last = list(notes)[-1]
        yield last, Hit(f"{sorted(map(str, notes.values()))}", "x")
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installed package with a rule that crashes and one that compares prompts."""
    place = tmp_path / "plugins"
    place.mkdir()
    module = f"kept_plugin_{random.randrange(10**9)}"
    (place / f"{module}.py").write_text(PLUGIN)
    info = place / "kept-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: kept\nVersion: 1.0\n")
    points = "".join(f"{name} = {module}:{name}\n" for name in ("Crashing", "Counting"))
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{points}")
    monkeypatch.syspath_prepend(place)
    all_rules.cache_clear()
    yield place / f"{module}.py"
    all_rules.cache_clear()


def test_what_could_not_be_checked_is_not_kept(repo: Repo, plugin: Path, looked: list[str]) -> None:
    assert plugin.exists()
    cold = report(repo, keep=False)
    assert report(repo) == cold
    looked.clear()
    assert report(repo) == cold
    crashed = {check.prompt for check in cold.checks if check.status == "unchecked"}
    assert 0 < len(crashed) < COUNT
    assert {path.split("/")[1] for path in looked} == {"billing"}


def test_notes_are_kept_and_compared_again(repo: Repo, plugin: Path) -> None:
    cold = report(repo)
    prompts(repo)[3].write_text(prompts(repo)[4].read_text())
    warm = report(repo)
    assert warm == report(repo, keep=False)
    assert warm != cold
    assert plugin.exists()


def test_a_changed_plugin_looks_again(repo: Repo, plugin: Path, looked: list[str]) -> None:
    report(repo)
    looked.clear()
    plugin.write_text(plugin.read_text() + "\n# changed\n")
    report(repo)
    assert len(looked) == COUNT
