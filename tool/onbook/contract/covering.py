"""Whether one schema covers another: every value of the second is a value of the first."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from onbook.contract.drafts import draft_of, modern, tells_integers_apart
from onbook.contract.effort import MAX_EFFORT, effort_of
from onbook.contract.walk import Json, members, nodes, resolve, same, subschemas

# Canonicalising is exponential in the worst case and holds the interpreter's lock, so the price is asked before: in
# schemas within the two, and in ways to choose one branch of every union that must hold at once.
MAX_COVERED_NODES = 400
MAX_COVERED_WAYS = 64
# The library holds every member of one enum against every member of the other.
MAX_COVERED_MEMBERS = 2_000


class Containment(Enum):
    """Whether every value of one schema is a value of another. UNKNOWN is never taken for YES."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


def covers(wide: Json | bool, narrow: Json | bool) -> Containment:
    """Whether every value that ``narrow`` accepts is accepted by ``wide``.

    Schemas of older drafts are compared in the words of 2020-12 where these say exactly the same. What is too large or
    beyond the library (recursion, some patterns) is UNKNOWN, and so is whatever it fails at: its API is young.
    """
    if wide is True or wide == {} or (same(wide, narrow) and draft_of(wide) == draft_of(narrow)):
        return Containment.YES
    wider, narrower = _said_in_2020(wide), _said_in_2020(narrow)
    if wider is None or narrower is None or not _affordable(wider, narrower):
        return Containment.UNKNOWN
    verdict = _canonically(wider, narrower)
    if verdict is Containment.YES and tells_integers_apart(wide, narrow):
        return Containment.UNKNOWN
    return verdict


def _said_in_2020(schema: Json | bool) -> Json | bool | None:
    # What is too large is not even translated.
    return schema if draft_of(schema) == 2020 else modern(schema) if nodes(schema) <= MAX_COVERED_NODES else None


def _canonically(wide: Json | bool, narrow: Json | bool) -> Containment:
    try:
        import jsonschema_rs

        draft = jsonschema_rs.Draft202012

        def canonical(schema: Json | bool) -> Any:
            document: Any = dict(schema) if isinstance(schema, Mapping) else schema
            return jsonschema_rs.canonicalize(document, draft=draft, validate_formats=True, offline=True)

        verdict = str(canonical(wide).covers(canonical(narrow)))
    except Exception:  # a witness may still be found, which needs none of this; if not, the pair is unproven
        return Containment.UNKNOWN
    return Containment(verdict) if verdict in ("yes", "no") else Containment.UNKNOWN


def _affordable(wide: Json | bool, narrow: Json | bool) -> bool:
    if nodes(wide) + nodes(narrow) > MAX_COVERED_NODES:
        return False
    if any(sum(len(members(node.get("enum"))) for node in subschemas(s)) > MAX_COVERED_MEMBERS for s in (wide, narrow)):
        return False
    if effort_of(wide) > MAX_EFFORT or effort_of(narrow) > MAX_EFFORT:
        return False
    return _ways(wide, wide, {}) * _ways(narrow, narrow, {}) <= MAX_COVERED_WAYS


def _ways(schema: object, root: object, known: dict[str, int]) -> int:
    """In how many ways one branch of every union that holds at once can be chosen; stops counting at the limit."""
    if not isinstance(schema, Mapping):
        return 1
    ways = 1
    for key, part in schema.items():
        match key:
            case "anyOf" | "oneOf":
                ways *= sum(_ways(branch, root, known) for branch in members(part)) or 1
            case "allOf":
                ways *= _product(members(part), root, known)
            case "if":
                ways *= 2 * _product([schema.get(name) for name in ("if", "then", "else")], root, known)
            case "not" | "contains" | "propertyNames" | "items" | "additionalProperties" | "unevaluatedProperties":
                ways *= _ways(part, root, known)
            case "dependentRequired" | "dependentSchemas" | "dependencies" if isinstance(part, Mapping):
                ways *= 2 ** min(len(part), 10) * _product(list(part.values()), root, known)
            case "properties" | "patternProperties" if isinstance(part, Mapping):
                # Properties are told apart by their names: one at a time is a choice.
                ways *= max((_ways(inner, root, known) for inner in part.values()), default=1)
            case "$ref" if isinstance(part, str):
                if part not in known:
                    known[part] = 1
                    known[part] = _ways(resolve(root, part), root, known)
                ways *= known[part]
        if ways > MAX_COVERED_WAYS:
            return MAX_COVERED_WAYS + 1
    return ways


def _product(parts: list[object], root: object, known: dict[str, int]) -> int:
    ways = 1
    for part in parts:
        ways *= _ways(part, root, known)
        if ways > MAX_COVERED_WAYS:
            break
    return ways
