"""Gold sets of many cases: read line by line, and the same as if they were held."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from onbook.errors import OnbookError
from onbook.project import Catalog, Source
from onbook.project.gold import Gold
from onbook.prompt import Case
from onbook.repo import Repository
from onbook.repo.worktree import WorkTree
from support.git import new_repo
from support.snapshots import files

PROMPT = "model: openai/gpt-4.1-2025-04-14\nmessages: [{role: user, content: '{{ticket}}'}]\n"
COUNT = 1_500


def row(number: int, ticket: str = "x" * 800) -> dict[str, object]:
    return {"id": f"c{number}", "inputs": {"ticket": f"{number} {ticket}"}, "tags": ["t"], "xfail": "why"}


def source(**other: str | bytes) -> Source:
    return Catalog(files({"prompts/a.prompt.yml": PROMPT, **{f"prompts/a.{n}": raw for n, raw in other.items()}})).find(
        "a"
    )


def jsonl(*numbers: int) -> str:
    return "\n".join(json.dumps(row(number)) for number in numbers)


def test_many_cases_are_the_same_as_few() -> None:
    many = source(**{"cases.jsonl": "\ufeff" + jsonl(*range(COUNT))}).cases
    few = [source(**{"cases.jsonl": jsonl(number)}).cases[0] for number in (0, 1, COUNT - 1)]
    assert isinstance(many, Gold)
    assert len(many) == COUNT
    assert [case.line for case in many] == list(range(1, COUNT + 1))
    assert [case.id for case in many] == [f"c{number}" for number in range(COUNT)]
    for case, index in zip(few, (0, 1, COUNT - 1), strict=True):
        assert many[index] == Case(**{**{f: getattr(case, f) for f in Case.__slots__}, "line": index + 1})
    assert many[-1].id == f"c{COUNT - 1}"
    assert [case.id for case in many[1:5:2]] == ["c1", "c3"]
    with pytest.raises(IndexError):
        many[COUNT]


def test_wrong_and_repeated_rows_are_left_out_and_told() -> None:
    lines = jsonl(*range(COUNT)).split("\n")
    lines[10:10] = ["", "{", '{"id": 7}', json.dumps(row(3))]
    lines.append(json.dumps(row(COUNT)))
    found = source(
        **{"cases.jsonl": "\n".join(lines), "cases.yml": "- {id: c5, inputs: {}}\n- {id: new, inputs: {}}\n"}
    )
    assert [case.id for case in found.cases] == [*(f"c{number}" for number in range(COUNT + 1)), "new"]
    told = [(problem.code, problem.path.rpartition(".")[2], problem.line) for problem in found.tests.problems]
    assert told == [
        ("row-syntax", "jsonl", 12), ("row-shape", "jsonl", 13), ("row-shape", "jsonl", 13),
        ("duplicate-case", "jsonl", 14), ("duplicate-case", "yml", 1),
    ]  # fmt: skip
    assert "already, at prompts/a.cases.jsonl:4" in found.tests.problems[3].message


def test_a_large_table_too() -> None:
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["id", "ticket", "expected", "tags"])
    writer.writerows([f"c{number}", f'"{number}",\n' + "x" * 800, "\u2028e", "one two"] for number in range(COUNT))
    cases = source(**{"cases.csv": table.getvalue()}).cases
    assert isinstance(cases, Gold)
    assert len(cases) == COUNT
    assert cases[7] == Case(
        "c7", {"ticket": '"7",\n' + "x" * 800}, "\u2028e", tags=("one", "two"), path="prompts/a.cases.csv", line=16
    )


def test_a_file_that_changes_meanwhile_is_told(tmp_path: Path) -> None:
    repo = new_repo(tmp_path / "r")
    path = repo.write("prompts/a.cases.jsonl", jsonl(*range(COUNT)))
    repo.write("prompts/a.prompt.yml", PROMPT)
    cases = Catalog(WorkTree(Repository.discover(repo.path))).find("a").cases
    other = path.with_name("other")
    other.write_text("{}")
    other.replace(path)  # as editors and git do: what was opened stays as it was
    assert cases[3].id == "c3"
    (cases,) = [Catalog(WorkTree(Repository.discover(_again(repo.path, path)))).find("a").cases]
    with path.open("r+b") as file:
        file.write(b"?" * 5_000)
    with pytest.raises(OnbookError, match="changed while it was read"):
        cases[3]


def _again(root: Path, path: Path) -> Path:
    path.write_text(jsonl(*range(COUNT)))
    return root
