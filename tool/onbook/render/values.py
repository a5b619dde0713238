"""Values as a template sees them, and the work that one rendering may do. Knows nothing of jinja2."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

MAX_OUTPUT = 4 * 1024 * 1024  # characters of all messages of one rendering
MAX_ITERATIONS = 100_000  # of all loops, nested ones multiplied
MAX_STEPS = 4_000_000  # syntax nodes evaluated inside loops and includes, and items compared
MAX_TEXT_WORK = 64 * 1024 * 1024  # characters that filters read and write
MAX_INCLUDES = 1_000
MAX_INCLUDE_DEPTH = 16
MAX_VALUE_DEPTH = 64


class RenderError(Exception):
    """Why a rendering stopped; the renderer adds the place and makes an InputError of it."""

    def __init__(self, message: str, hint: str | None = None, variable: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.variable = variable


def as_text(value: object) -> str:
    """A value as it stands in a message: a string as it is, everything else as JSON.

    Raises:
        RenderError: the value is not JSON data.
    """
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise RenderError(f"a value cannot be written as JSON: {error}") from error


def plain(value: object, name: str, depth: int = 0) -> Any:
    """A copy of exact str, int, float, bool, None, list and dict: no object of another class gets into a template.

    Raises:
        RenderError: something that JSON has not, or nesting deeper than MAX_VALUE_DEPTH.
    """
    if depth > MAX_VALUE_DEPTH:
        raise RenderError(f"input {name!r} is nested deeper than {MAX_VALUE_DEPTH} levels", "pass a flatter value")
    match value:
        case None | bool():
            return value
        case str():
            return str.__str__(value)
        case int():
            return int.__int__(value)
        case float() if math.isfinite(value):
            return float.__float__(value)
        case Mapping():
            if all(isinstance(key, str) for key in value):
                return {str.__str__(key): plain(item, name, depth + 1) for key, item in value.items()}
        case list() | tuple():
            return [plain(item, name, depth + 1) for item in value]
    what = f"{value}" if isinstance(value, float) else f"a {type(value).__name__}"
    if isinstance(value, Mapping):
        what = "a mapping with keys that are not strings"
    raise RenderError(
        f"input {name!r} holds {what}, which is not JSON data", "pass strings, numbers, lists or mappings"
    )


class Run:
    """One rendering: what it has spent, and the partials that are being rendered now, outermost first."""

    __slots__ = ("_includes", "_iterations", "_output", "_steps", "_text", "partial", "stack")

    def __init__(self, partial: Callable[[str], Any], share: int = 1) -> None:
        self.partial = partial
        self.stack: list[str] = []
        self._output = MAX_OUTPUT // share
        self._iterations = MAX_ITERATIONS // share
        self._steps = MAX_STEPS // share
        self._text = MAX_TEXT_WORK // share
        self._includes = MAX_INCLUDES // share

    def write(self, text: str) -> str:
        """The text, once it is counted as output."""
        self._output -= len(text)
        if self._output < 0:
            raise RenderError(f"the messages grow beyond {MAX_OUTPUT:,} characters", "pass shorter inputs")
        return text

    def loop(self, count: int, weight: int) -> None:
        """Count a loop of so many rounds, each evaluating ``weight`` nodes."""
        self._iterations -= count
        if self._iterations < 0:
            raise RenderError(f"the loops run more than {MAX_ITERATIONS:,} times", "pass shorter lists")
        self.step(count * weight)

    def step(self, count: int) -> None:
        """Count evaluated nodes or compared items."""
        self._steps -= count
        if self._steps < 0:
            raise RenderError("rendering takes too much work", "pass shorter lists, or put less into the loops")

    def work(self, characters: int) -> None:
        """Count characters before a filter reads or writes them."""
        self._text -= characters
        if self._text < 0 or characters > MAX_OUTPUT:
            raise RenderError("a filter handles too much text", "pass shorter inputs, or filter them before rendering")

    def compare(self, value: object) -> None:
        """Count what comparing a value may cost: its items, and a little for its characters."""
        waiting = [value]
        while waiting:
            item = waiting.pop()
            if isinstance(item, Mapping):
                self.step(len(item))
                waiting.extend(item.values())
            elif isinstance(item, Sequence) and not isinstance(item, str):
                self.step(len(item))
                waiting.extend(item)
            else:
                self.step(1 + len(item) // 256 if isinstance(item, str) else 1)

    def enter(self, name: str, weight: int) -> None:
        """Count an include of ``weight`` nodes and remember it until :meth:`leave`."""
        chain = " -> ".join([*self.stack, name])
        if name in self.stack:
            raise RenderError(f"a partial includes itself: {chain}", "break the cycle")
        if len(self.stack) >= MAX_INCLUDE_DEPTH:
            raise RenderError(f"includes are nested deeper than {MAX_INCLUDE_DEPTH}: {chain}", "include fewer levels")
        self._includes -= 1
        if self._includes < 0:
            raise RenderError(f"more than {MAX_INCLUDES:,} includes are rendered", "include outside of the loop")
        self.stack.append(name)
        self.step(weight)

    def leave(self) -> None:
        """The innermost include is done. Not called after an error: then the stack tells where it was."""
        self.stack.pop()


RUN: ContextVar[Run] = ContextVar("onbook.render.run")
