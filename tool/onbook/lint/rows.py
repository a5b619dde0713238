"""What was found in a prompt as plain lists: small and quick to send to another process, and to keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from operator import attrgetter
from typing import Any

from onbook.lint.looking import Looked, Note, Told
from onbook.report import Severity
from onbook.rules.base import Hit
from onbook.waivers import Waiver

_WAIVER = tuple(field.name for field in fields(Waiver) if field.name not in ("until", "lines"))
_waiver = attrgetter(*_WAIVER)

Row = str | list[Any]
"""Of a prompt in which nothing was found, just its path: nearly all are such."""


def to_row(looked: Looked, notes: Mapping[str, Note] | None = None) -> Row:
    """Everything of a Looked, in lists, texts and numbers.

    Args:
        notes: those to keep with it, where they are not all.
    """
    kept = looked.notes if notes is None else notes
    if looked.sound and not (looked.hits or looked.unchecked or kept or looked.waivers or looked.unread):
        return looked.path
    return [
        looked.path,
        looked.sound,
        [(rule, _of_hit(hit)) for rule, hit in looked.hits],
        [_of_hit(hit) for hit in looked.unchecked],
        dict(kept),
        [[waiver.until.isoformat(), waiver.lines, *_waiver(waiver)] for waiver in looked.waivers],
        [_of_hit(hit) for hit in looked.unread],
    ]


def path_of(row: Row) -> str:
    """The path of the prompt's file."""
    return row if isinstance(row, str) else str(row[0])


def from_row(row: Row) -> Looked:
    """The same Looked again; its hits, of which there may be hundreds of thousands, stay plain tuples.

    Raises:
        ValueError, TypeError, KeyError: the row is none that ``to_row`` made.
    """
    if isinstance(row, str):
        return Looked(row, True)
    path, sound, hits, unchecked, notes, waivers, unread = row
    if not (isinstance(path, str) and isinstance(sound, bool) and isinstance(notes, dict)):
        raise TypeError("this is no row of a prompt")
    return Looked(
        path,
        sound,
        list(hits),
        [_to_hit(hit) for hit in unchecked],
        dict(notes),
        [_to_waiver(until, lines, given) for until, lines, *given in waivers],
        [_to_hit(hit) for hit in unread],
    )


def _of_hit(hit: Told) -> Told:
    # A plain tuple of plain values is all that the encodings of a row know.
    message, path, line, column, hint, severity = hit
    return message, path, line, column, hint, severity and str(severity)


def _to_hit(given: Told) -> Hit:
    hit = Hit._make(given)
    return hit if hit.severity is None else hit._replace(severity=Severity(hit.severity))


def _to_waiver(until: str, lines: list[int] | None, given: list[Any]) -> Waiver:
    named = dict(zip(_WAIVER, given, strict=True))
    return Waiver(until=date.fromisoformat(until), lines=(lines[0], lines[1]) if lines else None, **named)
