"""Tables at a terminal, and the list of prompts, which lies flat where there is no room for a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

from onbook.reporters.difference import Style

Row = Mapping[str, Any]

_LONGEST = 60  # characters of a description in a table
_SHORTEST = 20  # of what is left of one; with less room there is none
_LINES = 2  # of one where there is no table
_NARROWEST = 20  # columns


def table_of(rows: Sequence[Sequence[str]], style: Style, color: Callable[[str], str | None]) -> Iterator[str]:
    """The lines of a table whose first row is its head; where it is too wide, a few lines for each of its rows.

    Args:
        color: the colour of a cell, by its text.
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    if style.width is not None and sum(widths) + 2 * (len(widths) - 1) > style.width:
        for row in rows[1:]:
            yield from _row(rows[0], row, style)
        return
    for number, row in enumerate(rows):
        cells = []
        for column, text in enumerate(row):
            # The last column is not filled up: spaces at the end of a line are nothing to anybody.
            padded = text if column == len(row) - 1 else text.ljust(widths[column])
            name = "dim" if number == 0 else color(text)
            cells.append(style(padded, name) if name else style(padded))
        yield "  ".join(cells).rstrip()


def _row(head: Sequence[str], row: Sequence[str], style: Style) -> Iterator[str]:
    yield style(row[0], "bold")
    # What is empty in a table need not be told without one.
    told = [f"{name} {cell}" for name, cell in zip(head[1:], row[1:], strict=True) if cell not in ("", "-")]
    yield from (f"  {line}" for line in _wrapped(", ".join(told), style))


def _wrapped(text: str, style: Style) -> list[str]:
    width = max(_NARROWEST, style.width or 0) - 2
    # A model's name stays whole, to be copied.
    return wrap(style(text), width, break_on_hyphens=False, break_long_words=False)


def listed(rows: Sequence[Row], style: Style) -> Iterator[str]:
    """The prompts of ``onbook list``: a table where it fits, else a few lines for each.

    Args:
        rows: of the report's ``data.prompts``.
    """
    fixed = [["prompt", "release", "model", "cases"]]
    fixed += [[row["id"], row["version"] or "-", row["model"] or "-", str(row["cases"])] for row in rows]
    told = [" ".join((row["description"] or "").split()) for row in rows]
    room = _LONGEST
    if style.width is not None:
        needed = sum(max(len(row[column]) for row in fixed) + 2 for column in range(len(fixed[0])))
        room = min(room, style.width - needed)
    if room < -2:
        for row, text in zip(rows, told, strict=True):
            yield from _flat(row, text, style)
        return
    table = fixed
    if room >= _SHORTEST:
        table = [
            [*fixed[0], "description"],
            *([*row, _cut(text, room)] for row, text in zip(fixed[1:], told, strict=True)),
        ]
    yield from table_of(table, style, lambda _: None)


def _flat(row: Row, told: str, style: Style) -> Iterator[str]:
    yield f"{style(row['id'], 'bold')}  {style(row['version'] or '-')}"
    cases = "1 case" if row["cases"] == 1 else f"{row['cases']} cases"
    lines = _wrapped(f"{row['model'] or 'no model'}, {cases}", style)
    lines += wrap(style(told), max(_NARROWEST, style.width or 0) - 2, max_lines=_LINES, placeholder=" ...")
    yield from (style(f"  {line}", "dim") for line in lines)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: max(length - 3, 0)]}..."
