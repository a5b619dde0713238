"""What a jinja2 template uses, where a simple scan proves it; jinja2's own parser decides everything else.

Parsing costs many times what scanning does, and most templates hold nothing but names, literal includes, and plain
conditions and loops. What is not plainly one of these, or comes near a bound, is not looked at here.
"""

from __future__ import annotations

import re
from dataclasses import field
from functools import lru_cache
from typing import NamedTuple

from onbook.records import record
from onbook.render.types import Places, Template, Use, normal_newlines

MAX_TAGS = 500  # far below what the parser takes
MAX_OPEN = 12
MAX_BRANCHES = 50

# Names that mean something else to jinja2 than a variable.
RESERVED = frozenset({"and", "or", "not", "in", "is", "if", "else", "elif", "self", "loop"})
RESERVED |= {"true", "false", "none", "True", "False", "None"}

_NAME = "[A-Za-z_][A-Za-z0-9_]*"
_VALUE = rf"{_NAME}(?:\.[A-Za-z][A-Za-z0-9_]*){{0,4}}"
_LITERAL = r"(?:'[A-Za-z0-9_ .,:-]*'|\"[A-Za-z0-9_ .,:-]*\")"
_TERM = rf"(?:not\s+)?{_VALUE}(?:\s*[!=]=\s*{_LITERAL})?"
_PART = "[A-Za-z0-9_][A-Za-z0-9_.-]*"

_OPENING = re.compile(r"\{[{%#]")
_TAG = re.compile(
    rf"\{{\{{\s*(?P<value>{_VALUE})\s*\}}\}}"
    r"|\{%\s*(?:"
    rf"(?P<test>if|elif)\s+(?P<condition>{_TERM}(?:\s+(?:and|or)\s+{_TERM}){{0,6}})"
    rf"|for\s+(?P<target>{_NAME})(?:\s*,\s*(?P<second>{_NAME}))?\s+in\s+(?P<list>{_VALUE})"
    r"|(?P<word>else|endif|endfor)"
    rf"|include\s+(?P<quote>['\"])(?P<path>{_PART}(?:/{_PART})*)(?P=quote)"
    r")\s*%\}"
)
_QUOTED = re.compile(_LITERAL)
_IN_TERM = re.compile(rf"(?P<value>{_VALUE})")

_Scope = frozenset[str]


Value = tuple[str, ...]
"""A name, and the keys behind it."""


class Write(NamedTuple):
    """``{{ value }}``; offsets are of characters of the text."""

    offset: int
    value: Value


class Include(NamedTuple):
    """``{% include "path" %}``"""

    offset: int
    path: str


@record
class If:
    """All branches of a condition in their order, and every value that one of their tests asks for."""

    tests: list[Value] = field(default_factory=list)
    branches: list[list[Node]] = field(default_factory=list)


@record
class For:
    """A loop; ``otherwise`` is its else."""

    targets: tuple[str, ...]
    over: Value
    body: list[Node] = field(default_factory=list)
    otherwise: list[Node] = field(default_factory=list)


Node = Write | Include | If | For
Outline = list[Node]


class _UnclearError(Exception):
    """Only the parser can tell."""


def scan(text: str) -> Template | None:
    """What a template uses, or None where only jinja2 can tell. Equal to what its parser finds.

    Args:
        text: with normal line ends.
    """
    found = _scanned(text)
    return found and found[0]


def outline(text: str) -> Outline | None:
    """The tags of a template as a tree, or None where only jinja2 can tell. Nobody changes it."""
    found = _scanned(normal_newlines(text))
    return found and found[1]


