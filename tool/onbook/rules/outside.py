"""Where a prompt writes text from outside: inputs marked ``x-untrusted``, followed through its templates."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onbook.patterns import later
from onbook.project import Source
from onbook.prompt import Prompt
from onbook.render.scan import If, Include, Outline, Value, Write, outline
from onbook.render.template import Pieces, pieces
from onbook.render.types import normal_newlines
from onbook.rules.declared import Json, resolve
from onbook.rules.texts import Text, memo, messages, partial, within_ways

if TYPE_CHECKING:
    from jinja2 import nodes


@dataclass(frozen=True, slots=True)
class Taint:
    """What of a value comes from outside.

    Attributes:
        origin: the input that it comes from.
        paths: the keys that lead to it within the value; the empty path is all of it. Items of lists have no key.
    """

    origin: str
    paths: frozenset[tuple[str, ...]]

    def at(self, key: object) -> Taint | None:
        """What of one of its items does; a key that is known only when it is rendered may be any."""
        if isinstance(key, str):
            inner = {path[1:] for path in self.paths if path[:1] == (key,)} | {path for path in self.paths if not path}
        else:
            inner = {*self.paths} if isinstance(key, int) else {*self.paths, *(path[1:] for path in self.paths)}
        return Taint(self.origin, frozenset(inner)) if inner else None


# Names that hold text from outside.
Tainted = Mapping[str, Taint]


@dataclass(frozen=True, slots=True)
class Writing:
    """One place where a text writes a value from outside.

    Attributes:
        name: the input.
        role: of the message that it becomes part of.
        enclosed: whether something sets it apart there.
    """

    text: Text
    offset: int
    name: str
    role: str
    enclosed: bool


def writings(source: Source) -> list[Writing]:
    """Every place of a prompt, its partials included, that writes a value from outside; found once for all rules."""
    return memo(source, "untrusted", _all_writes)


def _all_writes(source: Source) -> Iterable[Writing]:
    prompt = source.prompt
    if prompt is None:
        return ()
    leading = [it for it in prompt.input_properties.items() if _may_lead(it[1])]
    if not leading or not (any(["x-untrusted" in schema for _, schema in leading]) or _may_be_marked(source)):  # noqa: C419
        return ()
    tainted = dict(_untrusted(leading, prompt.inputs or {}))
    return _writes(source, prompt, tainted) if tainted else ()


def _writes(source: Source, prompt: Prompt, tainted: Tainted) -> Iterator[Writing]:
    # A message that names none of them writes one only within a partial, which names it then.
    included = any(_names(text, tainted) for text in prompt.partials.values())
    for text in messages(source):
        if included or _names(text.text, tainted):
            alone = _ALONE.fullmatch(text.text) is not None
            yield from _written(source, text, text.role or "", tainted, alone, set())


def _names(text: str, tainted: Tainted) -> bool:
    return any(map(text.__contains__, tainted))


_ALONE = later(r"\s*\{\{[^{}]*\}\}\s*")


def _may_be_marked(source: Source) -> bool:
    """Whether the mark may stand in the prompt's file, or in a schema that it refers to: in letters, or in escapes."""
    text = source.document.text if source.document else ""
    if _may_say_mark(text):
        return True
    others = (source.snapshot.read(file.path) for file in source.files[1:]) if "$ref" in text else ()
    return any(_may_say_mark(raw.decode("latin-1")) for raw in others)


def _may_say_mark(text: str) -> bool:
    return "x-untrusted" in text or ("\\" in text and _ESCAPED.search(text) is not None)


# An escape for a character of ASCII, or for the end of a line: no other stands for a part of a word of ASCII.
_ESCAPED = later(r"\\(?:x[2-7]|u00[2-7]|U000000[2-7]|\s)")


_SEVERAL = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
# A schema that has none of these, and no items that have, is not marked, and has no part that is.
_LEADING = frozenset({"x-untrusted", "$ref", "properties", *_SEVERAL})
_ALL = frozenset({()})
MAX_MARKS = 1_000  # places of one input's schema that are looked at: a schema may refer to itself


def _may_lead(schema: object) -> bool:
    if type(schema) is not dict or not _LEADING.isdisjoint(schema):
        return True
    items = schema.get("items")
    return items is not None and (type(items) is not dict or "items" in items or not _LEADING.isdisjoint(items))


