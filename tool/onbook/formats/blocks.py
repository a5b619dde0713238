"""YAML in plain block style -> the same data and places as from libyaml, line by line; None for everything else.

Nearly every prompt file is mappings, lists, one-line scalars and literal blocks, and the same lines stand in file after
file: what a line says is worked out once. What is not plainly one of them is None: a tab, a folded text, an escape, an
anchor, a key that stands twice, whatever is wrong. libyaml stays the authority for these, and the tests hold the two
against each other.
"""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import Any, NamedTuple

from onbook.formats.scalars import WORDS, plain
from onbook.lines import line_starts

MAX_REMEMBERED = 8192
"""Lines; and of each at most so many characters:"""
_MAX_CHARACTERS = 160
_MAX_DEPTH = 24

# Line ends that are not Python's, and a mark that libyaml does not take for text.
_ODD = re.compile("[\x85\u2028\u2029\ufeff]")

_KEY = r"[A-Za-z_$][A-Za-z0-9_$.-]{0,100}+"
# Of the escapes those that JSON reads alike.
_QUOTED_TEXT = r"(?:'(?:[^']++|'')*+'|\"(?:[^\"\\]++|\\[\"\\nt])*+\")"
_WORD = rf"(?:[A-Za-z0-9_][A-Za-z0-9_./-]{{0,100}}+|{_QUOTED_TEXT})"
_PAIR = rf"{_KEY}: ++{_WORD}"
_ENTRY = re.compile(
    rf"( *+)(- ++)?(?:({_KEY}):(?: ++|\Z))?(?:"
    # A plain scalar has no ": " and no " #" in it, and begins with no indicator.
    r"([^\s\-?:,\[\]{}#&*!|>'\"%@`][^:#]*+(?:(?::(?! |\Z)|(?<! )#)[^:#]*+)*+)"
    rf"|({_QUOTED_TEXT})"
    rf"|(\[(?:{_WORD}(?:, *+{_WORD})*+)?\])|(\{{(?:{_PAIR}(?:, *+{_PAIR})*+)?\}})"
    r"|(\|[1-9]?[-+]?)"
    r")? *+"
)
_NONE, _PLAIN, _QUOTED, _LIST, _MAP, _BLOCK = 3, 4, 5, 6, 7, 8
_NOTHING = re.compile(r"(?: *+#.*+)?")
_ITEM = re.compile(_WORD)
_MEMBER = re.compile(rf"({_KEY}): ++({_WORD})")


class _Entry(NamedTuple):
    """What one line says.

    Attributes:
        indent: the column of the key or the dash.
        dash: how wide the dash is with the spaces after it; 0 where there is none.
        kind: of the value. One of ``_NONE`` begins on the next line.
        value: of a list or a mapping one that is to be copied; of a block its header.
        starts: where in the line what is told of it starts, as ``read`` tells them.
    """

    indent: int
    dash: int
    key: str | None
    kind: int
    value: Any
    starts: list[int]


_remembered: dict[str, _Entry | None] = {}
_NEW = _Entry(0, 0, None, 0, None, [])


def read(
    text: str, starts: list[int] | None = None, literals: list[tuple[str, int]] | None = None
) -> dict[str, Any] | None:
    """The document as ``compose`` tells it; None: only libyaml can tell.

    Args:
        text: without control characters.
        starts: where each key and value starts is added to it, in the order of the text.
        literals: each literal block is added to it, with the number of its first line, from 0.
    """
    if not text.endswith("\n") or "\t" in text or "\r" in text or (not text.isascii() and _ODD.search(text)):
        return None
    try:
        return _read(text, starts, [] if literals is None else literals)
    except (_UnclearError, ValueError):  # the second of a number that JSON does not have
        return None


def part(text: str, key: str) -> tuple[str, int] | None:
    """The lines of one key of a document that ``read`` can read, and where they begin; None where it is indented."""
    start = f"\n{text}".find(f"\n{key}:")
    if start < 0:
        return None
    end = _NEXT_KEY.search(text, start)
    return text[start : end.end() if end else len(text)], start


# Nothing else begins in the first column: not even an item of a list, whose dash may stand there.
_NEXT_KEY = re.compile(r"\n(?=[^\s#-])")


class _UnclearError(Exception):
    """Only libyaml can tell."""


