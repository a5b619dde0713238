"""A template's text in pieces: what is literal, what is a variable, what is a tag. Never raises on hostile text."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice

MAX_TEXT = 40_000  # characters of one text that is shown
MAX_MARKS = 2_000

_SIMPLE = re.compile(r"\{\{([^\s{}]+)\}\}")
_OPENING = re.compile(r"\{[{%#]")
_CLOSING = {"{{": "}}", "{%": "%}", "{#": "#}"}
_KIND = {"{{": "variable", "{%": "tag", "{#": "comment"}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Mark:
    """A piece of a template. ``kind``: text, variable, untrusted, tag or comment."""

    kind: str
    text: str


def marked(text: str, template_format: str, untrusted: Collection[str] = ()) -> tuple[Mark, ...]:
    """The pieces of a template, in order; together they are its text, as far as it is shown.

    Args:
        untrusted: the inputs that hold text from outside.
    """
    shown = cut(text)
    pieces = list(islice(_pieces(shown, template_format, untrusted), MAX_MARKS))
    rest = shown[sum(len(piece.text) for piece in pieces) :]
    return (*pieces, Mark("text", rest)) if rest else tuple(pieces)


def cut(text: str) -> str:
    """As much of a text as a page shows."""
    more = len(text) - MAX_TEXT
    return text if more <= 0 else f"{text[:MAX_TEXT]}\n[and {more:,} characters more]"


def _pieces(text: str, template_format: str, untrusted: Collection[str]) -> Iterator[Mark]:
    end = 0
    for start, stop, kind, name in _simple(text) if template_format == "simple" else _jinja(text):
        if start > end:
            yield Mark("text", text[end:start])
        yield Mark("untrusted" if kind == "variable" and name in untrusted else kind, text[start:stop])
        end = stop
    if end < len(text):
        yield Mark("text", text[end:])


def _simple(text: str) -> Iterator[tuple[int, int, str, str]]:
    for match in _SIMPLE.finditer(text):
        yield match.start(), match.end(), "variable", match[1]


def _jinja(text: str) -> Iterator[tuple[int, int, str, str]]:
    position = 0
    open_ = dict(_CLOSING)
    while opening := _OPENING.search(text, position):
        closing = open_.get(opening[0])
        stop = -1 if closing is None else text.find(closing, opening.end())
        if stop < 0:
            # What is not closed here is closed nowhere behind: looked for once, or hostile text would cost its square.
            open_.pop(opening[0], None)
            position = opening.end()
            continue
        name = _NAME.search(text, opening.end(), stop)
        position = stop + 2
        yield opening.start(), position, _KIND[opening[0]], name[0] if name else ""
