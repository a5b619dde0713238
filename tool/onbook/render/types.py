"""What is found in a template, and where: the types that the parts of render share."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from onbook.lines import line_starts
from onbook.records import record


class Use(NamedTuple):
    """One place where a template names something: 1-based line and column in the template's own text."""

    name: str
    line: int
    column: int


class TemplateProblem(NamedTuple):
    """Something wrong in a template, at a 1-based line and column of its own text.

    Codes of both formats: ``template-too-large``, ``unclosed-variable``. Of jinja2: ``template-syntax``,
    ``template-too-complex``, ``construct-not-allowed``, ``unclosed-block``, ``dynamic-include``, ``include-path``.
    Of the simple format, where they are warnings: ``spaced-placeholder``, ``jinja-in-simple``.
    """

    code: str
    message: str
    line: int
    column: int
    hint: str | None


@record
class Template:
    """What a template uses.

    Attributes:
        variables: every use of a free name, in order; loop targets and ``loop`` are not free.
        includes: every include, by its path below the prompts folder.
        scopes: for each include, the loop targets that the included text sees as variables.
        problems: in order of place. For the ``simple`` format they never stop rendering, a too large text apart.
    """

    variables: tuple[Use, ...] = ()
    includes: tuple[Use, ...] = ()
    problems: tuple[TemplateProblem, ...] = ()
    scopes: tuple[frozenset[str], ...] = ()


class Places:
    """From offsets in a text to 1-based lines and columns."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts: Sequence[int] = ()

    def at(self, offset: int) -> tuple[int, int]:
        """The line and column of the character at ``offset``."""
        if not self._starts:
            self._starts = line_starts(self._text)
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1


def uses(text: str, found: Iterable[tuple[int, str]]) -> tuple[Use, ...]:
    """Names as they are used at offsets of a text, which ascend: for a few of them, lines are counted only so far."""
    line, begin, counted = 1, 0, 0
    told: list[Use] = []
    for offset, name in found:
        if lines := text.count("\n", counted, offset):
            line += lines
            begin = text.rindex("\n", counted, offset) + 1
        counted = offset
        told.append(Use(name, line, offset - begin + 1))
    return tuple(told)


class PlacedError(Exception):
    """A problem at an offset of a text, before it has a line and a column."""

    def __init__(self, code: str, message: str, offset: int, hint: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.offset, self.hint = code, message, offset, hint


def normal_newlines(text: str) -> str:
    """The text with the line ends that jinja2 renders."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
