"""YAML in plain block style -> the same data and places as from libyaml, line by line; None for everything else.

Nearly every prompt file is mappings, lists, one-line scalars and literal blocks, and the same lines stand in file after
file: what a line says is worked out once. What is not plainly one of them is None: a tab, a folded text, an escape, an
anchor, a key that stands twice, whatever is wrong. libyaml stays the authority for these, and the tests hold the two
against each other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from onbook.formats.scalars import WORDS, plain

MAX_REMEMBERED = 8192
"""Lines; and of each at most so many characters:"""
_MAX_CHARACTERS = 160
_MAX_DEPTH = 24
_MAX_INDENT = 64
"""Of a literal block: for each there is a pattern."""

# Line ends that are not Python's, and a mark that libyaml does not take for text.
_ODD = "\x85\u2028\u2029\ufeff"

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
_SCALAR = 0  # what the second and the third of these are told as
_NOTHING = re.compile(r"(?: *+#.*+)?")
_ITEM = re.compile(_WORD)
_MEMBER = re.compile(rf"({_KEY}): ++({_WORD})")
_INDENT = re.compile(r"\n*+( ++)(?=[^\n])")

_Entry = tuple[int, int, str | None, int, Any, list[int]]
"""What one line says:

- the level: twice the column of the key or the dash, and one more for a dash, whose list may stand in its key's column;
- where a dash is followed by a key the level of that key, else 0;
- the key; None of an item that is a scalar;
- the kind of the value: one of ``_NONE`` begins on the next line;
- the value: of a list or a mapping one that is to be copied; of a block its header;
- where in the line what is told of it starts, as ``read`` tells them.
"""


class _Entries(dict[str, _Entry | None]):
    """What lines say, None of an empty one and of a comment; worked out for one that is first asked for."""

    def __missing__(self, line: str) -> _Entry | None:
        # Most lines that were not seen before are a key that was, and a few words.
        start, _, words = line.partition(": ")
        known = self.get(f"{start}:") if words[:1].isalpha() else None
        words = words.rstrip(" ")
        found: _Entry | None
        if known is None or ":" in words or "#" in words or words in WORDS:
            found = None if _NOTHING.fullmatch(line) else _said(line)
        else:
            level, inside, key, _, _, starts = known
            found = level, inside, key, _SCALAR, words, [*starts, len(start) + 2]
        self.remember(line, found)
        return found

    def remember(self, line: str, entry: _Entry | None) -> None:
        if len(line) <= _MAX_CHARACTERS:
            if len(self) >= MAX_REMEMBERED:
                self.clear()
            self[line] = entry


_remembered = _Entries()


def read(
    text: str, starts: list[int] | None = None, literals: list[tuple[str, int]] | None = None
) -> dict[str, Any] | None:
    """The document as ``compose`` tells it; None: only libyaml can tell.

    Args:
        text: without control characters.
        starts: where each key and value starts is added to it, in the order of the text.
        literals: each literal block is added to it, with the place where its first line begins.
    """
    if not text.endswith("\n") or "\t" in text or "\r" in text:
        return None
    if not text.isascii() and any(map(text.__contains__, _ODD)):
        return None
    told: list[tuple[int, list[str]]] = []
    try:
        data = _read(text, told, [] if literals is None else literals)
    except (_UnclearError, ValueError):  # the second of a number that JSON does not have
        return None
    if starts is not None:
        starts += _starts(told)
    return data


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
    text: str, told: list[tuple[int, list[str]]], literals: list[tuple[str, int]]
) -> dict[str, Any]:
    """The document.

    Args:
        told: the lines that are no text of a literal block are added to it, with the place where the first begins.
    """
    root: dict[str, Any] = {}
    # The innermost collection, its level, and those around it.
    here: Any = root
    level = -2
    around: list[tuple[Any, int]] = []
    waiting: str | None = ""  # a key whose value begins on the next line; at first, the document's own
    end = 4 if text.startswith("---\n") else 0
    while end < len(text):
        # All lines up to the next that may open a literal block: the lines of such a block are looked at as one.
        bar = text.find("|", end)
        last = text.index("\n", bar) if bar >= 0 else -1
        lines = text[end:last].split("\n")
        told.append((end, lines))
        end = last + 1 or len(text)
        for entry in map(_remembered.__getitem__, lines):
            if entry is None:
                continue
            at, inside, key, kind, value, _ = entry
            if waiting is not None:
                if at <= level:
                    raise _UnclearError
                around.append((here, level))
                if len(around) > _MAX_DEPTH:
                    raise _UnclearError
                inner: Any = [] if at & 1 else {}
                here[waiting] = inner
                here, level, waiting = inner, at, None
            elif at != level:
                while at < level:
                    here, level = around.pop()
                if at != level:
                    raise _UnclearError
            if inside:
                inner = {}
                here.append(inner)
                around.append((here, level))
                here, level = inner, inside
            elif key is not None and key in here:
                raise _UnclearError
            if kind:
                if kind == _NONE:
                    waiting = key
                    continue
                if kind == _BLOCK:  # it is the last of these lines
                    start = end
                    value, end = _block(text, start, level >> 1, value)
                    literals.append((value, start))
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


def _starts(told: list[tuple[int, list[str]]]) -> Iterator[int]:
    """Where each key and value starts."""
    opens = True  # the first line opens the document, one after a key alone what stands below that key
    for at, lines in told:
        for line in lines:
            entry = _remembered[line]
            if entry is not None:
                level, _, _, kind, _, within = entry
                if opens:
                    yield at + (level >> 1)
                yield from [at + each for each in within]
                opens = kind == _NONE
            at += len(line) + 1  # noqa: PLW2901 from the first line to the next


def _block(text: str, start: int, column: int, header: str) -> tuple[str, int]:
    """The text of a literal block, and where the line after it begins.

    Args:
        start: where its first line begins.
        column: of the key or the dash that it stands below.
    """
    digit = header[1:2]
    if digit.isdigit():
        indent = column + int(digit)
    else:
        # The first line that is not empty says how far all are indented.
        found = _INDENT.match(text, start)
        indent = len(found[1]) if found else 0
        if indent <= column:
            raise _UnclearError
    if indent > _MAX_INDENT:
        raise _UnclearError
    beyond = _beyond(indent).search(text, start - 1)
    assert beyond  # at the text's end at the latest
    end = beyond.end()
    # The line feed before the first line is taken along, and that of the last line left.
    value = text[start - 1 : end - 1].replace("\n" + " " * indent, "\n")[1:]
    if not header.endswith("+"):
        value = value.rstrip("\n")
    ended = header.endswith("-") or (not value and not (header.endswith("+") and end > start))
    return value if ended else f"{value}\n", end


@lru_cache(maxsize=_MAX_INDENT)
def _beyond(indent: int) -> re.Pattern[str]:
    """The line feed before the first line that is neither empty nor indented so far."""
    return re.compile(rf"\n(?!{' ' * indent})(?!\n)")


def _said(line: str) -> _Entry:
    found = _ENTRY.fullmatch(line)
    if found is None:
        raise _UnclearError
    kind = found.lastindex or 0
    indent, dash, key = len(found[1]), len(found[2] or ""), found[3]
    if kind < _NONE or (key is None and not dash) or key in WORDS:
        raise _UnclearError
    level = 2 * indent + 1 if dash else 2 * indent
    inside = 2 * (indent + dash) if dash and key is not None else 0
    starts = [] if key is None else [indent + dash] * (2 if dash else 1)
    if kind == _NONE:
        return level, inside, key, kind, None, starts
    if key is not None:
        _remembered.remember(line[: found.end(3) + 1], (level, inside, key, _NONE, None, starts))
    value, at = found[kind], found.start(kind)
    starts = [*starts, at]
    if kind in (_PLAIN, _QUOTED):
        value, kind = _scalar(value.rstrip(" ")), _SCALAR
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
    return level, inside, key, kind, value, starts


def _scalar(written: str) -> str | int | float | bool | None:
    if written[0] == "'":
        return written[1:-1].replace("''", "'")
    if written[0] == '"':
        text: str = json.loads(written) if "\\" in written else written[1:-1]
        return text
    return plain(written)
