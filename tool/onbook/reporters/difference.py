"""The diff at a terminal, in 80 columns or fewer: each prompt, its changes, and what they do to the rendered text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any, Protocol

Row = Mapping[str, Any]

BUMP = {"major": "red", "minor": "yellow", "patch": "cyan", "none": "dim", "initial": "cyan"}
WIDTH = 80
_NARROW = 60  # with fewer columns what is told of a change stands below it
_NARROWEST = 30
_COLUMN = 16  # where what is told of a change begins
_BELOW = 4  # where it begins below it
_MOST_LINES = 16  # of one rendered text
_MOST_ANSWERS = 8
_KINDS = {"-": ("[-", "-]", "red"), "+": ("{+", "+}", "green"), "=": ("", "", None), "~": ("", "", "dim")}


class Style(Protocol):
    """Colours, and texts made safe to print.

    Attributes:
        width: columns of the terminal; None where there is none.
    """

    width: int | None

    def __call__(self, text: str, name: str | None = None) -> str: ...

    @staticmethod
    def block(text: str) -> str: ...


def changed(row: Row, places: Sequence[str], style: Style, seen: dict[str, str]) -> Iterator[str]:
    """The lines of one prompt.

    Args:
        row: of the report's ``data.prompts``.
        places: where each change stands, as ``path:line``.
        seen: the texts that were shown already, with the prompt that they were shown for.
    """
    before, after = row["base_version"] or "unreleased", row["next_version"]
    arrow = f"{before} -> {after}" if after else f"{before}, no release needed"
    yield f"{style(row['id'], 'bold')}  {style(arrow)}  {style(row['bump'], BUMP[row['bump']])}"
    if row.get("moved_from"):
        yield style(f"  moved from {row['moved_from']}", "dim")
    for path in row.get("through") or ():
        yield style(f"  through {path}", "dim")
    for change, place in zip(row["changes"], places, strict=False):
        yield from _change(row["id"], change, place, style, seen)
    if row.get("tokens"):
        yield from _told("tokens", tokens(row["tokens"]), style)
    if row.get("behaviour"):
        yield from _behaviour(row["behaviour"], style)


def tokens(row: Row) -> str:
    """What a call has and costs before and after, in a line."""
    calls = "1 call" if row["calls"] == 1 else f"{row['calls']} calls"
    told = f"{_number(row['old'])} -> {_number(row['new'])} a call{_part(row['old'], row['new'])}, the mean of {calls}"
    prices = row["old_cost_per_1000"], row["new_cost_per_1000"]
    if None not in prices and any(prices):
        told += f"; the input of 1,000 calls costs ${prices[0]:.2f} -> ${prices[1]:.2f}"
    return told if row["exact"] else f"{told} (estimate)"


def behaviour(row: Row) -> str:
    """How the recorded answers moved, in a line."""
    if not row["shared"]:
        return f"none of {row['unseen']} is recorded for both versions yet: `onbook test --record` asks for them"
    reworded = row["moved"] - row["worse"] - row["better"]
    told = [f"{row['shared']} recorded answers compared"] if row["shared"] != 1 else ["1 recorded answer compared"]
    told += [f"{row['worse']} no longer pass"] if row["worse"] else []
    told += [f"{row['better']} now pass"] if row["better"] else []
    told += [f"{reworded} say something else"] if reworded else []
    told += [] if row["moved"] or not row["shared"] else ["none moved"]
    told += [f"{row['unseen']} not recorded on both sides"] if row["unseen"] else []
    return ", ".join(told)


def _change(id: str, change: Row, place: str, style: Style, seen: dict[str, str]) -> Iterator[str]:
    bump = style(f"{change['bump']:5}", BUMP[change["bump"]])
    yield from _beside(f"  {bump}  {style(change['rule'])}", change["consequence"], style)
    indent = " " * _column(style)
    if place:
        yield style(f"{indent}{place}", "dim")
    if change.get("waived"):
        yield from (style(f"{indent}{line}", "dim") for line in _wrapped(f"waived: {change['waived']}", style))
    elif change.get("waivable"):
        # The fingerprint on a line of its own, whole, to be copied.
        told = f"if it holds all the same, waive it: rule {change['rule']}, fingerprint"
        yield from (style(f"{indent}{line}", "dim") for line in _wrapped(told, style))
        yield f"{indent}{change['fingerprint']}"
    rendered = change.get("rendered")
    if not rendered or rendered["old"] is None or rendered["new"] is None:
        return
    text = "".join(part[1] for part in rendered["words"] if part[0] in "-+")
    if text in seen and seen[text] != id:
        yield style(f"{indent}the same words as in {seen[text]}", "dim")
        return
    seen[text] = id
    for line in _wrapped(f"for {_call(rendered['inputs'])}", style):
        yield style(f"{indent}{line}", "dim")
    lines = list(_words(rendered["words"], style, _width(style) - len(indent) - 2))
    yield from (f"{indent}{style('|', 'dim')} {line}" for line in lines[:_MOST_LINES])
    if len(lines) > _MOST_LINES:
        more = f"... {len(lines) - _MOST_LINES} more lines: --format json has them"
        yield from (style(f"{indent}| {line}", "dim") for line in _wrapped(more, style, 2))


def _behaviour(row: Row, style: Style) -> Iterator[str]:
    yield from _told("answers", behaviour(row), style)
    moved = [answer for answer in row["answers"] if answer["before"] != answer["after"]]
    for answer in moved[:_MOST_ANSWERS]:
        color = "green" if answer["after"] == "passed" else "red"
        why = f": {answer['why']}" if answer["why"] else ""
        told = f"case {answer['case']!r} on {answer['model']}: {answer['before']} -> {answer['after']}{why}"
        for line in _wrapped(told, style):
            yield f"{' ' * _column(style)}{style(line, color)}"
    if len(moved) > _MOST_ANSWERS:
        yield style(f"{' ' * _column(style)}and {len(moved) - _MOST_ANSWERS} more", "dim")


def _told(what: str, text: str, style: Style) -> Iterator[str]:
    yield from _beside(f"  {style(f'{what:12}', 'dim')}", text, style)


def _beside(head: str, text: str, style: Style) -> Iterator[str]:
    """A head and a text: in a column beside it, or below it where that would be too narrow to read."""
    first, *rest = _wrapped(text, style)
    if _column(style) == _COLUMN:
        yield f"{head}  {first}"
    else:
        yield head.rstrip()
        rest = [first, *rest]
    yield from (f"{' ' * _column(style)}{line}" for line in rest)


def _width(style: Style) -> int:
    return max(_NARROWEST, min(WIDTH, style.width or WIDTH))


def _column(style: Style) -> int:
    return _COLUMN if _width(style) >= _NARROW else _BELOW


def _wrapped(text: str, style: Style, taken: int = 0) -> list[str]:
    plain = style(text)
    return wrap(plain, _width(style) - _column(style) - taken, break_on_hyphens=False) or [""]


def _words(parts: Sequence[Sequence[str]], style: Style, width: int) -> Iterator[str]:
    """The parts as lines of at most ``width`` columns, each piece in its colour."""
    line, used = "", 0
    for kind, text in parts:
        opening, closing, color = _KINDS[kind]
        shown = " ... " if kind == "~" else f"{opening}{style.block(text)}{closing}"
        for piece in re.findall(r"\n|[^\S\n]+|\S+", shown):
            if piece == "\n" or (used and used + len(piece) > width):
                yield line.rstrip()
                line, used = "", 0
                if piece.isspace():
                    continue
            for start in range(0, len(piece), width):
                part = piece[start : start + width]
                if used + len(part) > width:
                    yield line.rstrip()
                    line, used = "", 0
                line += style(part, color) if color else style(part)
                used += len(part)
    if line:
        yield line.rstrip()


def _call(inputs: Mapping[str, object]) -> str:
    if not inputs:
        return "a call without inputs"
    return ", ".join(f"{name}={_short(json.dumps(value, ensure_ascii=False))}" for name, value in inputs.items())


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def _number(value: float) -> str:
    return f"{round(value):,}"


def _part(old: float, new: float) -> str:
    if round(old) == round(new):
        return ""
    return f" ({round(new) - round(old):+,}, {100 * (new - old) / old:+.0f} %)" if old else f" ({round(new):+,})"
