"""Rows from JSON lines, CSV and YAML."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from onbook.formats import Row, bounds, read_rows, rows, write_json_line

CASES = YAML(typ="safe", pure=True).load(Path(__file__).parents[1] / "cases" / "formats" / "rows.yml")


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"].replace(" ", "-")) for case in CASES])
def test_rows_and_problems(case: dict[str, Any]) -> None:
    found, problems = read_rows(case["source"].encode(), case["path"])
    assert [f"{p.code} {p.line}:{p.column}" for p in problems] == case.get("problems", [])
    assert json.dumps([[row.line, row.data] for row in found]) == json.dumps(case["rows"])
    assert all(p.hint and p.path == case["path"] for p in problems)


def test_not_utf8_is_told_at_its_line_and_hides_no_other() -> None:
    found, problems = read_rows(b'{"a": 1}\n{"a": "\xc3\xa9\xff"}\n{"a": 2}\n', "a.jsonl")
    assert [(row.line, row.data) for row in found] == [(1, {"a": 1}), (3, {"a": 2})]
    assert [(p.code, p.line, p.column) for p in problems] == [("not-utf8", 2, 9)]
    for path in ("a.csv", "a.yml"):
        assert [(p.code, p.line) for p in read_rows(b"id\n\xff\n", path)[1]] == [("not-utf8", 2)]


def test_a_line_has_a_size_limit_and_a_file_has_none() -> None:
    line = b'{"a": "' + b"x" * (rows.MAX_LINE_BYTES - 9) + b'"}'
    assert len(line) == rows.MAX_LINE_BYTES
    found, problems = read_rows(line + b"\n" + line + b"\n" + line.replace(b"a", b"aa", 1) + b"\n{}\n", "a.jsonl")
    assert [row.line for row in found] == [1, 2, 4]
    assert [(p.code, p.line) for p in problems] == [("file-size", 3)]


@pytest.mark.parametrize("depth", [64, 65, 900, 200_000])
def test_depth(depth: int) -> None:
    raw = b'{"a": ' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}\n{}\n"
    found, problems = read_rows(raw, "a.jsonl")
    assert [row.line for row in found] == ([1, 2] if depth == 64 else [2])
    assert [(p.code, p.line) for p in problems] == ([] if depth == 64 else [("row-syntax", 1)])
    wide = json.dumps({"a": [[], {}] * 100}).encode()
    assert read_rows(wide, "a.jsonl")[1] == []


def test_a_file_of_problems_tells_a_hundred() -> None:
    for path, raw in (("a.jsonl", b"x\n" * 5000), ("a.csv", b"a,b\n" + b"x\n" * 5000), ("a.yml", b"- x\n" * 5000)):
        assert len(read_rows(raw, path)[1]) == bounds.MAX_FLAWS


def test_a_cell_has_a_size_limit() -> None:
    found, problems = read_rows(b"id,q\na," + b"x" * 200_000 + b"\nb,y\n", "a.csv")
    assert [row.line for row in found] == [3]
    assert [(p.code, p.line) for p in problems] == [("row-syntax", 2)]


DATA = [
    {"b": 1, "a": [1.5, None, True, "é😀"]},
    {"text": 'one\ntwo\r\n\t"quoted" \\ \x00\x7f\x85\u2028\u2029 end'},
    {"": {"nested": {}}, "n": 10**99, "small": -1e-300},
]


def test_what_is_written_is_read_back() -> None:
    text = "".join(write_json_line(data) + "\n" for data in DATA)
    found, problems = read_rows(text.encode(), "a.jsonl")
    assert problems == []
    assert found == [Row(number, data) for number, data in enumerate(DATA, 1)]


def test_a_line_is_compact_and_one_line_for_every_editor() -> None:
    assert write_json_line(DATA[0]) == '{"b":1,"a":[1.5,null,true,"é😀"]}'
    assert len(write_json_line(DATA[1]).splitlines()) == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_no_reader_takes_back_is_not_written(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # UnicodeEncodeError is one
        write_json_line({"a": value})
