"""Schemas as trees: what stands within one, and copies with something changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

Json = Mapping[str, object]
Pointer = tuple[str | int, ...]

# Under these keywords stand names with a schema each; under those, data in which nothing is a keyword.
_NAMED = (
    "properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependentRequired", "dependencies",
)  # fmt: skip
_DATA = ("enum", "const", "default", "examples")
_IDENTITIES = frozenset({"$id", "id", "$anchor", "$dynamicAnchor", "$recursiveAnchor"})


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


def references(schema: object) -> set[str]:
    """The references in a schema, as they are written."""
    found = (node.get(key) for node in subschemas(schema) for key in ("$ref", "$dynamicRef", "$recursiveRef"))
    return {reference for reference in found if isinstance(reference, str)}


def trimmed(root: Json, wanted: Iterable[str]) -> Json | None:
    """A schema without all that some references do not lead to, everything else at its place; nothing is copied.

    None where one leads to no schema of it, or a schema on the way has a name of its own: then all of it is meant.
    """
    waiting, seen = sorted(wanted), set(wanted)
    kept = _Branch()
    while waiting:
        found = _way(root, waiting.pop())
        if found is None:
            return None
        steps, target = found
        if not steps:
            return root
        branch: Any = kept
        for step in steps[:-1]:
            branch = branch.setdefault(step, _Branch())
            if not isinstance(branch, _Branch):
                break  # what it stands in is kept already
        else:
            branch[steps[-1]] = target
            more = references(target) - seen
            seen |= more
            waiting += sorted(more)
    return kept


class _Branch(dict[str, Any]):
    """What is kept within something that is not kept itself."""


def _way(root: Json, reference: str) -> tuple[list[str], object] | None:
    """The steps to the schema that a local reference leads to, and the schema; to the list where it stands in one."""
    if not isinstance(resolve(root, reference), Mapping | bool):
        return None
    node: object = root
    steps: list[str] = []
    named = False  # whether the node is a table of names, not a schema
    for part in reference.split("/")[1:]:
        if isinstance(node, list):
            return steps, node
        step = unquote(part).replace("~1", "/").replace("~0", "~")
        assert isinstance(node, Mapping)
        if not named and (step in _DATA or node.keys() & _IDENTITIES):
            return None
        named = not named and step in _NAMED
        node = node[step]
        steps.append(step)
    return None if named or isinstance(node, list) else (steps, node)


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
