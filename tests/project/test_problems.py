"""The table of tests/cases/project: what is told of faults in a prompt and in what stands beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.sources import source

TABLE = Path(__file__).parents[1] / "cases" / "project" / "problems.yml"
PROMPT = "prompts/a.prompt.yml"


def table() -> list[Any]:
    rows = yaml.load(TABLE.read_text("utf-8"), yaml.CSafeLoader)
    return [pytest.param(row, id=row["name"]) for row in rows]


@pytest.mark.parametrize("row", table())
def test_problems(row: dict[str, Any]) -> None:
    files = {PROMPT if path == "P" else path: text for path, text in row["files"].items()}
    links = {PROMPT if path == "P" else path for path in row.get("links", ())}
    found = source(files, links=links)
    problems = [*found.problems, *found.tests.problems]
    told = [(problem.code, problem.place.replace(PROMPT, "P")) for problem in problems]
    assert told == [(code, place) for code, place, *_ in row["problems"]], problems
    for problem, (_, _, message, *hint) in zip(problems, row["problems"], strict=True):
        assert re.search(message, problem.message), problem.message
        assert re.search(hint[0] if hint else "", problem.hint or ""), problem.hint
        assert "\n" not in problem.message
