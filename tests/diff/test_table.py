"""docs/versioning.md lists every rule of diff, with what it asks for."""

from __future__ import annotations

import re
from pathlib import Path

from onbook.diff import RULES

PAGE = Path(__file__).parents[2] / "docs" / "versioning.md"


def test_the_page_lists_every_rule_with_its_bump() -> None:
    rows = re.findall(r"^\| (OD\d+) \| ([a-z-]+) \| ([a-z]+)", PAGE.read_text("utf-8"), re.MULTILINE)
    assert {id: (slug, bump) for id, slug, bump in rows} == {
        rule.id: (rule.slug, str(rule.bump)) for rule in RULES.values()
    }
    assert len(rows) == len(RULES)
