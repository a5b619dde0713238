"""Parts of a schema, taken out so that they mean the same by themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from onbook.contract import members, references, resolve, rewrite, subschemas, trimmed

Json = Mapping[str, object]

# What a validator passes over.
NOTES = ("title", "description", "examples", "$comment", "deprecated", "default")

_DEFINITION = re.compile(r"#/(\$defs|definitions)/([^/]+)")
_ROOT = "whole"


def rooted(part: object, root: object) -> Json | bool:
    """A part of a schema with all that its references lead to, and nothing else of the whole."""
    if isinstance(part, bool):
        return part
    if part is root or not isinstance(part, Mapping) or not isinstance(root, Mapping):
        return part if isinstance(part, Mapping) else {}
    draft = {"$schema": root["$schema"]} if "$schema" in root else {}
    wanted = references(part)
    if not wanted:
        return {**draft, **part}
    definitions = _definitions(wanted, root)
    if definitions is not None:
        return {**draft, **part, **definitions}
    # References into the middle of the schema, or to all of it: what they lead to goes along, one level deeper.
    moved = rewrite(part, _move)
    assert isinstance(moved, dict)
    reached = trimmed(root, wanted)
    return {**draft, **moved, "$defs": {_ROOT: rewrite(root if reached is None else reached, _move)}}


def _definitions(wanted: Iterable[str], root: Json) -> dict[str, dict[str, object]] | None:
    """The definitions that some references lead to, by the keyword they stand under; None if one leads elsewhere."""
    found: dict[str, dict[str, object]] = {}
    waiting = list(wanted)
    while waiting:
        match = _DEFINITION.match(waiting.pop())
        target = resolve(root, match.group()) if match else None
        if not match or target is None:
            return None
        held = found.setdefault(match[1], {})
        name = match[2].replace("~1", "/").replace("~0", "~")
        if "%" in name:
            return None
        if name not in held:
            held[name] = target
            waiting += references(target)
    return found


def _move(node: dict[str, object]) -> dict[str, object]:
    reference = node.get("$ref")
    if isinstance(reference, str) and (reference == "#" or reference.startswith("#/")):
        return {**node, "$ref": f"#/$defs/{_ROOT}{reference[1:]}"}
    return node


def tolerant(schema: Json | bool) -> Json | bool:
    """What a reader handles that passes over properties which it does not know."""

    def opened(node: dict[str, object]) -> dict[str, object]:
        return {
            key: part
            for key, part in node.items()
            if key not in ("additionalProperties", "unevaluatedProperties") or part is not False
        }

    return _schema(rewrite(schema, opened))


def closed(schema: Json | bool, *, wide: bool) -> Json | bool:
    """A schema in which objects hold declared properties only: what a reader handles that knows no others.

    Args:
        wide: whether it is asked if it covers another. Closing may then refuse too much, which is the safe side;
            what is to be covered stays open where closing it could hide values.
    """
    if not wide and any(_mixes(node) for node in subschemas(schema)):
        return schema

    def close(node: dict[str, object]) -> dict[str, object]:
        speaks = {"additionalProperties", "unevaluatedProperties", "patternProperties"} & node.keys()
        if "properties" not in node or speaks:
            return node
        # What is asked for by name is known by name.
        return {**node, "properties": {**dict.fromkeys(_asked(node), True), **properties(node)}, **_SHUT}

    return _schema(rewrite(schema, close))


_SHUT = {"additionalProperties": False}


def _asked(node: Json) -> list[str]:
    dependent = node.get("dependentRequired")
    lists = dependent.values() if isinstance(dependent, Mapping) else ()
    return sorted({*required(node), *(name for names in lists for name in texts(names))})


def _mixes(node: Json) -> bool:
    """Whether several schemas speak of the same object: closing one would refuse what another declares."""
    if any(key in node for key in ("allOf", "if", "not", "dependentSchemas", "$dynamicRef")):
        return True
    unions = "anyOf" in node or "oneOf" in node
    referring = "$ref" in node
    return (unions and ("properties" in node or referring)) or (referring and "properties" in node)


def _schema(value: object) -> Json | bool:
    return value if isinstance(value, Mapping | bool) else {}


def is_reference(schema: object) -> bool:
    """Whether a schema says nothing but what it refers to."""
    if not isinstance(schema, Mapping) or not isinstance(schema.get("$ref"), str):
        return False
    return not without(schema, (*NOTES, "$ref", "$defs", "definitions", "$schema"))


def without(schema: object, keys: Iterable[str]) -> dict[str, object]:
    """A schema without some of its own keywords, and without what is only ours."""
    dropped = frozenset(keys)
    if not isinstance(schema, Mapping):
        return {}
    return {key: part for key, part in schema.items() if key not in dropped and not key.startswith("x-")}


def properties(schema: object) -> dict[str, Json | bool]:
    """The properties that a schema declares."""
    found = schema.get("properties") if isinstance(schema, Mapping) else None
    if not isinstance(found, Mapping):
        return {}
    return {name: part if isinstance(part, Mapping | bool) else {} for name, part in found.items()}


def texts(value: object) -> list[str]:
    """A list of names; nothing where there is none."""
    return [str(item) for item in members(value)]


def required(schema: object) -> set[str]:
    """The properties that a schema requires."""
    return set(texts(schema.get("required"))) if isinstance(schema, Mapping) else set()
