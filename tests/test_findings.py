"""Every finding that the package tells, and no other, stands in the table that explains them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import onbook
from onbook.diff import RULES
from onbook.findings import FINDINGS, named, page
from onbook.rules import all_rules
from onbook.testing import judging, verdicts
from support.console import Person, person

PACKAGE = Path(onbook.__file__).parent
DOCS = Path(__file__).parents[1] / "docs"
ID = re.compile(r"O[A-Z]\d{3}\Z")


def _told() -> Iterator[tuple[str, str | None]]:
    """The ids in the package's code that are neither lint's nor diff's, with the slug beside them where one stands."""
    known = {*all_rules(), *(rule.id for rule in RULES.values())}
    for path in PACKAGE.rglob("*.py"):
        if path.name == "findings.py":
            continue
        for node in ast.walk(ast.parse(path.read_bytes())):
            parts = node.args if isinstance(node, ast.Call) else getattr(node, "elts", [node])
            texts = [part.value if isinstance(part, ast.Constant) else None for part in parts]
            first = texts[0] if texts else None
            if isinstance(first, str) and ID.match(first) and first not in known:
                yield first, next((text for text in texts[1:2] if isinstance(text, str)), None)


def test_the_table_has_every_finding_and_no_other() -> None:
    told = set(_told())
    assert {id for id, _ in told} == set(FINDINGS)
    for id, slug in told:
        if slug is not None and not ID.match(slug):
            assert FINDINGS[id].slug == slug, id


def test_the_table_agrees_with_the_tables_of_tests() -> None:
    tables = [(id, slug, severity) for slug, (id, severity) in judging.FINDINGS.items()]
    for id, slug, severity in [*tables, *verdicts.FINDINGS.values()]:
        assert (FINDINGS[id].slug, FINDINGS[id].severity) == (slug, severity)


def test_the_page_is_up_to_date() -> None:
    now = "write it again: python -m onbook.findings docs/findings.md"
    assert (DOCS / "findings.md").read_text("utf-8") == page(), now


@pytest.fixture
def author(tmp_path: Path) -> Person:
    return person(tmp_path / "p")


def test_what_a_command_told_is_explained_by_the_id_that_it_gave(author: Person) -> None:
    author.onbook("new", "support/triage", "--model", "openai/gpt-5.4-mini-2026-03-17")
    told = author.onbook("test", exits=3)
    assert "OT201" in told
    assert "onbook test ID --record" in author.onbook("explain", "OT201")
    assert author.onbook("explain", "recording-missing") == author.onbook("explain", "ot201")
    assert "OT201  recording-missing  error" in author.onbook("explain")
    assert "did you mean recording-missing?" in author.onbook("explain", "recording-mising", exits=2)


def test_a_slug_that_several_commands_tell_is_explained_for_each(author: Person) -> None:
    told = author.onbook("explain", "not-comparable")
    assert [row.id for row in named("not-comparable")] == re.findall(r"^(O\w+)", told, re.MULTILINE)
    assert len(named("not-comparable")) == 3
