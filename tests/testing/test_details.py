"""What a report carries for a page: bounded, and what was cut is named."""

from __future__ import annotations

from typing import Any

import pytest

from onbook.report import Report
from onbook.testing import details
from onbook.testing.details import MAX_TEXT, without


def row(state: str, size: int, *, old: int = 0) -> dict[str, Any]:
    side = {"answer": "x" * old, "state": "passed"} if old else None
    return {
        "state": state,
        "inputs": None,
        "expected": None,
        "messages": None,
        "answer": "x" * size,
        "old": side,
        "cut": [],
    }


def test_what_passes_loses_its_texts_first() -> None:
    rows = [row("passed", 60, old=30), row("failed", 60, old=30), row("passed", 5)]
    details._bound(rows, 100)
    assert [len(each["answer"] or "") for each in rows] == [0, 60, 5]
    assert rows[0]["old"]["answer"] is None
    assert rows[0]["cut"] == ["answer"]
    assert rows[1]["cut"] == rows[2]["cut"] == []
    assert rows[1]["old"]["answer"] == "x" * 30


@pytest.mark.parametrize("value", ["x" * (MAX_TEXT + 1), {"a": ["x" * (MAX_TEXT + 1)]}, ["x", {"y": "x" * 20_000}]])
def test_a_long_text_is_cut_wherever_it_stands(value: object) -> None:
    cut: list[str] = []
    found = details._short(value, cut, "inputs")
    assert cut == ["inputs"]
    assert len(str(found)) < MAX_TEXT + 50


def test_many_short_inputs_are_left_out_as_one() -> None:
    cut: list[str] = []
    assert details._inputs({str(number): "x" * 100 for number in range(1_000)}, cut) is None
    assert cut == ["inputs"]
    assert details._inputs({"a": 1}, cut) == {"a": 1}


def test_without_answers_a_report_is_what_it_was() -> None:
    plain = {"prompts": [{"id": "a", "model": "m"}, {"id": "b", "model": "m"}]}
    carried = {"prompts": [{**each, "answers": [row("passed", 1)]} for each in plain["prompts"]]}
    assert without(Report("test", data=carried)).data == plain
    told = without(Report("check", data={"verdict": "passed", "test": carried}))
    assert told.data == {"verdict": "passed", "test": plain}