def _untrusted(inputs: Iterable[tuple[str, Json]], contract: Json) -> Iterator[tuple[str, Taint]]:
    """The inputs that are marked, or that have a part which is: a property, the items, or what is referred to."""
    for name, schema in inputs:
        if schema.get("x-untrusted") is True:
            yield name, Taint(name, _ALL)
            continue
        paths: set[tuple[str, ...]] = set()
        seen: set[int] = set()
        waiting: list[tuple[object, tuple[str, ...]]] = [(schema, ())]
        while waiting and len(seen) < MAX_MARKS:
            node, path = waiting.pop()
            if type(node) is not dict and not isinstance(node, Mapping):
                continue
            if id(node) in seen:
                continue
            seen.add(id(node))
            if node.get("x-untrusted") is True:
                paths.add(path)
                continue
            reference, properties = node.get("$ref"), node.get("properties")
            if isinstance(reference, str) and _may_lead(target := resolve(reference, contract)):
                waiting.append((target, path))
            if "items" in node and _may_lead(node["items"]):
                waiting.append((node["items"], path))
            if isinstance(properties, Mapping):
                waiting += [(inner, (*path, key)) for key, inner in properties.items() if _may_lead(inner)]
            for word in _SEVERAL if not _SEVERAL.isdisjoint(node) else ():
                several = node.get(word)
                waiting += [(inner, path) for inner in several] if isinstance(several, list) else []
        if paths:
            yield name, Taint(name, frozenset(paths))


def _written(
    source: Source, text: Text, role: str, tainted: Tainted, apart: bool, seen: set[object]
) -> Iterator[Writing]:
    # What is written is named, and whatever else hands a value on is a tag.
    if "{%" not in text.text and not _names(text.text, tainted):
        return
    content = normal_newlines(text.text) if text.template_format == "jinja2" else text.text
    enclosed: list[tuple[int, int]] | None = None
    for offset, name, inner in _found(content, text.template_format, tainted):
        inside = apart or _PAIR.match(content, max(0, content.rfind("<", 0, offset))) is not None
        if not inside:
            enclosed = _enclosed(content) if enclosed is None else enclosed
            place = bisect_right(enclosed, (offset,)) - 1
            inside = place >= 0 and offset < enclosed[place][1]
        if inner is None:
            yield Writing(text, offset, name, role, inside)
            continue
        # A partial says the same wherever it is included with the same values.
        key = (name, frozenset(inner.items()), inside)
        included = partial(source, name)
        if included and key not in seen:
            within_ways(seen)
            seen.add(key)
            yield from _written(source, included, role, inner, inside, seen)


def _found(content: str, template_format: str, tainted: Tainted) -> Iterator[tuple[int, str, Tainted | None]]:
    """Where a template writes outside text, (offset, input, None), or includes, (offset, path, what is tainted)."""
    plain = None if template_format == "jinja2" and "{%" in content else pieces(content, template_format)
    if plain is not None:
        yield from _named(content, plain, tainted)
    elif (tree := outline(content)) is not None:
        yield from _outlined(tree, tainted)
    else:
        from onbook.render.syntax import check

        parsed = check(content).tree
        yield from _Flow().body(parsed.body, tainted) if parsed else ()


def _named(content: str, plain: Pieces, tainted: Tainted) -> Iterator[tuple[int, str, None]]:
    """The same of a text in which nothing but names stands in braces."""
    end = 0
    for piece in plain:
        if isinstance(piece, str):
            end += len(piece)
            continue
        if piece.name in tainted:
            yield content.index(piece.name, end), tainted[piece.name].origin, None
        end = content.index("}}", end) + 2


def _outlined(body: Outline, tainted: Tainted) -> Iterator[tuple[int, str, Tainted | None]]:
    """The same of a template that needs no parser: what _Flow finds in its syntax tree."""
    for node in body:
        if isinstance(node, Write):
            if taint := _passed(node.value, tainted):
                yield node.offset, taint.origin, None
        elif isinstance(node, Include):
            yield node.offset, node.path, tainted
        elif isinstance(node, If):
            for branch in node.branches:
                yield from _outlined(branch, tainted)
        else:
            looped = _passed(node.over, tainted)
            inner = {name: taint for name, taint in tainted.items() if name not in node.targets}
            inner |= dict.fromkeys(node.targets, looped) if looped else {}
            yield from _outlined(node.body, inner)
            yield from _outlined(node.otherwise, tainted)


