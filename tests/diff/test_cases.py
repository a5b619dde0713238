"""The tables of tests/cases/diff: two prompt files, what changed between them, and the bump that it asks for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from onbook.call import Caller, closed
from onbook.contract import Contract, dump
from onbook.diff import RULES, Change, PromptDiff, diff_sources
from onbook.diff import parts as schemas
from onbook.diff.report import diff_report, json_pointer
from onbook.errors import InputError
from onbook.project import Catalog, Source
from onbook.prompt import Prompt
from support.snapshots import files

CASES = Path(__file__).parents[1] / "cases" / "diff"
PROMPTS = Path(__file__).parents[2] / "prompts"
ID = "support/triage"
PATH = f"prompts/{ID}.prompt.yml"


def rows() -> Iterator[dict[str, Any]]:
    for path in sorted(CASES.glob("*.yml")):
        for row in yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader):
            yield {**row, "theme": path.stem}


ROWS = list(rows())


def source(side: Any) -> Source | None:
    if side is None:
        return None
    found = Catalog(files(side["files"] if isinstance(side, dict) else {PATH: side})).get(ID)
    assert found is not None
    assert found.problems == ()
    return found


def diff(row: dict[str, Any]) -> PromptDiff:
    return diff_sources(ID, source(row["old"]), source(row["new"]), readers=row.get("readers", "tolerant"))


def told(found: PromptDiff, expected: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The changes as the table writes them; a witness only where the table has one."""
    return [
        {
            "rule": change.rule.id,
            "bump": str(change.bump),
            "pointer": json_pointer(change.pointer),
            **({"witness": change.witness[0]} if change.witness and "witness" in want else {}),
        }
        for change, want in zip(found.changes, [*expected, *([{}] * len(found.changes))], strict=False)
    ]


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{row['theme']}: {row['name']}") for row in ROWS])
def test_case(row: dict[str, Any]) -> None:
    found = diff(row)
    assert told(found, row["changes"]) == row["changes"]
    assert str(found.bump) == row["bump"]
    assert found.proved is row.get("proved", True)
    for change in found.changes:
        assert change.consequence.isprintable()
        if change.witness is not None:
            assert found.old
            assert found.new
            assert_shown(change, found.old.usable(), found.new.usable(), row)


def assert_shown(change: Change, old: Prompt, new: Prompt, row: dict[str, Any]) -> None:
    """A witness is accepted by one side and rejected by the other, by the validators that calls meet."""
    assert change.witness is not None
    value = change.witness[0]
    if change.rule.slug == "rendering-fails":
        assert isinstance(value, Mapping)
        assert Caller(old).render(value)
        with pytest.raises(InputError):
            Caller(new).render(value)
    elif change.pointer == ("inputs",):
        assert old.inputs is not None
        assert isinstance(value, Mapping)
        assert Contract(closed(old.inputs)).accepts(value)
        with pytest.raises(InputError):
            Caller(new).bind(value)
    elif change.pointer[0] == "inputs":
        name = str(change.pointer[-1])
        call = {name: value}
        assert Contract(schemas.rooted(change.old, old.inputs or {})).accepts(value)
        assert not Contract(schemas.rooted(change.new, new.inputs or {})).accepts(value)
        with pytest.raises(InputError, match=name):
            Caller(new).bind(call)
    elif change.pointer[0] == "tools":
        assert Contract(change.new).accepts(value)  # type: ignore[arg-type]
        assert not Contract(schemas.closed(change.old, wide=True)).accepts(value)  # type: ignore[arg-type]
    elif change.rule.slug == "output-enum-extended":
        assert dump(value) in map(dump, change.new)  # type: ignore[call-overload]
        assert dump(value) not in map(dump, change.old)  # type: ignore[call-overload]
    else:
        assert new.output_schema is not None
        assert old.output_schema is not None
        before = schemas.rooted(change.old, old.output_schema)
        read = schemas.closed(before, wide=True) if row.get("readers") == "strict" else schemas.tolerant(before)
        assert Contract(schemas.rooted(change.new, new.output_schema)).accepts(value)
        assert not Contract(read).accepts(value)


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{row['theme']}: {row['name']}") for row in ROWS])
def test_nothing_changes_to_itself(row: dict[str, Any]) -> None:
    for side in ("old", "new"):
        one, same = source(row[side]), source(row[side])
        assert diff_sources(ID, one, same).changes == ()
        if one and same:
            # Written otherwise, so that the digest is another and everything is compared.
            texts = row[side]["files"] if isinstance(row[side], dict) else {PATH: row[side]}
            other = source({"files": {**texts, PATH: f"# a comment\n{texts[PATH]}"}})
            found = diff_sources(ID, one, other, readers=row.get("readers", "tolerant"))
            assert [change.rule.slug for change in found.changes] == ["text-changed"]


@pytest.mark.parametrize("path", sorted(PROMPTS.rglob("*.prompt.yml")), ids=lambda path: path.name)
def test_nothing_changes_in_our_own_prompts(path: Path) -> None:
    held = {
        f"prompts/{file.relative_to(PROMPTS).as_posix()}": file.read_bytes()
        for file in PROMPTS.rglob("*")
        if file.is_file()
    }
    name = f"prompts/{path.relative_to(PROMPTS).as_posix()}"
    before, after = Catalog(files(held)), Catalog(files({**held, name: b"# a comment\n" + held[name]}))
    id = name.removeprefix("prompts/").removesuffix(".prompt.yml")
    assert diff_sources(id, before.get(id), Catalog(files(held)).get(id)).changes == ()
    found = diff_sources(id, before.get(id), after.get(id))
    assert [change.rule.slug for change in found.changes] == ["text-changed"]


def test_every_rule_has_a_case() -> None:
    met = {change["rule"] for row in ROWS for change in row["changes"]}
    # Of one prompt nobody can say that it moved: test_moves.py
    assert met | {"OD607"} == {rule.id for rule in RULES.values()}


def everything() -> str:
    """The whole report of every case as one text."""
    reports = [diff_report([diff(row)], base=None, head="memory") for row in ROWS]
    return json.dumps(
        [[report.data, [finding.message for finding in report.findings]] for report in reports], sort_keys=False
    )


def test_the_order_of_hashes_does_not_show() -> None:
    program = "import sys; sys.path[:0] = sys.argv[1:]; from diff.test_cases import everything; print(everything())"
    tests = str(Path(__file__).parents[1])
    found = {
        subprocess.run(
            [sys.executable, "-c", program, tests],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
    assert len(found.pop()) > 10_000
