"""What a report carries for a page: bounded, and what was cut is named."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from onbook.report import Report
from onbook.testing import details
from onbook.testing.details import MAX_TEXT, Details, without


def row(state: str, size: int) -> dict[str, Any]:
    return {"state": state, "inputs": None, "expected": None, "messages": None, "answer": "x" * size, "cut": []}


def test_what_passes_loses_its_texts_first() -> None:
    rows = given([("passed", 60, 30), ("failed", 60, 30), ("passed", 5, 0)], most=100)
    assert [len(each["answer"] or "") for each in rows] == [0, 60, 5]
    assert rows[0]["old"]["answer"] is None
    assert rows[0]["cut"] == ["answer"]
    assert rows[1]["cut"] == rows[2]["cut"] == []
    assert rows[1]["old"]["answer"] == "x" * 30


def test_answers_are_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onbook.repo.stored.IN_MEMORY", 10_000)
    tracemalloc.start()
    rows = given([("passed", 5_000, 5_000)] * 1_000, most=10**9)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1_500_000
    assert (len(rows), rows[999]["old"]["answer"]) == (1_000, "x" * 5_000)


def given(answers: list[tuple[str, int, int]], most: int) -> Any:
    """Rows of answers as a report is given them: of each its state, and the lengths of the new and the old text."""
    found = Details(most=most)
    here, before = found._rows.setdefault(("a", "m"), []), found._old.setdefault(("a", "m"), {})
    for number, (state, size, old) in enumerate(answers):
        here.append(found._lay({"case": str(number), "repeat": 0, **row(state, size)}))
        if old:
            before[str(number), 0] = found._lay(row("passed", old), str(number))
    rows: Any = found.added(Report("test", data={"prompts": [{"id": "a", "model": "m"}]})).data["prompts"]
    return rows[0]["answers"]


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
