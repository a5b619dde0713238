"""A template's normal form: two templates with equal forms render equal texts on all inputs.

jinja2 is not imported here, for the simple format needs none of it: nodes are told by the names of their classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from onbook.render.template import MAX_TEMPLATE, analyse, pieces
from onbook.render.types import Use
from onbook.render.values import MAX_INCLUDE_DEPTH, MAX_INCLUDES, MAX_OUTPUT, as_text

# The loop targets that are seen at a place, by what the form calls them: the depth of their loop and their place.
Scope = Mapping[str, str]


def normal_form(text: str, template_format: str, partials: Mapping[str, str]) -> object | None:
    """Something to compare with ``==``: equal forms render equal texts on all inputs; unequal ones may too.

    Includes are inlined, comments and the spelling of tags are gone, adjacent texts and constants are one text, loop
    targets have no names, elif is an if in an else.

    Args:
        partials: included texts by their path below the prompts folder.

    Returns:
        None where the template, or one that it includes, is missing, cannot be parsed or holds problems; warnings
        of the simple format aside, for its text is literal then.
    """
    return _normal_form(text, template_format, tuple(sorted(partials.items())))


# The same message is asked about more than once, for what it says and for what it does.
@lru_cache(maxsize=64)
def _normal_form(text: str, template_format: str, partials: tuple[tuple[str, str], ...]) -> object | None:
    form = _Form(dict(partials))
    try:
        form.template(text, template_format, {}, ())
    except _UntoldError:
        return None
    # Flat, with brackets of its own: comparing deep tuples would recurse.
    return tuple(form.flush())


class _UntoldError(Exception):
    """The template has no normal form."""


class _Form:
    def __init__(self, partials: Mapping[str, str]) -> None:
        self._events: list[tuple[str, ...]] = []
        self._text: list[str] = []
        self._partials = partials
        self._includes = MAX_INCLUDES
        self._size = MAX_OUTPUT
        self._depth = 0

    def flush(self) -> list[tuple[str, ...]]:
        """The events so far, the text that was being gathered included."""
        if text := "".join(self._text):
            self._events.append(("text", text))
        self._text.clear()
        return self._events

    def _event(self, *event: str) -> None:
        self.flush().append(event)

    def template(self, text: str, template_format: str, scope: Scope, chain: tuple[str, ...]) -> None:
        self._size -= len(text)
        too_large = len(text) > MAX_TEMPLATE or self._size < 0
        if too_large or (template_format != "simple" and analyse(text, template_format).problems):
            raise _UntoldError
        split = pieces(text, template_format)
        if split is None:
            from onbook.render.syntax import check

            tree = check(text).tree
            self._body(tree.body if tree else [], scope, chain)
            return
        for piece in split:
            if isinstance(piece, Use):
                self._event("output", _name(piece.name, scope))
            else:
                self._text.append(piece)

    def _body(self, body: Iterable[Any], scope: Scope, chain: tuple[str, ...]) -> None:
        for node in body:
            match type(node).__name__:
                case "Output":
                    for child in node.nodes:
                        self._output(child, scope)
                case "If":
                    self._if(node, node.elif_, scope, chain)
                case "For":
                    self._for(node, scope, chain)
                case "Include":
                    self._include(node.template.value, scope, chain)
                case other:
                    raise AssertionError(f"the allow-list has no {other}")

    def _output(self, node: Any, scope: Scope) -> None:
        match type(node).__name__:
            case "TemplateData":
                self._text.append(node.data)
            case "Const":
                self._text.append(as_text(node.value))
            case "List" | "Tuple":
                self._text.append(as_text([item.value for item in node.items]))
            case _:
                self._event("output", _expression(node, scope))

    def _if(self, node: Any, branches: list[Any], scope: Scope, chain: tuple[str, ...]) -> None:
        opened = 0
        for branch in (node, *branches):
            if opened:
                self._event("else")
            self._event("if", _expression(branch.test, scope))
            self._body(branch.body, scope, chain)
            opened += 1
        self._else(node.else_, scope, chain)
        for _ in range(opened):
            self._event("end")

    def _else(self, body: list[Any], scope: Scope, chain: tuple[str, ...]) -> None:
        self._event("else")
        before = len(self._events)
        self._body(body, scope, chain)
        if len(self.flush()) == before:  # an empty else is none
            self._events.pop()

    def _for(self, node: Any, scope: Scope, chain: tuple[str, ...]) -> None:
        targets = getattr(node.target, "items", [node.target])
        self._event("for", str(len(targets)), _expression(node.iter, scope))
        self._depth += 1
        inner = {target.name: f"loop {self._depth} {place}" for place, target in enumerate(targets)}
        self._body(node.body, {**scope, **inner}, chain)
        self._depth -= 1
        self._else(node.else_, scope, chain)
        self._event("end")

    def _include(self, path: str, scope: Scope, chain: tuple[str, ...]) -> None:
        text = self._partials.get(path)
        self._includes -= 1
        if text is None or path in chain or len(chain) >= MAX_INCLUDE_DEPTH or self._includes < 0:
            raise _UntoldError
        self.template(text, "jinja2", scope, (*chain, path))


def _name(name: str, scope: Scope) -> str:
    return scope.get(name, f"free {name!r}")


def _constant(value: object) -> str:
    # 1, 1.0 and true are equal in Python and differ in a message.
    return f"{type(value).__name__} {value!r}"


def _expression(node: Any, scope: Scope) -> str:
    """An expression as one unambiguous string."""
    kind = type(node).__name__
    parts: list[str]
    match kind:
        case "Name":
            return _name(node.name, scope)
        case "Const":
            return _constant(node.value)
        case "Getattr" if type(node.node).__name__ == "Name" and node.node.name == "loop":
            return f"loop.{node.attr}"
        case "Getattr":
            kind, parts = "Getitem", [_expression(node.node, scope), _constant(node.attr)]
        case "Filter":
            parts = [node.name, _expression(node.node, scope), *_arguments(node, scope)]
        case "Test":
            parts = [node.name, _expression(node.node, scope)]
        case "Operand":
            parts = [node.op, _expression(node.expr, scope)]
        case _:
            parts = [_expression(child, scope) for child in node.iter_child_nodes()]
    return f"({kind} {' '.join(parts)})"


def _arguments(node: Any, scope: Scope) -> list[str]:
    from onbook.render.allowed import bind
    from onbook.render.language import FILTERS

    return [
        _constant(parameter.default) if value is None else _expression(value, scope)
        for parameter, value in zip(FILTERS[node.name], bind(node) or (), strict=True)
    ]