def _read(  # noqa: PLR0912, PLR0915 a call an entry costs too much
    text: str, starts: list[int] | None, literals: list[tuple[str, int]]
) -> dict[str, Any]:
    lines = text.split("\n")
    lines[-1] = "."  # ends every block
    offsets = [] if starts is None else line_starts(text)
    root: dict[str, Any] = {}
    # The innermost collection, the column of its keys or dashes, and those around it.
    here: Any = root
    column = -1
    around: list[tuple[Any, int]] = []
    waiting: str | None = ""  # a key whose value begins on the next line; at first, the document's own
    known = _remembered.get
    number, end = int(lines[0] == "---"), len(lines) - 1
    while number < end:
        entry = known(lines[number], _NEW)
        if entry is _NEW:
            entry = _entry(lines[number])
        number += 1
        if entry is None:
            continue
        at, dash, key, kind, value, within = entry
        if waiting is not None:
            if at <= column and not (dash and at == column):
                raise _UnclearError
            around.append((here, column))
            if len(around) > _MAX_DEPTH:
                raise _UnclearError
            inner: Any = [] if dash else {}
            here[waiting] = inner
            here, column, waiting = inner, at, None
            if starts is not None:
                starts.append(offsets[number - 1] + at)
        elif at != column or (dash == 0) is not (type(here) is dict):
            while at < column:
                here, column = around.pop()
            if not dash and type(here) is list:
                here, column = around.pop()  # its dashes stood below the key that it belongs to
            if at != column or (dash == 0) is not (type(here) is dict):
                raise _UnclearError
        if starts is not None:
            starts += [offsets[number - 1] + each for each in within]
        if key is not None:
            if dash:
                inner = {}
                here.append(inner)
                around.append((here, column))
                here, column = inner, at + dash
            elif key in here:
                raise _UnclearError
            if kind == _NONE:
                waiting = key
                continue
        if kind > _QUOTED:
            if kind == _BLOCK:
                first = number
                value, number = _block(lines, first, column, value)
                literals.append((value, first))
            else:
                value = list(value) if kind == _LIST else dict(value)
        if key is None:
            here.append(value)
        else:
            here[key] = value
    data = root.get("")
    if waiting is not None or type(data) is not dict:
        raise _UnclearError
    return data


def _block(lines: list[str], first: int, column: int, header: str) -> tuple[str, int]:
    """The text of a literal block, and the line after it.

    Args:
        first: its first line.
        column: of the key or the dash that it stands below.
    """
    digit = header[1:2]
    if digit.isdigit():
        within = " " * (column + int(digit))
    else:
        # The first line that is not empty says how far all are indented.
        line = next(filter(None, islice(lines, first, None)))
        within = line[: len(line) - len(line.lstrip(" "))]
        if len(within) <= column or within == line:
            raise _UnclearError
    number = first
    while lines[number].startswith(within) or not lines[number]:
        number += 1
    value = "\n".join(["", *lines[first:number]]).replace(f"\n{within}", "\n")[1:]
    if not header.endswith("+"):
        value = value.rstrip("\n")
    ended = header.endswith("-") or (not value and not (header.endswith("+") and number > first))
    return value if ended else f"{value}\n", number


def _entry(line: str) -> _Entry | None:
    """What a line says; None of an empty one and of a comment."""
    found = None if _NOTHING.fullmatch(line) else _said(line)
    if len(line) <= _MAX_CHARACTERS:
        if len(_remembered) >= MAX_REMEMBERED:
            _remembered.clear()
        _remembered[line] = found
    return found


def _said(line: str) -> _Entry:
    found = _ENTRY.fullmatch(line)
    if found is None:
        raise _UnclearError
    kind = found.lastindex or 0
    indent, dash, key = len(found[1]), len(found[2] or ""), found[3]
    if kind < _NONE or (key is None and not dash) or key in WORDS:
        raise _UnclearError
    starts = [] if key is None else [indent + dash] * (2 if dash else 1)
    if kind == _NONE:
        return _Entry(indent, dash, key, kind, None, starts)
    value, at = found[kind], found.start(kind)
    starts.append(at)
    if kind in (_PLAIN, _QUOTED):
        value = _scalar(value.rstrip(" "))
    elif kind == _LIST:
        items = list(_ITEM.finditer(value))
        starts += (at + item.start() for item in items)
        value = [_scalar(item[0]) for item in items]
    elif kind == _MAP:
        pairs = list(_MEMBER.finditer(value))
        starts += (at + pair.start(group) for pair in pairs for group in (1, 2))
        value = {pair[1]: _scalar(pair[2]) for pair in pairs}
        if len(value) < len(pairs) or not value.keys().isdisjoint(WORDS):
            raise _UnclearError
    return _Entry(indent, dash, key, kind, value, starts)


def _scalar(written: str) -> str | int | float | bool | None:
    if written[0] == "'":
        return written[1:-1].replace("''", "'")
    if written[0] == '"':
        text: str = json.loads(written) if "\\" in written else written[1:-1]
        return text
    return plain(written)
