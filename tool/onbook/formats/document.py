"""Document: a YAML file as plain data, which can tell where each of its values stands."""

from __future__ import annotations

import marshal
import re
from array import array
from bisect import bisect_right
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, NamedTuple

from onbook.formats import blocks
from onbook.formats.bounds import MAX_FILE_BYTES
from onbook.formats.places import Place, Places, Pointer
from onbook.formats.shape import DOUBTFUL, shape_of
from onbook.formats.spans import Lined, Spans, spans
from onbook.lines import line_starts
from onbook.patterns import later
from onbook.records import record
from onbook.report import Problem

_MAX_CONTROL = 10

# What YAML lets stand in a file (YAML 1.2, section 5.1), turned round.
_CONTROL = later("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Mark(NamedTuple):
    """A place in a file as an editor shows it: 1-based, in characters. Only ``\\n`` and ``\\r\\n`` end a line."""

    line: int
    column: int


class Lines:
    """Characters of a text -> marks."""

    __slots__ = ("_starts", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts: Sequence[int] = ()

    def mark(self, index: int) -> Mark:
        if not self._starts:
            self._starts = line_starts(self._text)
        line = bisect_right(self._starts, index)
        return Mark(line, index - self._starts[line - 1] + 1)


@dataclass(slots=True)
class _Index:
    """What a document works out when it is first asked for a place: most files never are."""

    lines: Lines
    # The starts and the data as it was read, for whoever has a document may change its data; None: to be read again.
    read: tuple[array[int], bytes] | None
    # By the key of the document that a part of it stands below; None: of all of it.
    places: dict[str | int | None, Places] = field(default_factory=dict)
    literals: Sequence[tuple[str, int]] = ()  # with the places where their first lines begin
    # Of a string value its runs, and where its lines start.
    within: dict[Pointer, tuple[Spans | Lined, Sequence[int]]] = field(default_factory=dict)


@record
class Document:
    """One YAML file.

    Attributes:
        data: dicts with string keys, lists, str, int, finite float, bool, None.
        text: the file's text without a byte order mark.
        shape: of the text, see :mod:`onbook.formats.shape`.
    """

    path: str
    data: object
    text: str = field(repr=False)
    shape: bytes = field(repr=False, compare=False)
    _index: _Index = field(repr=False, compare=False)

    @property
    def literals(self) -> Iterator[tuple[str, int]]:
        """In plain block style, the literal blocks in their order, with the numbers of their first lines, from 0."""
        line = counted = 0
        for literal, start in self._index.literals:
            line += self.text.count("\n", counted, start)
            counted = start
            yield literal, line

    def mark(self, index: int) -> Mark:
        """Where a character of the file's text stands."""
        return self._index.lines.mark(index)

    def place(self, pointer: Pointer, *, key: bool = False) -> Mark:
        """Where a value stands, or its key. Of a pointer that leads nowhere: its nearest ancestor."""
        _, place = self._place(pointer)
        return self._index.lines.mark(place.key if key else place.start)

    def locate(self, pointer: Pointer, offset: int) -> Mark:
        """Where character ``offset`` of a string value stands; see :class:`Within`."""
        return self.within(pointer).mark(offset)

    def within(self, pointer: Pointer) -> Within:
        """Where the characters of a string value stand."""
        known = self._index.within.get(pointer)
        if known is None:
            value, runs = self._runs(pointer)
            known = self._index.within[pointer] = runs, line_starts(value)
        return Within(self, pointer, *known)

    def _runs(self, pointer: Pointer) -> tuple[str, Spans | Lined]:
        """A string value, and its runs in the source."""
        value = _at(self.data, pointer)
        if isinstance(value, str):
            starts = [start for literal, start in self._index.literals if literal == value]
            if len(starts) == 1:
                # Nothing has to be read again.
                return value, Lined.of(self.text, value, self.text.count("\n", 0, starts[0]))
        _, place = self._place(pointer)
        value = place.value if isinstance(place.value, str) else ""
        return value, spans(self.text, place.start, place.value)

    def _place(self, pointer: Pointer) -> tuple[Pointer, Place]:
        known = self._index.places
        key = pointer[0] if pointer else None
        places = known.get(None) or known.get(key)
        if places is None:
            places = known[key] = self._below(key) or self._whole()
        return places.nearest(pointer)

    def _below(self, key: str | int | None) -> Places | None:
        """The places of a part of the document, where that part can be read by itself; nobody asks for all of them."""
        part = blocks.part(self.text, key) if isinstance(key, str) and self._index.read is None else None
        if part is None:
            return None
        lines, offset = part
        starts: list[int] = []
        data = blocks.read(lines, starts)
        return Places(data, [offset + start for start in starts]) if data else None

    def _whole(self) -> Places:
        if self._index.read is not None:
            starts, data = self._index.read
            found = Places(marshal.loads(data), starts)  # noqa: S302 our own
        else:
            again: list[int] = []
            found = Places(blocks.read(self.text, again), again)
        self._index.places[None] = found
        return found


class Within:
    """Where the characters of one string value stand: whoever tells of one place in a text tells of others.

    Exact in literal blocks, and in plain and quoted scalars up to where YAML folds a line (escapes counted).
    Everywhere else: where the value starts.
    """

    __slots__ = ("_document", "_pointer", "_runs", "_starts")

    def __init__(self, document: Document, pointer: Pointer, runs: Spans | Lined, starts: Sequence[int]) -> None:
        self._document = document
        self._pointer = pointer
        self._runs = runs
        self._starts = starts

    def mark(self, offset: int) -> Mark:
        """Where a character stands in the file."""
        index = self._runs.index(offset)
        return self._document.place(self._pointer) if index is None else self._document.mark(index)

    def at(self, line: int, column: int) -> Mark:
        """Where the character at a line and a column of the value, which count from 1, stands in the file."""
        starts = self._starts
        return self.mark(starts[min(line, len(starts)) - 1] + column - 1)


def _at(data: object, pointer: Pointer) -> object:
    """A value of the data; None where there is none."""
    for step in pointer:
        try:
            data = data[step]  # type: ignore[index]
        except (LookupError, TypeError):
            return None
    return data


def read_yaml(raw: bytes, path: str) -> tuple[Document | None, list[Problem]]:
    """Reads one YAML document: YAML 1.2 core schema, JSON's data, no aliases, no tags of one's own.

    Args:
        raw: the file's bytes: UTF-8, with or without a byte order mark.

    Returns:
        The document, and the problems in the order of the text: ``file-size``, ``not-utf8``,
        ``control-character``, ``empty-file``, ``yaml-syntax``, ``yaml-depth``, ``yaml-documents``,
        ``yaml-alias``, ``yaml-tag``, ``yaml-key``, ``yaml-number``, ``duplicate-key``.
        The document is None where reading had to stop. Otherwise it has what could be read: the first of
        duplicate keys, the first of several documents, None for an alias or a refused number.
    """
    text, problems, shape = read_text(raw, path)
    if text is None or problems:
        return None, problems
    lines = Lines(text)
    literals: list[tuple[str, int]] = []
    data: Any = blocks.read(text, literals=literals)
    if data is not None:
        # To read plain block style again is quick, and most files are never asked for a place.
        return Document(path, data, text, shape, _Index(lines, None, literals=literals)), problems
    from onbook.formats.compose import compose  # with PyYAML, which most runs never need

    composed = compose(text)
    for flaw in sorted(composed.flaws, key=lambda flaw: flaw.at):
        line, column = lines.mark(flaw.at)
        message = flaw.message if flaw.first is None else f"{flaw.message} line {lines.mark(flaw.first).line}"
        problems.append(Problem(flaw.code, message, path, line, column, flaw.hint))
    if not composed.sound:
        return None, problems
    data = composed.data
    index = _Index(lines, (array("L", composed.starts), marshal.dumps(data)))
    return Document(path, data, text, shape, index), problems


def read_text(raw: bytes, path: str, *, limit: int | None = MAX_FILE_BYTES) -> tuple[str | None, list[Problem], bytes]:
    """The text of a file without its byte order mark, what keeps it from being one, and its shape.

    Problems: ``file-size`` (more than ``limit`` bytes), ``not-utf8``, ``control-character``.
    """
    if limit is not None and len(raw) > limit:
        message = f"the file has {len(raw):,} bytes; at most {limit:,} are read"
        return None, [Problem("file-size", message, path, hint="split it, or move the data to a .jsonl file")], b""
    try:
        text = raw.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        return None, [not_utf8(raw, path, error.start)], b""
    shape = shape_of(raw.removeprefix(BOM_UTF8))
    if DOUBTFUL not in shape:
        return text, [], shape
    lines = Lines(text)
    found = islice(_CONTROL.finditer(text), _MAX_CONTROL)
    return text, [_control(each, path, *lines.mark(each.start())) for each in found], shape


def line_problems(lines: Iterable[tuple[int, bytes]], path: str) -> list[Problem]:
    """What :func:`read_text` finds wrong with a file, of which a line at a time is held.

    Args:
        lines: each with the place where it begins, without its line feed.
    """
    problems: list[Problem] = []
    for number, (_, line) in enumerate(lines, 1):
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            return [replace(not_utf8(line, path, error.start), line=number)]
        if DOUBTFUL in shape_of(line) and len(problems) < _MAX_CONTROL:
            text = text.removeprefix("\ufeff") if number == 1 else text
            found = islice(_CONTROL.finditer(text), _MAX_CONTROL - len(problems))
            problems += (_control(each, path, number, each.start() + 1) for each in found)
    return problems


def _control(found: re.Match[str], path: str, line: int, column: int) -> Problem:
    message = f"the control character U+{ord(found.group()):04X}"
    hint = r'delete it, or write it as an escape in a quoted string: "\uXXXX"'
    return Problem("control-character", message, path, line, column, hint)


def not_utf8(raw: bytes, path: str, index: int) -> Problem:
    """What is told of the first byte, at this index, that no UTF-8 has."""
    start = raw.rfind(b"\n", 0, index) + 1
    before = raw[start:index].decode().removeprefix("\ufeff")
    message = f"the byte 0x{raw[index]:02X} is no UTF-8"
    hint = "save the file as UTF-8" + (" (this looks like UTF-16)" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "")
    return Problem("not-utf8", message, path, raw.count(b"\n", 0, index) + 1, len(before) + 1, hint)
