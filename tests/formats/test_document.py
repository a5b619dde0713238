"""YAML 1.2 with positions: the tables in cases/formats, and what a table cannot hold."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from onbook.formats import MAX_FILE_BYTES, Document, bounds, compose, read_yaml, spans
from onbook.formats.document import _CONTROL, read_text

CASES = Path(__file__).parents[1] / "cases" / "formats"


def table(name: str) -> list[Any]:
    """Rows of a table, read by another YAML 1.2 reader than the one under test."""
    rows: list[Any] = YAML(typ="safe", pure=True).load((CASES / name).read_text(encoding="utf-8"))
    return [pytest.param(row, id=row["name"].replace(" ", "-")) for row in rows]


def sound(source: str) -> Document:
    document, _ = read_yaml(source.encode(), "a.yml")
    assert document is not None
    return document


@pytest.mark.parametrize("case", table("yaml.yml"))
def test_data_and_problems(case: dict[str, Any]) -> None:
    document, problems = read_yaml(case["source"].encode(), "p.yml")
    assert [f"{p.code} {p.line}:{p.column}" for p in problems] == case.get("problems", [])
    assert (document is not None) == ("data" in case)
    if document is not None:
        # As JSON: 1, 1.0 and true are three things, and everything must have a place in it.
        assert json.dumps(document.data, allow_nan=False) == json.dumps(case["data"])
    assert case.get("hint", "") in (problems[0].hint or "" if problems else "")
    assert case.get("message", "") in (problems[0].message if problems else "")


def mark(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(":"))


@pytest.mark.parametrize("case", table("places.yml"))
def test_places(case: dict[str, Any]) -> None:
    document = sound(case["source"])
    for pointer, place in case.get("values", []):
        assert document.place(tuple(pointer)) == mark(place), pointer
    for pointer, place in case.get("keys", []):
        assert document.place(tuple(pointer), key=True) == mark(place), pointer
    for pointer, part, place in case.get("characters", []):
        value: Any = document.data
        for step in pointer:
            value = value[step]
        assert document.locate(tuple(pointer), value.index(part)) == mark(place), (pointer, part)


def test_every_character_of_a_literal_block_is_where_the_source_has_it() -> None:
    source = "x:\n  - a: |+\n\n      één\n\n        two  \n      😀 three\n\n\n  - b\n"
    document = sound(source)
    value = "\néén\n\n  two  \n😀 three\n\n\n"
    assert document.data == {"x": [{"a": value}, "b"]}
    lines = source.split("\n")
    for offset, character in enumerate(value):
        line, column = document.locate(("x", 0, "a"), offset)
        text = lines[line - 1] + "\n"
        assert text[column - 1] == character, offset


def test_places_in_plain_literal_blocks_are_those_that_a_match_for_each_line_finds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dice = random.Random(8)
    found = 0
    for _ in range(3_000):
        indent = " " * dice.choice((2, 2, 7))
        lines = dice.choices(["a", "b c", "  d", "", " ", "\u00e9", "a", "x\u2028y", "\r"], k=dice.randint(1, 6))
        block = "".join(
            f"{dice.choice((indent, indent, '')) if not line.strip() else indent}{line}\n" for line in lines
        )
        source = f"a: {dice.choice(('|', '|-', '|+', '| # note', '|2'))}\n{block}" + dice.choice(("", "b: a\n", "\n\n"))
        document, _ = read_yaml(source.encode(), "p.yml")
        if document is None or not isinstance(document.data, dict) or not document.data["a"]:
            continue
        text, value = document.text, document.data["a"]
        fast = spans.spans(text, 3, value)
        monkeypatch.setattr(spans, "_ODD_BREAKS", text[0])
        slow = spans.spans(text, 3, value)
        monkeypatch.undo()
        if isinstance(fast, spans.Lined):
            found += 1
            assert [fast.index(at) for at in range(-1, len(value) + 2)] == [
                slow.index(at) for at in range(-1, len(value) + 2)
            ], source
    assert found > 500


def test_offsets_outside_a_value_have_a_place() -> None:
    document = sound("a: |\n  one\nb: two\nc: 3\n")
    assert document.locate(("a",), 4) == (2, 6)  # behind the last character: the end of its line
    assert document.locate(("b",), 3) == (3, 7)
    for pointer, offset in ((("a",), 5), (("a",), -1)):
        assert document.locate(pointer, offset) == (1, 4)
    assert document.locate(("c",), 1) == (4, 4)
    assert document.locate((), 0) == (1, 1)
    assert document.locate(("b", "x"), 1) == (3, 5)


def test_changing_the_data_does_not_move_places() -> None:
    document = sound("a: 1\nb: two\n")
    assert isinstance(document.data, dict)
    document.data.clear()
    assert document.place(("b",)) == (2, 4)
    assert document.locate(("b",), 1) == (2, 5)


def test_duplicates_say_where_the_first_is() -> None:
    _, problems = read_yaml(b"name: a\nmodel: b\nname: c\n", "p.yml")
    assert [(p.place, p.message) for p in problems] == [("p.yml:3:1", "the key 'name' is already at line 1")]


def test_long_names_are_cut_in_messages() -> None:
    key = "k" * 500
    _, problems = read_yaml(f"? {key}\n? {key}\na: *{key}\n".encode(), "p.yml")
    assert [p.code for p in problems] == ["duplicate-key", "yaml-alias"]
    assert all(len(p.message) < 120 for p in problems)


def test_a_file_of_problems_tells_a_hundred() -> None:
    document, problems = read_yaml(b"a:\n" * 5000, "p.yml")
    assert document is not None
    assert len(problems) == bounds.MAX_FLAWS


def test_size() -> None:
    assert read_yaml(b"a: " + b"x" * (MAX_FILE_BYTES - 3), "p.yml")[1] == []
    document, problems = read_yaml(b"a: " + b"x" * (MAX_FILE_BYTES - 2), "p.yml")
    assert document is None
    assert [(p.code, p.line) for p in problems] == [("file-size", None)]
    assert "1,048,577" in problems[0].message


@pytest.mark.parametrize(
    ("raw", "place", "hint"),
    [
        (b"a: 1\nb: \xff\n", (2, 4), "UTF-8"),
        (b"\xef\xbb\xbfa: \xc3\xa9\xe9", (1, 5), "UTF-8"),
        (b"a: \xed\xa0\x80", (1, 4), "UTF-8"),  # a surrogate
        (b"a: \xc0\x80", (1, 4), "UTF-8"),  # an overlong NUL
        (b"a: \xf5", (1, 4), "UTF-8"),
        ("a: 1".encode("utf-16"), (1, 1), "UTF-16"),
    ],
)
def test_not_utf8(raw: bytes, place: tuple[int, int], hint: str) -> None:
    document, problems = read_yaml(raw, "p.yml")
    assert document is None
    assert [(p.code, p.line, p.column) for p in problems] == [("not-utf8", *place)]
    assert hint in (problems[0].hint or "")


def test_control_characters_are_each_told() -> None:
    document, problems = read_yaml("a: \0x\nb: é\x07\nc: \x7f\ufffe\n".encode(), "p.yml")
    assert document is None
    assert [f"{p.code} {p.line}:{p.column}" for p in problems] == [
        "control-character 1:4", "control-character 2:5", "control-character 3:4", "control-character 3:5",
    ]  # fmt: skip
    assert len(read_yaml(b"\x01" * 5000, "p.yml")[1]) == 10


def nested(depth: int, opening: str, closing: str = "") -> bytes:
    return (opening * depth + "x" + closing * depth).encode()


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("{a: ", "}"), ("- ", ""), ("[\n", "]")])
def test_depth(opening: str, closing: str) -> None:
    document, problems = read_yaml(nested(64, opening, closing), "p.yml")
    assert problems == []
    assert document is not None
    document.place(("a",) * 64)
    document, problems = read_yaml(nested(65, opening, closing), "p.yml")
    assert document is None
    assert [p.code for p in problems] == ["yaml-depth"]


def test_the_slower_reader_of_pyyaml_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    # It stands in where PyYAML was built without libyaml. Its words for broken YAML differ a little.
    monkeypatch.setattr(compose, "_Loader", compose._SlowLoader)
    for parameters in table("yaml.yml"):
        case = parameters.values[0]
        document, problems = read_yaml(case["source"].encode(), "p.yml")
        assert (document is not None) == ("data" in case), case["name"]
        assert [p.code for p in problems] == [told.split()[0] for told in case.get("problems", [])], case["name"]
        if document is not None:
            assert json.dumps(document.data) == json.dumps(case["data"]), case["name"]


def test_no_control_character_is_passed_over() -> None:
    known = 0
    for number in (*range(0x3000), *range(0xF000, 0x10100)):
        if not 0xD800 <= number < 0xE000:
            raw = f"text {chr(number)}".encode()
            found = _CONTROL.search(raw.decode().removeprefix("\ufeff")) is not None
            assert bool(read_text(raw, "a.txt")[1]) == found, hex(number)
            known += found
    assert known > 60
