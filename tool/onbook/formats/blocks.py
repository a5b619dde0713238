"""YAML in plain block style -> the same data and places as from libyaml, in one pass; None for everything else.

Nearly every prompt file is mappings, lists, one-line scalars and literal blocks, and each entry of these can be matched
at once. What is not plainly one of them is None: a tab, a folded text, an escape, an anchor, a key that stands twice,
whatever is wrong. libyaml stays the authority for these, and the tests hold the two against each other.
"""

from __future__ import annotations

import re
from typing import Any

from onbook.formats.scalars import NUMBER_STARTS, WORDS, plain

_MAX_DEPTH = 24

# Line ends that are not Python's, and a mark that libyaml does not take for text.
_ODD = re.compile("[\x85\u2028\u2029\ufeff]")

# Empty lines, and comments on lines of their own.
_SKIPPED = r"(?:\n| *+#[^\n]*\n)*+"
_KEY = r"[A-Za-z_$][A-Za-z0-9_$.-]{0,100}+"
_WORD = r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,100}+"
_PAIR = rf"{_KEY}: ++{_WORD}"
_ENTRY = re.compile(
    rf"(?!\Z)( *+)(- ++)?(?:({_KEY}):(?: ++|(?=\n)))?(?:"
    # A plain scalar has no ": " and no " #" in it, and begins with no indicator.
    r"([^\s\-?:,\[\]{}#&*!|>'\"%@`][^\n:#]*+(?:(?::(?![ \n])|(?<! )#)[^\n:#]*+)*+)"
    r"|(\"[^\"\\\n]*+\"|'[^'\n]*+')"
    rf"|(\[(?:{_WORD}(?:, *+{_WORD})*+)?\])|(\{{(?:{_PAIR}(?:, *+{_PAIR})*+)?\}})"
    # The first line of a block says how far all of them are indented.
    r"|(\|-?)\n((?P<within> ++)[^\n]++\n(?:(?:(?P=within)[^\n]*+)?\n)*+)"
    rf")?(?:(?<=\n)| *+\n){_SKIPPED}"
)
_PLAIN, _QUOTED, _LIST, _MAP, _HEADER, _BLOCK = 4, 5, 6, 7, 8, 9
_START = re.compile(_SKIPPED)
_ITEM = re.compile(_WORD)
_MEMBER = re.compile(rf"({_KEY}): ++({_WORD})")


def read(text: str) -> tuple[dict[str, Any], list[int]] | None:
    """The document, and where each key and value of it starts, as ``compose`` tells them; None: only libyaml can tell.

    Args:
        text: without control characters.
    """
    if not text.endswith("\n") or "\t" in text or "\r" in text or (not text.isascii() and _ODD.search(text)):
        return None
    try:
        return _read(text)
    except (_UnclearError, ValueError):  # the second of a number that JSON does not have
        return None


class _UnclearError(Exception):
    """Only libyaml can tell."""


def _read(text: str) -> tuple[dict[str, Any], list[int]]:  # noqa: PLR0912, PLR0915 a call an entry costs too much
    starts: list[int] = []
    found = _START.match(text)
    end = found.end() if found else 0
    # The innermost collection, the column of its keys or dashes, and those around it.
    here: Any = None
    column = -1
    around: list[tuple[Any, int]] = []
    last: re.Match[str] | None = None
    waiting: str | None = ""  # a key whose value begins on the next line; at first, the document's own
    root: dict[str, Any] = {"": None}
    here = root
    for entry in iter(_ENTRY.scanner(text, end).match, None):  # type: ignore[attr-defined]
        last = entry
        indent, dash, key = entry.group(1, 2, 3)
        at = len(indent)
        if waiting is not None:
            if at <= column and not (dash and at == column):
                raise _UnclearError
            inner: Any = [] if dash else {}
            here[waiting] = inner
            waiting = None
            starts.append(entry.end(1))
            around.append((here, column))
            here, column = inner, at
            if len(around) > _MAX_DEPTH:
                raise _UnclearError
        elif at != column or (dash is None) is not (type(here) is dict):
            while at < column:
                here, column = around.pop()
            if dash is None and type(here) is list:
                here, column = around.pop()  # its dashes stood below the key that it belongs to
            if at != column or (dash is None) is not (type(here) is dict):
                raise _UnclearError
        kind = entry.lastindex
        if key is None:
            if dash is None:
                raise _UnclearError
        else:
            if dash is not None:
                inner = {}
                here.append(inner)
                starts.append(entry.end(2))
                around.append((here, column))
                here, column = inner, at + len(dash)
            elif key in here:
                raise _UnclearError
            if key in WORDS:
                raise _UnclearError
            starts.append(entry.start(3))
        value: Any
        if kind == _PLAIN:
            value = entry[4]
            if value[-1] == " ":
                value = value.rstrip(" ")
            if value[0] in NUMBER_STARTS or value in WORDS:
                value = plain(value)
            starts.append(entry.start(4))
        elif kind == _BLOCK:
            value = _literal(entry, column)
            starts.append(entry.start(_HEADER))
        elif kind == 3:
            waiting = key
            continue
        elif kind == _QUOTED:
            value = entry[5][1:-1]
            starts.append(entry.start(5))
        elif kind in (_LIST, _MAP):
            value = _flow(entry[kind], entry.start(kind), starts)
        else:
            raise _UnclearError
        if key is None:
            here.append(value)
        else:
            here[key] = value
    data = root[""]
    if last is None or last.end() != len(text) or waiting is not None or type(data) is not dict:
        raise _UnclearError
    return data, starts


def _literal(entry: re.Match[str], column: int) -> str:
    """The value of a literal block below a key or a dash at this column."""
    within = entry["within"]
    if len(within) <= column:
        raise _UnclearError
    value: str = entry[_BLOCK][len(within) :].replace(f"\n{within}", "\n").rstrip("\n")
    return value if entry[_HEADER] == "|-" else f"{value}\n"


def _flow(written: str, start: int, starts: list[int]) -> object:
    """The value of a list or mapping of words on one line, which starts at this character."""
    starts.append(start)
    if written[0] == "[":
        items = []
        for word in _ITEM.finditer(written):
            starts.append(start + word.start())
            items.append(plain(word[0]))
        return items
    members: dict[str, object] = {}
    for pair in _MEMBER.finditer(written):
        if pair[1] in members or pair[1] in WORDS:
            raise _UnclearError
        starts += (start + pair.start(1), start + pair.start(2))
        members[pair[1]] = plain(pair[2])
    return members
