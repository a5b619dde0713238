"""Nothing that a file can hold makes a reader raise, hang or crash the process."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from onbook.errors import OnbookError
from onbook.formats import MAX_FILE_BYTES, Document, Pointer, compose, read_rows, read_yaml, set_key
from onbook.report import Problem

CASES = Path(__file__).parents[1] / "cases" / "formats"

# Each of these is quadratic, or a crash, in some YAML reader.
BOMBS = {
    "brackets": b"[" * 20_000,
    "brackets on lines": b"[\n" * 20_000,
    "braces": b"{" * MAX_FILE_BYTES,
    "braces with keys": b"{a: " * 20_000,
    "lists": b"- " * 50_000,
    "complex keys": b"? " * 50_000,
    "tag directives": b"%TAG !a! x\n" * 90_000,
    "duplicates": b"a:\n" * 20_000,
    "aliases": b"- *a\n" * 20_000,
    "number": b"1" * MAX_FILE_BYTES,
    "float": b"0." + b"1" * (MAX_FILE_BYTES - 2),
    "long key": b"? " + b"a" * 500_000 + b"\n? " + b"a" * 500_000,
    "blank lines": b"a: |" + b"\n" * 500_000,
    "escapes": b'"' + rb"\u0041" * 150_000 + b'"',
    "control characters": b"\x01" * MAX_FILE_BYTES,
    "columns": b",".join(b"c%d" % number for number in range(50_000)),
    "open quote": b'a,b\n"' + b"x" * 100_000,
}


CHILD = """
import json, sys
from onbook.formats import read_rows, read_yaml
for name, text in json.load(sys.stdin).items():
    print(name, flush=True)
    raw = text.encode()
    document, problems = read_yaml(raw, "a.yml")
    assert document or problems
    if document:
        document.locate((), len(raw))
    for path in ("a.jsonl", "a.csv", "a.yml"):
        read_rows(raw, path)
"""


def test_bombs() -> None:
    # In a child: a crash of the interpreter must fail this test and not end the run. The limit is ten times what is
    # needed, and far below what a quadratic reader takes.
    bombs = json.dumps({name: raw.decode() for name, raw in BOMBS.items()})
    command = [sys.executable, "-c", CHILD]
    done = subprocess.run(command, input=bombs, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.splitlines(), done.stderr, done.returncode) == (list(BOMBS), "", 0)


def pointers(value: object, pointer: Pointer = ()) -> Iterator[tuple[Pointer, object]]:
    yield pointer, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from pointers(item, (*pointer, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from pointers(item, (*pointer, number))


def check_document(raw: bytes, document: Document | None, problems: list[Problem]) -> None:
    assert document is not None or problems
    lines = raw.decode(errors="replace").removeprefix("\ufeff").split("\n")
    for problem in problems:
        assert problem.line is not None
        assert problem.column is not None
        assert 1 <= problem.line <= len(lines), problem
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 2, problem
    if document is None:
        return
    json.dumps(document.data, allow_nan=False, ensure_ascii=False).encode()
    for pointer, value in pointers(document.data):
        marks = [document.place(pointer), document.place(pointer, key=True)]
        if isinstance(value, str):
            marks += [document.locate(pointer, offset) for offset in (0, len(value) // 2, len(value), len(value) + 1)]
            # What is located away from the start is exact.
            for offset, character in enumerate(value):
                line, column = document.locate(pointer, offset)
                source = (lines[line - 1] + "\n")[column - 1 :]
                exact = source.startswith((character, "\\", "''", "\r", "\x85"))
                assert exact or (line, column) == marks[0], (pointer, offset)
        for line, column in marks:
            assert 1 <= line <= len(lines)
            assert 1 <= column <= len(lines[line - 1]) + 2


def seeds() -> list[bytes]:
    tables = [YAML(typ="safe", pure=True).load(path) for path in sorted(CASES.glob("*.yml"))]
    return [case["source"].encode() for table in tables for case in table if case["source"]]


PIECES = [bytes([byte]) for byte in range(128)] + [b"\xff", b"\xc3", b"\xe2\x80"]
PIECES += ["\x85".encode(), "\u2028".encode(), "\ufeff".encode(), "😀".encode()]
PIECES += b"- |: |? |\n|\n  |\r\n|[|]|{|}|{{|&a |*a|!!int |!x |%TAG |---\n|...\n".split(b"|")
PIECES += [b"|", b"|2-", b">+", b"'", b'"', b"\\u", b"\\", b"#", b"NaN", b".inf", b"1e999", b"<<: ", b"1" * 101]


def mutations(seed: int, count: int) -> Iterator[bytes]:
    """Files of the tables, changed in one to four places."""
    chance = random.Random(seed)
    sources = seeds()
    for _ in range(count):
        raw = bytearray(chance.choice(sources))
        for _ in range(chance.randrange(1, 5)):
            at = chance.randrange(len(raw) + 1)
            match chance.randrange(3):
                case 0:
                    raw[at:at] = chance.choice(PIECES)
                case 1:
                    del raw[at : at + chance.randrange(1, 8)]
                case _:
                    raw[at : at + 1] = chance.choice(PIECES)
        yield bytes(raw)


def test_mutated_files_are_answered() -> None:
    answered = 0
    for raw in mutations(1, 3000):
        document, problems = read_yaml(raw, "a.yml")
        check_document(raw, document, problems)
        answered += document is not None
        for path in ("a.jsonl", "a.csv", "a.yml"):
            for row in read_rows(raw, path)[0]:
                json.dumps(row.data, allow_nan=False, ensure_ascii=False).encode()
    assert answered > 300  # or the mutations test the first check only


def test_mutated_files_are_answered_without_libyaml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose, "_Loader", compose._SlowLoader)
    for raw in mutations(2, 400):
        check_document(raw, *read_yaml(raw, "a.yml"))


@pytest.mark.parametrize("loader", [compose._Loader, compose._SlowLoader])
@pytest.mark.parametrize("escape", [r"\U00110000", r"\UFFFFFFFF"])
def test_an_escape_beyond_unicode(loader: type, escape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose, "_Loader", loader)
    document, problems = read_yaml(f'a: "x{escape}y"'.encode(), "a.yml")
    assert document is None
    assert [(p.code, p.message, p.line, p.column) for p in problems] == [
        ("yaml-syntax", "an escape that is no character", 1, 8)
    ]


def test_an_edit_of_a_mutated_file_is_right_or_refused() -> None:
    edited = 0
    for raw in mutations(3, 1500):
        document, problems = read_yaml(raw, "a.yml")
        if document is None or problems or not isinstance(document.data, dict):
            continue
        for key in ("version", *list(document.data)[:1]):
            try:
                result = set_key(raw, key, "1.0")
            except OnbookError:
                continue
            again, problems = read_yaml(result, "a.yml")
            assert again is not None
            assert again.data == {**document.data, key: "1.0"}
            edited += 1
    assert edited > 20
