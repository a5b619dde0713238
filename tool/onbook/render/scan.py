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
from onbook.render.types import Template, normal_newlines, uses

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

# One tag, or what opens one that is none of those below: none of them has a brace or a percent sign within.
_OPENING = re.compile(r"\{(?:\{[^}]*\}\}|%[^%]*%\}|[{%#])")
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
_MAX_REMEMBERED = 200  # characters of a tag that is remembered

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


class _Tag(NamedTuple):
    """What one tag says, wherever it stands; offsets are of characters of the tag.

    Attributes:
        word: what it begins with; empty of one that writes a value.
        asks: the values that it asks for, each behind its offset.
        targets: of a loop.
        path: of an include, behind the offset of its quote.
    """

    word: str
    asks: tuple[tuple[int, Value], ...] = ()
    targets: tuple[str, ...] = ()
    path: tuple[int, str] = 0, ""


def _read(text: str) -> _Tag:
    tag = _TAG.fullmatch(text)
    if tag is None:
        raise _UnclearError
    last = tag.lastgroup
    if last == "value":
        return _Tag("", (_asked(tag, last),))
    if last == "condition":
        # Strings hold no names: blanks of the same length keep the places.
        bare = _QUOTED.sub(lambda found: " " * len(found[0]), text)
        terms = _IN_TERM.finditer(bare, *tag.span("condition"))
        asks = tuple([_asked(term, "value") for term in terms if term[0] not in ("and", "or", "not")])
        return _Tag(tag["test"], asks)
    if last == "list":
        targets = (tag["target"], tag["second"]) if tag["second"] else (tag["target"],)
        if not RESERVED.isdisjoint(targets) or len(set(targets)) < len(targets):
            raise _UnclearError
        return _Tag("for", (_asked(tag, "list"),), targets)
    if last == "path":
        if len(tag["path"]) > 1024:
            raise _UnclearError
        return _Tag("include", path=(tag.start("quote"), tag["path"]))
    return _Tag(tag["word"])


# The same tags stand in text after text.
_remembered = lru_cache(maxsize=1024)(_read)


def _asked(found: re.Match[str], group: str) -> tuple[int, Value]:
    value = tuple(found[group].split("."))
    if not RESERVED.isdisjoint(value):
        raise _UnclearError
    return found.start(group), value


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._variables: list[tuple[int, str]] = []
        self._includes: list[tuple[int, str]] = []
        self._scopes: list[_Scope] = []
        self._scope: _Scope = frozenset()
        # Of each open block: its tag, the scope around it, whether its else was seen, and its branches.
        self._open: list[tuple[str, _Scope, bool, int]] = []
        self.root: Outline = []
        # The list that the next node belongs to, and around it the blocks that are open with the lists they stand in.
        self._body = self.root
        self._blocks: list[tuple[If | For, Outline]] = []

    def template(self) -> Template:
        for number, found in enumerate(_OPENING.finditer(self._text)):
            if number == MAX_TAGS:
                raise _UnclearError
            text = found[0]
            self._tag(_remembered(text) if len(text) <= _MAX_REMEMBERED else _read(text), found.start())
        if self._open:
            raise _UnclearError
        variables, includes = uses(self._text, self._variables), uses(self._text, self._includes)
        return Template(variables, includes, (), tuple(self._scopes))

    def _tag(self, tag: _Tag, start: int) -> None:
        word, asks, targets, (quote, path) = tag
        for offset, value in asks:
            if value[0] not in self._scope:
                self._variables.append((start + offset, value[0]))
        if not word:
            offset, value = asks[0]
            self._body.append(Write(start + offset, value))
        elif word == "include":
            self._includes.append((start + quote + 1, path))
            self._scopes.append(self._scope)
            self._body.append(Include(start + quote, path))
        elif word == "for":
            self._enter("for", For(targets, asks[0][1]))
            self._scope |= {*targets}
        elif word == "if":
            self._enter("if", If())
            self._branch(asks)
        elif word == "elif":
            block, scope, closing, branches = self._open.pop() if self._open else ("", self._scope, True, 0)
            if block != "if" or closing or branches >= MAX_BRANCHES:
                raise _UnclearError
            self._open.append((block, scope, False, branches + 1))
            self._branch(asks)
        else:
            self._end(word)

    def _enter(self, block: str, node: If | For) -> None:
        if len(self._open) >= MAX_OPEN:
            raise _UnclearError
        self._open.append((block, self._scope, False, 0))
        self._blocks.append((node, self._body))
        self._body.append(node)
        if isinstance(node, For):
            self._body = node.body

    def _branch(self, asks: tuple[tuple[int, Value], ...]) -> None:
        choice = self._blocks[-1][0]
        assert isinstance(choice, If)
        self._body = []
        choice.branches.append(self._body)
        choice.tests.extend([value for _, value in asks])

    def _end(self, word: str) -> None:
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
