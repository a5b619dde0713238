"""Reporters: a Report becomes text. Each reads nothing but the Report, so every verb has every format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module

from onbook.report import Report

Reporter = Callable[[Report, bool], Iterable[str]]

FORMATS = ("terminal", "json", "github", "sarif", "junit", "markdown")
"""The module of each format; its function is called ``<format>_pieces``."""

_PIECE = 1 << 16


def formatted(format: str, report: Report, *, color: bool = False) -> str:
    """A report in one of ``FORMATS``.

    Args:
        color: whether escape codes may be used.
    """
    return "".join(_reporter(format)(report, color))


def pieces(format: str, report: Report, *, color: bool = False, width: int | None = None) -> Iterator[str]:
    """What :func:`formatted` gives, a piece at a time: a report may be larger than all that it tells of.

    Args:
        width: columns of the terminal that somebody looks at; None where it is none, or wide enough for everything.
    """
    held: list[str] = []
    size = 0
    if format == "terminal":
        from onbook.reporters.terminal import terminal_pieces

        found = terminal_pieces(report, color, width)
    else:
        found = iter(_reporter(format)(report, color))
    for piece in found:
        held.append(piece)
        size += len(piece)
        if size >= _PIECE:
            yield "".join(held)
            held, size = [], 0
    if held:
        yield "".join(held)


def _reporter(format: str) -> Reporter:
    # Only its module is imported: most runs write one format.
    reporter: Reporter = getattr(import_module(f"onbook.reporters.{format}"), f"{format}_pieces")
    return reporter


__all__ = ["FORMATS", "Reporter", "formatted", "pieces"]