def _passed(value: Value, tainted: Tainted) -> Taint | None:
    taint = tainted.get(value[0])
    for key in value[1:]:
        taint = taint and taint.at(key)
    return taint


class _Flow:
    """Follows values from outside through one syntax tree, whose nodes have offsets for lines."""

    def body(self, body: list[nodes.Node], tainted: Tainted) -> Iterator[tuple[int, str, Tainted | None]]:
        from jinja2 import nodes

        for node in body:
            match node:
                case nodes.Output():
                    for child in node.nodes:
                        for offset, name in self.written(child, tainted):
                            yield offset, name, None
                case nodes.If():
                    for branch in (node, *node.elif_):
                        yield from self.body(branch.body, tainted)
                    yield from self.body(node.else_, tainted)
                case nodes.For():
                    looped = self.reached(node.iter, tainted)
                    targets = {target.name for target in node.target.find_all(nodes.Name)}
                    targets |= {node.target.name} if isinstance(node.target, nodes.Name) else set()
                    inner = {name: source for name, source in tainted.items() if name not in targets}
                    inner |= dict.fromkeys(targets, looped) if looped else {}
                    yield from self.body(node.body, inner)
                    yield from self.body(node.else_, tainted)
                case nodes.Include(template=nodes.Const(value=path)):
                    yield node.template.lineno, path, tainted

    def reached(self, node: nodes.Node, tainted: Tainted) -> Taint | None:
        """What of an expression's value comes from outside."""
        from jinja2 import nodes

        match node:
            case nodes.Name():
                return tainted.get(node.name)
            case nodes.Getattr():
                taint = self.reached(node.node, tainted)
                return taint and taint.at(node.attr)
            case nodes.Getitem():
                taint = self.reached(node.node, tainted)
                return taint and taint.at(node.arg.value if isinstance(node.arg, nodes.Const) else None)
        # Of a filter or a choice nobody knows which part it passes on: all of it counts.
        origin = next((name for _, name in self.written(node, tainted)), None)
        return Taint(origin, frozenset({()})) if origin else None

    def written(self, node: nodes.Node, tainted: Tainted) -> Iterator[tuple[int, str]]:
        """The names whose text an expression passes on: not what it only asks, compares or counts."""
        from jinja2 import nodes

        match node:
            case nodes.Name() if node.name in tainted:
                yield node.lineno, tainted[node.name].origin
            case nodes.Getattr() | nodes.Getitem():
                if taint := self.reached(node, tainted):
                    at = next((name.lineno for name in node.find_all(nodes.Name)), node.lineno)
                    yield at, taint.origin
            case nodes.CondExpr():
                for branch in (node.expr1, node.expr2):
                    if branch is not None:
                        yield from self.written(branch, tainted)
            case nodes.And() | nodes.Or():
                yield from self.written(node.left, tainted)
                yield from self.written(node.right, tainted)
            case nodes.Filter() if node.name != "length":
                for part in node.iter_child_nodes():
                    yield from self.written(part.value if isinstance(part, nodes.Keyword) else part, tainted)


_TAG = later(r"<(?P<end>/)?(?P<name>[A-Za-z_][\w.:-]*+)(?P<rest>[^<>]*+)>")
# From the last "<" before a place on: a tag, its closing tag, and no other between them.
_PAIR = later(r"<([A-Za-z_][\w.:-]*+)(?:[^<>]*[^<>/])?>[^<>]*+</\1(?![\w.:-])[^<>]*+>")
_FENCES = ("```", "~~~", '"""', "'''")


def _enclosed(text: str) -> list[tuple[int, int]]:
    """The stretches between a tag and its closing tag, attributes counted, and between two fences; joined, sorted."""
    opened: dict[str, list[int]] = {}
    spans: list[tuple[int, int]] = []
    for tag in _TAG.finditer(text):
        if tag["end"]:
            if places := opened.get(tag["name"]):
                spans.append((places.pop(), tag.start()))
        elif not tag["rest"].endswith("/"):
            opened.setdefault(tag["name"], []).append(tag.start())
    for fence in _FENCES:
        if fence in text:
            found = [match.start() for match in re.finditer(fence, text)]
            spans += zip(found[::2], found[1::2], strict=False)
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined
