"""The search for a witness on schemas that are meant to make it hang, lie or stumble."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from onbook.contract import Containment, Contract, covers
from onbook.diff import witness
from onbook.diff.witness import covering

Schema = dict[str, Any]


def pair(number: int) -> Schema:
    return {"anyOf": [{"type": "object", "required": [f"{letter}{number}"]} for letter in "ab"]}


def nested(depth: int, leaf: Schema) -> Schema:
    for _ in range(depth):
        leaf = {"type": "object", "properties": {"a": leaf}, "required": ["a"]}
    return leaf


def hostile() -> Iterator[tuple[str, Schema, Schema]]:
    """Name, wide, narrow."""
    yield "allOf of eight pairs", {"allOf": [pair(i) for i in range(8)]}, {"allOf": [pair(i) for i in range(9)]}
    yield "not allOf of eight pairs", {"not": {"allOf": [pair(i) for i in range(8)]}}, {"type": "object"}
    pairs = {f"p{i}": pair(i) for i in range(8)}
    by_reference = {"allOf": [{"$ref": f"#/$defs/p{i}"} for i in range(8)], "$defs": pairs}
    yield "eight pairs by reference", by_reference, {"type": "object"}
    twelve = {f"a{i}": [f"b{i}"] for i in range(12)}
    yield "twelve dependencies", {"type": "object", "dependentRequired": twelve}, {"type": "object", "minProperties": 1}
    choices = [{"if": {"required": [f"a{i}"]}, "then": {"required": [f"b{i}"]}} for i in range(12)]
    yield "twelve conditions", {"type": "object", "allOf": choices}, {"type": "object", "minProperties": 1}
    doubled: Schema = {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(40)}
    doubled["d40"] = {"type": "string"}
    yield "forty doublings", {"$ref": "#/$defs/d0", "$defs": doubled}, {"minLength": 2}
    wide: Schema = {
        f"p{i}": {"type": "object", "properties": {f"q{j}": {"type": "string"} for j in range(40)}} for i in range(60)
    }
    yield "2,400 properties", {"properties": wide, "required": ["p1"]}, {"properties": wide}
    yield "5,000 names", {"properties": {f"p{i}": {} for i in range(5_000)}, "required": ["p7"]}, {"type": "object"}
    members = [f"member {i}" for i in range(10_000)]
    yield "10,000 members", {"enum": members[:-1]}, {"enum": members}
    yield "sixty levels", nested(60, {"type": "integer"}), nested(60, {"type": "number"})
    yield "600 levels", nested(600, {"type": "integer"}), nested(600, {"type": "number"})
    node = {"type": "object", "properties": {name: {"$ref": "#"} for name in "abcdefghij"}}
    yield "a node of ten nodes", {**node, "required": ["a"]}, node
    yield "itself", {"$ref": "#"}, {"type": "string"}
    yield (
        "a circle",
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
        {"minLength": 1},
    )
    yield "a long text", {"maxLength": 10**12}, {"type": "string", "minLength": 10**12}
    yield "a long list", {"maxItems": 10**9}, {"type": "array", "minItems": 10**9, "items": {"minLength": 4_000}}
    strings = {
        "type": "array",
        "items": {"type": "array", "items": {"minLength": 4_000}, "minItems": 90},
        "minItems": 90,
    }
    yield "lists of lists of long texts", {**strings, "maxItems": 91}, strings
    yield "large numbers", {"minimum": 10**400, "maximum": 1e308}, {"type": "number", "multipleOf": 1e-300}
    backtracking = {"type": "string", "pattern": r"^(\w+\s?)*\1$(?!x)"}
    yield "a pattern that backtracks", backtracking, {"type": "string", "minLength": 20}
    many = {"type": "object", "properties": {f"p{i}": backtracking for i in range(40)}}
    yield "forty patterns that backtrack", {**many, "required": ["p1"]}, many
    yield "a pattern in bounds", {"pattern": "^(a{1,500}){1,500}$"}, {"pattern": "^(b{1,500}){1,500}$"}
    unions = {
        "oneOf": [{"properties": {"k": {"const": i}, "v": {"type": "string"}}, "required": ["k"]} for i in range(150)]
    }
    yield "a union of 150", {**unions, "required": ["v"]}, unions
    yield "infinity", {"enum": [float("inf")]}, {"enum": [float("inf"), 1]}
    yield "no number", {"maximum": 5}, {"maximum": float("nan")}
    yield "names that are no text", {"type": "object"}, {1: {"type": "string"}}  # type: ignore[dict-item]


HOSTILE = [pytest.param(wide, narrow, id=name) for name, wide, narrow in hostile()]


@pytest.mark.parametrize(("wide", "narrow"), HOSTILE)
def test_hostile_schemas_are_decided_or_not_but_never_wrongly(wide: Schema, narrow: Schema) -> None:
    for one, other in ((wide, narrow), (narrow, wide)):
        found = covering(one, other)
        assert (found.witness is None) or found.verdict is Containment.NO
        if found.witness is not None:
            assert Contract(other).accepts(found.witness[0])
            assert not Contract(one).accepts(found.witness[0])
            assert len(json.dumps(found.witness[0])) < 1_000_000


@pytest.mark.parametrize(("wide", "narrow"), HOSTILE)
def test_no_search_makes_up_more_than_its_bounds(wide: Schema, narrow: Schema) -> None:
    values = list(islice(witness._candidates(narrow, wide), 20 * witness.MAX_CANDIDATES))
    assert len(values) < 20 * witness.MAX_CANDIDATES or "member 1" in values


def test_what_is_too_dear_is_not_given_to_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    import jsonschema_rs

    asked: list[object] = []
    real = jsonschema_rs.canonicalize
    monkeypatch.setattr(jsonschema_rs, "canonicalize", lambda *a, **k: (asked.append(a), real(*a, **k))[1])
    dear = {"allOf of eight pairs", "not allOf of eight pairs", "eight pairs by reference", "forty doublings"}
    dear |= {"twelve dependencies", "twelve conditions", "2,400 properties", "5,000 names", "a union of 150"}
    for name, wide, narrow in hostile():
        if name in dear:
            assert covers(wide, narrow) is Containment.UNKNOWN, name
            assert not asked, name
        elif name == "sixty levels":
            covers(wide, narrow)
            assert asked
            asked.clear()


@pytest.mark.parametrize("trouble", [ValueError, RuntimeError, TypeError, None])
def test_without_the_library_a_witness_or_a_proof_of_our_own_decides(
    trouble: type[Exception] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import jsonschema_rs

    def fails(*_: object, **__: object) -> None:
        assert trouble
        raise trouble

    if trouble is None:
        monkeypatch.delattr(jsonschema_rs, "canonicalize")
    else:
        monkeypatch.setattr(jsonschema_rs, "canonicalize", fails)
    assert covers({"minLength": 1}, {"minLength": 2}) is Containment.UNKNOWN
    assert covering({"minLength": 1}, {"minLength": 2}).verdict is Containment.YES
    assert covering({"minLength": 2}, {"type": "string", "minLength": 1}).witness == ("a",)
    undecided = covering({"not": {"type": "string"}}, {"not": {"type": ["string", "null"]}})
    assert undecided.verdict is Containment.UNKNOWN


@pytest.mark.parametrize(
    ("wide", "narrow", "expected"),
    [
        ({"type": "string", "minLength": 2}, {"type": "string"}, "a"),
        ({"type": "integer"}, {"type": "number"}, 1.5),
        ({"type": "number", "exclusiveMinimum": 3}, {"type": "number", "minimum": 3}, 3),
        ({"type": "string"}, {"type": ["string", "null"]}, None),
        ({"type": "array", "maxItems": 3}, {"type": "array", "maxItems": 4}, ["a"] * 4),
        ({"type": "array", "uniqueItems": True}, {"type": "array"}, ["a", "a"]),
        ({"format": "uuid", "type": "string"}, {"type": "string", "format": "ipv4"}, "192.0.2.1"),
        (
            {"type": "object", "additionalProperties": {"type": "integer"}},
            {"type": "object", "additionalProperties": {"type": "number"}},
            {"onbook-unknown": 1.5},
        ),
        (
            {"type": "array", "prefixItems": [{"const": "a"}, {"type": "integer"}]},
            {"type": "array", "prefixItems": [{"const": "a"}, {"type": "number", "minimum": 0.5}]},
            ["a", 0.5],
        ),
    ],
)
def test_the_witness_is_a_simple_one(wide: Schema, narrow: Schema, expected: object) -> None:
    assert covering(wide, narrow).witness == (expected,)
