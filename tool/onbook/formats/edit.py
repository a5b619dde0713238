"""Sets one key of a YAML file, or one entry of a table, and leaves every other line as it is."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from onbook.errors import OnbookError
from onbook.formats.document import Document, read_yaml

_BEFORE = ("name", "description")
"""A new key goes after the last of these: a file begins by saying what it is."""


def set_key(raw: bytes, key: str, value: str) -> bytes:
    """Sets a key of the mapping that a YAML file is, or adds it after ``name`` and ``description``.

    The lines of that key go through ruamel.yaml, which keeps their comments and their quotes. Only these: a round
    trip of the whole file would indent it anew. The result is read again, and must be the old data and the change.

    Raises:
        OnbookError: the file is no sound YAML mapping, or the change cannot be made safely.
    """
    return _set(raw, key, value, table=False)


def set_entry(raw: bytes, key: str, value: Mapping[str, object]) -> bytes:
    """Sets one entry of a YAML file that is a table, such as an environment's, or adds it at the end.

    What an entry keeps of its keys keeps its comments. A file without entries, of comments perhaps, gets its first.

    Raises:
        OnbookError: as :func:`set_key`.
    """
    return _set(raw, key, value, table=True)


def _set(raw: bytes, key: str, value: object, *, table: bool) -> bytes:
    if table and is_bare(raw):
        return _first(raw, key, value)
    document, problems = read_yaml(raw, "the file")
    if document is None or problems:
        raise OnbookError(f"cannot edit: {problems[0].message}", place=problems[0].place, hint=problems[0].hint)
    data = document.data
    if not isinstance(data, dict):
        raise OnbookError("cannot edit: the file is no mapping", hint='write it as "key: value" lines')
    if data.get(key) == value:
        return raw
    bom = "\ufeff" if raw.startswith(b"\xef\xbb\xbf") else ""
    return _sound((bom + _edited(document, data, key, value, table)).encode(), {**data, key: value}, key)


def is_bare(raw: bytes) -> bool:
    """Whether a file holds nothing but comments and blank lines."""
    lines = (line.strip() for line in raw.removeprefix(b"\xef\xbb\xbf").splitlines())
    return all(not line or line.startswith(b"#") for line in lines)


def _first(raw: bytes, key: str, value: object) -> bytes:
    end = b"\r\n" if b"\r\n" in raw else b"\n"
    kept = raw + end if raw and not raw.endswith(b"\n") else raw
    return _sound(kept + _round_trip("", key, value).encode().replace(b"\n", end), {key: value}, key)


def _sound(result: bytes, wanted: object, key: str) -> bytes:
    """What was written, once it was read again and is what was wanted."""
    again, problems = read_yaml(result, "the file")
    if again is None or problems or again.data != wanted:
        raise OnbookError(f"cannot set {key} safely", hint="set it by hand")
    return result


def _edited(document: Document, data: dict[str, object], key: str, value: object, table: bool) -> str:
    text = document.text
    if not _stands_in_lines(document, data):
        return _round_trip(text.replace("\r\n", "\n"), key, value)
    lines = io.StringIO(text, newline="\n").readlines()
    end = "\r\n" if lines[0].endswith("\r\n") else "\n"
    names = list(data)
    firsts = [document.place((name,), key=True).line - 1 for name in names] + [len(lines)]

    def body(name: str) -> slice:
        # Blank lines and comments at the end belong to what follows. In column 1 they are never part of a block.
        number = names.index(name)
        first, last = firsts[number], firsts[number + 1]
        while last - 1 > first and (lines[last - 1].startswith("#") or not lines[last - 1].strip()):
            last -= 1
        return slice(first, last)

    if key in data:
        where = body(key)
    elif table:
        where = slice(body(names[-1]).stop, body(names[-1]).stop)
    else:
        before = [body(name).stop for name in _BEFORE if name in data]
        where = slice(max(before), max(before)) if before else slice(firsts[0], firsts[0])
    if where.start == len(lines) and not lines[-1].endswith("\n"):
        lines[-1] += end
    entry = _round_trip("".join(lines[where]).replace("\r\n", "\n"), key, value)
    lines[where] = [entry.replace("\n", end)]
    return "".join(lines)


def _stands_in_lines(document: Document, data: dict[str, object]) -> bool:
    """Whether each key begins a line of its own: not so in ``{a: 1}``, ``--- {a: 1}`` or with ``? a``."""
    marks = [document.place((name,), key=True) for name in data]
    return (
        bool(marks)
        and marks[0] == document.place(())
        and all(mark.column == 1 for mark in marks)
        and len({mark.line for mark in marks}) == len(marks)
    )


def _round_trip(text: str, key: str, value: object) -> str:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError
    from ruamel.yaml.scalarstring import LiteralScalarString

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = len(text) + len(str(value)) + 80  # never fold a line
    try:
        entries: Any = yaml.load(text) or {}
        # ruamel gives a plain str the style of the value that it replaces.
        if isinstance(value, str) and "\n" in value:
            value = LiteralScalarString(value)
        _merge(entries, {key: value})
        out = io.StringIO()
        yaml.dump(entries, out)
    except (YAMLError, ValueError) as error:
        words = " ".join(str(error).split())[:200]
        raise OnbookError(f"cannot set {key}: {words}", hint=f"set it by hand: {key}: {value}") from error
    return out.getvalue()


def _merge(entries: Any, values: Mapping[str, Any]) -> None:
    """Put values into what ruamel read, entry by entry: what is replaced whole would lose its comments."""
    for key, value in values.items():
        known = entries.get(key)
        if isinstance(known, dict) and isinstance(value, Mapping):
            for gone in [name for name in known if name not in value]:
                del known[gone]
            _merge(known, value)
        else:
            entries[key] = value
