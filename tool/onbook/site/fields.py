"""A JSON Schema as the rows of a table: what a person asks of a contract."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from onbook.contract import members, resolve

Json = Mapping[str, object]

MAX_ROWS = 200
MAX_DEPTH = 6
MAX_TEXT = 400  # characters of one value that is told

_LIMITS = (
    ("minimum", "{} or more"),
    ("exclusiveMinimum", "more than {}"),
    ("maximum", "{} or less"),
    ("exclusiveMaximum", "less than {}"),
    ("multipleOf", "a multiple of {}"),
    ("pattern", "matches {}"),
    ("format", "format {}"),
)


@dataclass(frozen=True, slots=True)
class Field:
    """One property.

    Attributes:
        name: ``[]`` stands for the items of the list above it; depth: how many objects and lists it stands in.
        type: in words; limits: what else its schema asks, in words.
        default: as JSON, None where there is none.
    """

    name: str
    depth: int
    type: str
    required: bool = False
    default: str | None = None
    untrusted: bool = False
    aliases: tuple[str, ...] = ()
    description: str = ""
    limits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a contract; ``more`` says that there are others which are not shown."""

    rows: tuple[Field, ...]
    more: bool = False


def table(schema: Json | bool | None) -> Table:
    """The properties of an object, and what they hold, in the order in which they are declared."""
    if not isinstance(schema, Mapping):
        return Table(())
    rows = list(islice(_properties(schema, schema, 0), MAX_ROWS + 1))
    return Table(tuple(rows[:MAX_ROWS]), len(rows) > MAX_ROWS)


def answer(schema: Json | bool | None) -> Table:
    """The same for an answer, which need not be an object: then its first row is the whole."""
    if not isinstance(schema, Mapping):
        return Table(())
    whole = _followed(schema, schema)
    if isinstance(whole.get("properties"), Mapping):
        return table(schema)
    rows = list(islice(_field(schema, schema, "the answer", False, 0), MAX_ROWS + 1))
    return Table(tuple(rows[:MAX_ROWS]), len(rows) > MAX_ROWS)


def _properties(root: Json, schema: Json, depth: int) -> Iterator[Field]:
    schema = _followed(root, schema)
    declared = schema.get("properties")
    needed = set(map(str, members(schema.get("required"))))
    for name, part in declared.items() if isinstance(declared, Mapping) else ():
        yield from _field(root, part, name, name in needed, depth)


def _field(root: Json, part: object, name: str, required: bool, depth: int) -> Iterator[Field]:
    schema = _followed(root, part)
    yield Field(
        name,
        depth,
        _type(root, schema),
        required,
        _json(schema["default"]) if "default" in schema else None,
        schema.get("x-untrusted") is True,
        tuple(_short(each) for each in members(schema.get("x-aliases"))),
        _short(schema.get("description") or schema.get("title") or ""),
        tuple(_limits(schema)),
    )
    if depth >= MAX_DEPTH:
        return
    yield from _properties(root, schema, depth + 1)
    items = _followed(root, schema.get("items"))
    if isinstance(items.get("properties"), Mapping):
        yield from _properties(root, items, depth + 1)


def _followed(root: Json, schema: object) -> Json:
    """A schema, or what it refers to, with what stands beside the reference."""
    found = schema if isinstance(schema, Mapping) else {}
    for _ in range(MAX_DEPTH):
        reference = found.get("$ref")
        if not isinstance(reference, str):
            return found
        aim = resolve(root, reference)
        beside = {key: value for key, value in found.items() if key != "$ref"}
        found = {**aim, **beside} if isinstance(aim, Mapping) else beside
    return {}


def _type(root: Json, schema: Json, depth: int = 0) -> str:
    if "const" in schema:
        return _json(schema["const"])
    if "enum" in schema:
        return "one of " + ", ".join(map(_json, members(schema["enum"])[:40]))
    for key in ("anyOf", "oneOf"):
        if (branches := members(schema.get(key))) and depth < 2:
            told = [_type(root, _followed(root, branch), depth + 1) for branch in branches[:8]]
            return " or ".join(dict.fromkeys(told))
    declared = schema.get("type")
    types = [str(each) for each in members(declared)] or ([str(declared)] if isinstance(declared, str) else [])
    if types == ["array"]:
        items = _followed(root, schema.get("items"))
        return f"list of {_type(root, items, depth + 1)}" if items and depth < 2 else "list"
    named = {"array": "list"}
    return " or ".join(named.get(each, each) for each in types) or ("object" if "properties" in schema else "any")


def _limits(schema: Json) -> Iterator[str]:
    for low, high, what in (("minLength", "maxLength", "characters"), ("minItems", "maxItems", "items")):
        least, most = schema.get(low), schema.get(high)
        if most is not None:
            yield f"{_short(least or 0)} to {_short(most)} {what}"
        elif least is not None:
            yield "not empty" if least == 1 else f"at least {_short(least)} {what}"
    for key, told in _LIMITS:
        value = schema.get(key)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            yield told.format(_short(value))


def _json(value: object) -> str:
    return _short(json.dumps(value, ensure_ascii=False))


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"