@lru_cache(maxsize=512)
def _scanned(text: str) -> tuple[Template, Outline] | None:
    scanner = _Scanner(text)
    try:
        return scanner.template(), scanner.root
    except _UnclearError:
        return None


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._variables: list[tuple[int, str]] = []
        self._includes: list[tuple[int, str, _Scope]] = []
        self._scope: _Scope = frozenset()
        # Of each open block: its tag, the scope around it, whether its else was seen, and its branches.
        self._open: list[tuple[str, _Scope, bool, int]] = []
        self.root: Outline = []
        # The list that the next node belongs to, and around it the blocks that are open with the lists they stand in.
        self._body = self.root
        self._blocks: list[tuple[If | For, Outline]] = []

    def template(self) -> Template:
        position = tags = 0
        while opening := _OPENING.search(self._text, position):
            tag = _TAG.match(self._text, opening.start())
            tags += 1
            if tag is None or tags > MAX_TAGS:
                raise _UnclearError
            self._tag(tag)
            position = tag.end()
        if self._open:
            raise _UnclearError
        places = Places(self._text)
        return Template(
            tuple(Use(name, *places.at(offset)) for offset, name in self._variables),
            tuple(Use(path, *places.at(offset)) for offset, path, _ in self._includes),
            (),
            tuple(scope for _, _, scope in self._includes),
        )

    def _tag(self, tag: re.Match[str]) -> None:
        last = tag.lastgroup
        if last == "value":
            value, start = tag[last], tag.start(last)
            self._value(value, start)
            self._body.append(Write(start, tuple(value.split("."))))
        elif last == "condition":
            self._test(tag)
        elif last == "list":
            self._value(tag["list"], tag.start("list"))
            targets = {name for name in (tag["target"], tag["second"]) if name}
            if targets & RESERVED or tag["target"] == tag["second"]:
                raise _UnclearError
            self._enter("for")
            self._scope |= targets
            given = (tag["target"], tag["second"]) if tag["second"] else (tag["target"],)
            loop = For(given, tuple(tag["list"].split(".")))
            self._blocks.append((loop, self._body))
            self._body.append(loop)
            self._body = loop.body
        elif last == "path":
            if len(tag["path"]) > 1024:
                raise _UnclearError
            self._includes.append((tag.start("path"), tag["path"], self._scope))
            self._body.append(Include(tag.start("quote"), tag["path"]))
        else:
            self._word(tag["word"])

    def _test(self, tag: re.Match[str]) -> None:
        if tag["test"] == "if":
            self._enter("if")
            opened = If()
            self._blocks.append((opened, self._body))
            self._body.append(opened)
        else:
            block, scope, closing, branches = self._open.pop() if self._open else ("", self._scope, True, 0)
            if block != "if" or closing or branches >= MAX_BRANCHES:
                raise _UnclearError
            self._open.append((block, scope, False, branches + 1))
        choice = self._blocks[-1][0]
        assert isinstance(choice, If)
        self._body = []
        choice.branches.append(self._body)
        condition, start = tag["condition"], tag.start("condition")
        # Strings hold no names: blanks of the same length keep the places.
        bare = _QUOTED.sub(lambda found: " " * len(found[0]), condition)
        for found in _IN_TERM.finditer(bare):
            if found[0] not in ("and", "or", "not"):
                self._value(found[0], start + found.start())
                choice.tests.append(tuple(found[0].split(".")))

    def _enter(self, block: str) -> None:
        if len(self._open) >= MAX_OPEN:
            raise _UnclearError
        self._open.append((block, self._scope, False, 0))

    def _word(self, word: str) -> None:
        if not self._open:
            raise _UnclearError
        block, scope, closing, branches = self._open.pop()
        if word == "else":
            if closing:
                raise _UnclearError
            self._open.append((block, scope, True, branches))
            node = self._blocks[-1][0]
            self._body = []
            if isinstance(node, If):
                node.branches.append(self._body)
            else:
                self._body = node.otherwise
        elif word != f"end{block}":
            raise _UnclearError
        else:
            self._body = self._blocks.pop()[1]
        self._scope = scope

    def _value(self, value: str, offset: int) -> None:
        name, *items = value.split(".")
        if name in RESERVED or not RESERVED.isdisjoint(items):
            raise _UnclearError
        if name not in self._scope:
            self._variables.append((offset, name))
