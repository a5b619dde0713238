"""Whether a template surely renders with some values, without compiling it.

Compiling takes jinja2 longer than all else that lint does with a prompt. Here an outline is walked: only templates that
the scan proves are looked at, every branch of a condition has to hold, and what comes near a bound is not decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from onbook.render.scan import For, If, Include, Outline, Value, Write, outline
from onbook.render.template import analyse, pieces
from onbook.render.values import RenderError, as_text

# Far below what a rendering may do.
MAX_CHARACTERS = 400_000
MAX_VISITS = 800
MAX_DEPTH = 8


class _UnknownError(Exception):
    """Only rendering can tell."""


def most(text: str, values: Mapping[str, Any], partials: Mapping[str, str], *, if_any: bool = False) -> int | None:
    """The characters that a jinja2 template, which surely renders with these values, writes at most.

    None where only rendering can tell whether it does.

    Args:
        values: plain JSON data of all inputs, defaults filled in.
        partials: included texts by path.
        if_any: what it writes at most if it renders, whether it does or not: what would fail writes nothing.
    """
    try:
        walk = _Walk(partials, if_any)
        walk.text(text, dict(values), 0)
    except (_UnknownError, RenderError):
        return None
    return MAX_CHARACTERS - walk.left


def most_of_simple(text: str, values: Mapping[str, Any]) -> int | None:
    """The same of a template in the simple format, of which all that is no variable is written as it stands."""
    length = len(text)
    if length > MAX_CHARACTERS // 2:
        return None
    for use in analyse(text, "simple").variables:
        if use.name not in values:
            return None
        value = values[use.name]
        length += len(value) if type(value) is str else len(as_text(value))
    return length if length <= MAX_CHARACTERS else None


def first_missing(text: str, values: Mapping[str, Any], partials: Mapping[str, str]) -> str | None:
    """The variable without a value that a jinja2 template surely fails at; None where only rendering can tell.

    Everything before it surely renders, and nothing decides whether it is reached.
    """
    walk = _Walk(partials, if_any=False)
    try:
        for node in outline(text) or ():
            if isinstance(node, Write) and len(node.value) == 1 and node.value[0] not in values:
                return node.value[0]
            walk.body([node], dict(values), 0, len(text))
    except (_UnknownError, RenderError):
        pass
    return None


class _Walk:
    def __init__(self, partials: Mapping[str, str], if_any: bool) -> None:
        self._if_any = if_any
        self._partials = partials
        self.left = MAX_CHARACTERS
        self._visits = MAX_VISITS

    def text(self, text: str, values: Mapping[str, Any], depth: int) -> None:
        self._spend(len(text))
        if "{%" not in text and (plain := pieces(text, "jinja2")) is not None:
            for piece in plain:
                if not isinstance(piece, str):
                    self._write((piece.name,), values)
            return
        nodes = outline(text)
        if nodes is None or depth > MAX_DEPTH:
            raise _UnknownError
        self.body(nodes, values, depth, len(text))

    def body(self, nodes: Outline, values: Mapping[str, Any], depth: int, length: int) -> None:
        self._visits -= 1 + len(nodes)
        if self._visits < 0:
            raise _UnknownError
        for node in nodes:
            if isinstance(node, Write):
                self._write(node.value, values)
            elif isinstance(node, Include):
                if node.path not in self._partials:
                    raise _UnknownError
                self.text(self._partials[node.path], values, depth + 1)
            elif isinstance(node, If):
                for test in node.tests:
                    self._write(test, values)
                for branch in node.branches:
                    self.body(branch, values, depth, length)
            else:
                self.loop(node, values, depth, length)

    def loop(self, node: For, values: Mapping[str, Any], depth: int, length: int) -> None:
        items = self._value(node.over, values)
        if type(items) is not list or len(node.targets) != 1:
            # Of a loop over anything else but a mapping rendering fails.
            if not self._if_any or type(items) in (list, dict):
                raise _UnknownError
            items = []
        for item in items:
            self._spend(length)  # what stands in the loop comes again, and is no longer than the whole text
            self.body(node.body, {**values, node.targets[0]: item}, depth, length)
        self.body(node.otherwise, values, depth, length)

    def _spend(self, characters: int) -> None:
        self.left -= characters
        if self.left < 0:
            raise _UnknownError

    def _write(self, value: Value, values: Mapping[str, Any]) -> None:
        found = self._value(value, values)
        self._spend(len(found) if type(found) is str else len(as_text(found)))

    def _value(self, value: Value, values: Mapping[str, Any]) -> Any:
        """What a value is."""
        found: Any = values
        for key in value:
            if type(found) is not dict or key not in found:
                if self._if_any:
                    return None
                raise _UnknownError
            found = found[key]
        return found
