"""Where in its source each character of a scalar's value stands."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from onbook.lines import line_starts
from onbook.patterns import later

_PROPERTIES = later(r"(?:[!&]\S*\s+)*")
_BREAK = later("\r\n|[\r\n\x85\u2028\u2029]")
_ODD_BREAKS = "\r\x85\u2028\u2029"
_VALUE_BREAK = later("[\n\u2028\u2029]")
_FIRST_LINE = later("[^\r\n\x85\u2028\u2029]*")
_HEADER = later(r"\|[-+0-9]*[ \t]*(?:#[^\r\n\x85\u2028\u2029]*)?")
_SINGLE = later("''|[^'\r\n\x85\u2028\u2029]+")
_DOUBLE = later(
    r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[^\r\n\x85\u2028\u2029])"
    '|[^\\\\"\r\n\x85\u2028\u2029]+'
)


@dataclass(frozen=True, slots=True)
class Spans:
    """Runs of a value that stand unchanged in the source.

    Attributes:
        offsets, sources: where each run starts in the value, and in the source. Ascending.
        limit: the last offset of the value whose place is known.
    """

    offsets: Sequence[int]
    sources: Sequence[int]
    limit: int

    def index(self, offset: int) -> int | None:
        """The place in the source of a character of the value; None if it is not known."""
        if not 0 <= offset <= self.limit:
            return None
        run = bisect_right(self.offsets, offset) - 1
        return self.sources[run] + offset - self.offsets[run]


@dataclass(frozen=True, slots=True)
class Lined:
    """The same of a literal block in a source whose lines all end at ``\\n``: nothing is worked out beforehand.

    Attributes:
        offsets, size: where each line of the value starts, and where it ends.
        sources, end: the same of the source.
        first: the number of the source's line, from 0, that the value begins on.
    """

    offsets: Sequence[int]
    size: int
    sources: Sequence[int]
    end: int
    first: int

    @staticmethod
    def of(text: str, value: str, first: int) -> Lined:
        """Of the literal block that is ``value`` and begins on this line of the source."""
        return Lined(line_starts(value), len(value), line_starts(text), len(text), first)

    def index(self, offset: int) -> int | None:
        """The place in the source of a character of the value; None if there is no such character."""
        if not 0 <= offset <= self.size:
            return None
        offsets, sources = self.offsets, self.sources
        line = bisect_right(offsets, offset) - 1
        if line and offsets[line] == self.size:
            line -= 1  # behind the last line break, which is told as the end of that line
            offset -= 1
        # Both lines end alike, however far the one in the source is indented.
        end = offsets[line + 1] - 1 if line + 1 < len(offsets) else self.size
        at = self.first + line + 1
        return (sources[at] - 1 if at < len(sources) else self.end) - end + offset


_UNKNOWN = Spans([], [], -1)


def spans(text: str, start: int, value: object) -> Spans | Lined:
    """The runs of the scalar of this value that starts here.

    Exact in literal blocks, and in plain and quoted scalars up to where YAML folds a line. Nothing is known of
    folded blocks, nor of values that are no string.
    """
    if not isinstance(value, str):
        return _UNKNOWN
    properties = _PROPERTIES.match(text, start)
    at = properties.end() if properties else start
    match text[at : at + 1]:
        case "|":
            return _literal(text, at, value)
        case ">":
            return _UNKNOWN
        case "'":
            return _quoted(text, at + 1, value, _SINGLE)
        case '"':
            return _quoted(text, at + 1, value, _DOUBLE)
        case _:
            first = _FIRST_LINE.match(text, at)
            length = len(first.group().rstrip()) if first else 0
            known = text.startswith(value[:length], at)
            limit = len(value) if len(value) <= length else length - 1
            return Spans([0], [at], limit if known else -1)


def _literal(text: str, at: int, value: str) -> Spans | Lined:
    # A line of the value is the end of a line of the source, whatever the indentation: no need to know it.
    if not any(odd in text for odd in _ODD_BREAKS):
        return Lined.of(text, value, bisect_right(line_starts(text), at))
    offsets: list[int] = []
    sources: list[int] = []
    header = _HEADER.match(text, at)
    ends = (found.span() for found in _BREAK.finditer(text, header.end() if header else at))
    next(ends, None)
    offset = 0
    end = at + 1
    for line in _VALUE_BREAK.split(value):
        if line or offset < len(value):
            end, _ = next(ends, (len(text), 0))
        # else: behind the last line break, which is told as the end of that line
        if not text.endswith(line, 0, end):
            break
        offsets.append(offset)
        sources.append(end - len(line))
        offset += len(line) + 1
    return Spans(offsets, sources, offset - 1)


def _quoted(text: str, at: int, value: str, token: re.Pattern[str]) -> Spans:
    offsets = [0]
    sources = [at]
    offset = 0
    blank = 0  # spaces at the end of a line that goes on are not in the value
    while found := token.match(text, at):
        piece = found.group()
        at = found.end()
        if piece[0] == "\\" or piece == "''":
            offset += 1
            offsets.append(offset)
            sources.append(at)
            blank = 0
        else:
            offset += len(piece)
            blank = len(piece) - len(piece.rstrip(" \t"))
    return Spans(offsets, sources, offset if offset == len(value) else offset - blank - 1)
