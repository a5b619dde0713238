"""The table of tests/cases/guards: obligations that a text lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from onbook.diff.guards import MAX_COMPARED, lost, sentences

CASES = Path(__file__).parents[1] / "cases" / "guards" / "english.yml"
ROWS: list[dict[str, Any]] = yaml.load(CASES.read_text("utf-8"), yaml.CSafeLoader)


@pytest.mark.parametrize("row", [pytest.param(row, id=row["name"]) for row in ROWS])
def test_case(row: dict[str, Any]) -> None:
    found = lost({"text": row["old"]}, {"text": row["new"]})
    assert [{"old": each.old.text, "now": each.now.text if each.now else None} for each in found] == row["lost"]


def test_a_sentence_knows_where_it_stands() -> None:
    text = "Be brief.\n\n- one\n  2) Never\n  stop. Always {% if x %} go.\n"
    found = sentences({"a": text})
    assert [sentence.text for sentence in found] == ["Be brief.", "one", "Never stop.", "Always go."]
    assert [text[sentence.offset :][:6] for sentence in found] == ["Be bri", "one\n  ", "Never\n", "Always"]


def test_it_moves_from_one_text_to_another() -> None:
    assert list(lost({0: "Never stop.", 1: "Go."}, {0: "Go.", "partial": "Well: go.\nNever stop."})) == []


def test_hostile_texts_are_bounded() -> None:
    old = "\n\n".join(f"Never do {number} things with a{number}." for number in range(5_000))
    found = list(lost({0: old}, {0: "must " * 50_000}))
    assert len(found) == MAX_COMPARED
    assert list(lost({0: "{#" * 20_000 + "- " * 20_000}, {0: ""})) == []
