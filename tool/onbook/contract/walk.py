"""Schemas as trees: what stands within one, and copies with something changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import unquote

Json = Mapping[str, object]
Pointer = tuple[str | int, ...]

# Under these keywords stand names with a schema each; under those, data in which nothing is a keyword.
_NAMED = (
    "properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependentRequired", "dependencies",
)  # fmt: skip
_DATA = ("enum", "const", "default", "examples")


def rewrite(schema: object, change: Callable[[dict[str, object]], dict[str, object]]) -> object:
    """A copy of a schema in which ``change`` was applied to each schema within, the inner ones first.

    Names of properties are never taken for keywords, nor is data such as the members of an enum for schemas.
    """
    if isinstance(schema, list):
        return [rewrite(part, change) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    copied: dict[str, object] = {}
    for key, part in schema.items():
        if key in _NAMED and isinstance(part, Mapping):
            copied[key] = {name: rewrite(inner, change) for name, inner in part.items()}
        else:
            copied[key] = part if key in _DATA else rewrite(part, change)
    return change(copied)


def subschemas(schema: object) -> Iterator[Json]:
    """Every schema within a schema, itself first; booleans aside."""
    stack = [schema]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, Mapping):
            yield node
            for key, part in node.items():
                if key in _NAMED and isinstance(part, Mapping):
                    stack.extend(part.values())
                elif key not in _DATA:
                    stack.append(part)


def nodes(schema: object) -> int:
    """The size of a schema: the schemas within it and, at a hundredth, the members of its enums."""
    return sum(1 + len(members(node.get("enum"))) // 100 for node in subschemas(schema))


def members(value: object) -> list[object]:
    """A list, or nothing where there is none."""
    return value if isinstance(value, list) else []


def strip_annotations(schema: object) -> object:
    """A schema without what is ours or only for people and defaults: what a provider is sent.

    ``x-*`` keys and ``default`` are dropped where they are keywords, never where they are names of properties.
    """
    return rewrite(
        schema, lambda node: {key: part for key, part in node.items() if key != "default" and not key.startswith("x-")}
    )


def resolve(root: object, reference: str) -> object:
    """What a local reference (``#/$defs/level``) leads to within its schema; None where it leads nowhere."""
    if reference != "#" and not reference.startswith("#/"):
        return None
    node = root
    for part in reference.split("/")[1:]:
        step = unquote(part).replace("~1", "/").replace("~0", "~")
        if isinstance(node, list):
            node = node[int(step)] if step.isdecimal() and int(step) < len(node) else None
        else:
            node = node.get(step) if isinstance(node, Mapping) else None
    return node


def same(one: object, other: object) -> bool:
    """Whether two values are the same JSON: ``1`` and ``true`` differ, unlike in Python; the order of keys is free."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def dump(value: object) -> str:
    """A value as one line of JSON, for messages."""
    return _ENCODER.encode(value)


_ENCODER = json.JSONEncoder(ensure_ascii=False)  # made once: assertions say what they saw of every answer
