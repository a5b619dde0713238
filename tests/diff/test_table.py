"""docs/versioning.md lists every rule of diff as the program knows it: a rule that changes, changes there."""

from __future__ import annotations

import re
from pathlib import Path

from onbook.diff import RULES

PAGE = Path(__file__).parents[2] / "docs" / "versioning.md"


def test_the_page_lists_every_rule_as_it_is() -> None:
    rows = re.findall(r"^\| OD\d+ .*$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert sorted(rows) == [f"| {rule.id} | {rule.slug} | {rule.bump} | {rule.meaning} |" for rule in RULES.values()]


def test_ids_rise_and_tell_the_theme() -> None:
    ids = [rule.id for rule in RULES.values()]
    assert ids == sorted(set(ids))
    themes = {"input": "1", "output": "2", "tool": "5", "history": "3", "model": "4", "prompt": "6"}
    for rule in RULES.values():
        word = next((word for word in rule.slug.split("-") if word in themes), None)
        assert word is None or rule.id[2] == themes[word], rule.slug
