"""What assertions look at, what they say, and how the row of a case gets into their arguments."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from onbook.contract import dump
from onbook.errors import InputError, OnbookError
from onbook.prompt import Case, Prompt
from onbook.render import analyse
from onbook.render.fill import fill
from onbook.render.values import as_text as text_of
from onbook.testing.request import Request, Response

__all__ = [
    "Assertion",
    "AssertionUseError",
    "Outcome",
    "Subject",
    "filled",
    "is_column",
    "misspelt",
    "shown",
    "text_of",
    "value_of",
]

Json = Mapping[str, object]

_ALONE = re.compile(r"\{\{([^\s{}]+)\}\}")


class AssertionUseError(OnbookError):
    """An assertion that means nothing, or that could not be decided."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What an assertion looks at.

    Attributes:
        text: the answer.
        prompt: the prompt that was asked; case: the row.
        judge: the answers of judges by the key of their request.
        response: the whole answer, with its tool calls and what it cost; None before there is one.
    """

    text: str
    prompt: Prompt
    case: Case
    judge: Mapping[str, str]
    response: Response | None = None

    @property
    def row(self) -> Json:
        """The columns that ``{{column}}`` may name: the inputs, and ``expected`` where the case has it."""
        expected = {} if self.case.expected is None else {"expected": self.case.expected}
        return {**self.case.inputs, **expected}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether an assertion holds, and in one line why not. ``score`` is 0 to 1."""

    passed: bool
    message: str
    score: float = 0.0

    @staticmethod
    def of(passed: bool, message: str) -> Outcome:
        """All or nothing."""
        return Outcome(passed, message, 1.0 if passed else 0.0)


class Assertion(Protocol):
    """One kind of assertion.

    ``check`` returns what is wrong with an argument, before any call is made, or None. ``requests`` are the calls to
    judges that it needs; ``decide`` is given their answers in the subject. Arguments that are texts come with the row
    filled in; a class that fills more than those has a method ``fill(argument, row)``. Its docstring is the page that
    ``onbook explain`` prints.
    """

    def check(self, argument: object) -> str | None: ...

    def requests(self, argument: object, subject: Subject) -> Sequence[Request]: ...

    def decide(self, argument: object, subject: Subject) -> Outcome: ...


def misspelt(text: str) -> str | None:
    """What is wrong with a text that is to be filled: ``{{ name }}`` with spaces would be left as it stands."""
    problems = analyse(text, "simple").problems if "{{" in text else ()
    found = next((problem for problem in problems if problem.code == "spaced-placeholder"), None)
    # The hint of a prompt's text also speaks of jinja2, which assertions do not have.
    return f"{found.message}: {str(found.hint).partition(',')[0]}" if found else None


def filled(text: str, row: Json) -> str:
    """The text with every ``{{column}}`` replaced.

    Raises:
        AssertionUseError: the row has no such column.
    """
    try:
        return fill(text, row)
    except InputError as error:
        hint = f" ({error.hint})" if error.hint else ""
        raise AssertionUseError(f"{error.message}{hint}") from None


def is_column(text: str) -> bool:
    """Whether a text is ``{{column}}`` and nothing else."""
    return _ALONE.fullmatch(text) is not None


def value_of(text: str, row: Json) -> object:
    """As :func:`filled`, but ``{{column}}`` alone stands for the value itself, whatever its type.

    Raises:
        AssertionUseError: the row has no such column.
    """
    alone = _ALONE.fullmatch(text)
    return row[alone[1]] if alone and alone[1] in row else filled(text, row)


def shown(value: object) -> str:
    """A text or any JSON on one line, cut where it is long."""
    if isinstance(value, str):
        return dump(value if len(value) <= 160 else value[:157] + "...")
    text = dump(value)
    return text if len(text) <= 160 else text[:157] + "..."
