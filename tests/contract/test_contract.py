from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from onbook.contract import (
    Containment,
    Contract,
    ContractError,
    covers,
    nodes,
    resolve,
    same,
    strip_annotations,
)
from onbook.contract.covering import MAX_COVERED_NODES
from onbook.diff.witness import covering

CASES = Path(__file__).parents[1] / "cases" / "contract"
ROWS = yaml.load((CASES / "covers.yml").read_text(encoding="utf-8"), yaml.CSafeLoader)


@pytest.mark.parametrize("row", [pytest.param(row, id=str(number)) for number, row in enumerate(ROWS, 1)])
def test_covers(row: dict[str, Any]) -> None:
    wide, narrow = row["wide"], row["narrow"]
    assert covers(wide, narrow).value == row["library"]
    found = covering(wide, narrow)
    assert found.verdict.value == row["decided"]
    if found.witness is not None:
        assert found.verdict is Containment.NO
        assert Contract(narrow).accepts(found.witness[0])
        assert not Contract(wide).accepts(found.witness[0])
    assert covers(wide, wide) is Containment.YES


def test_a_thousand_nodes_are_not_looked_at() -> None:
    wide = {"type": "object", "properties": {f"a{i}": {"type": "string"} for i in range(MAX_COVERED_NODES)}}
    narrow = {**wide, "required": ["a1"]}
    assert nodes(wide) > MAX_COVERED_NODES
    assert covers(wide, narrow) is Containment.UNKNOWN
    assert covering(narrow, wide).witness == ({},)


def test_members_of_an_enum_count_little() -> None:
    members: dict[str, object] = {"enum": [f"m{i}" for i in range(10_000)]}
    fewer: dict[str, object] = {"enum": [f"m{i}" for i in range(9_999)]}
    # Too many for the library, which would hold each against each; one by one they are soon told.
    assert covers(members, fewer) is Containment.UNKNOWN
    assert covering(members, fewer).verdict is Containment.YES
    assert covering(fewer, members).witness == ("m9999",)


def test_strip_annotations_tells_keywords_from_names() -> None:
    schema = {
        "properties": {"default": {"type": "string", "default": "a"}, "x-note": {"x-note": 1}},
        "dependentRequired": {"default": ["x-note"], "x-note": ["default"]},
        "const": {"default": 1, "x-note": 2},
        "x-owner": "us",
    }
    assert strip_annotations(schema) == {
        "properties": {"default": {"type": "string"}, "x-note": {}},
        "dependentRequired": {"default": ["x-note"], "x-note": ["default"]},
        "const": {"default": 1, "x-note": 2},
    }


def test_same_is_the_same_json() -> None:
    assert same({"a": 1, "b": 2}, {"b": 2, "a": 1})
    assert not same({"a": 1}, {"a": True})
    assert not same([1, 2], [2, 1])
    assert not same(0, False)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("#/$defs/a", {"type": "string"}),
        ("#/$defs/b~1c", 1),
        ("#/$defs/d%20e", 2),
        ("#/anyOf/0", {"const": 1}),
        ("#/anyOf/9", None),
        ("#/anyOf/-1", None),
        ("#/nowhere/at/all", None),
        ("other.json#/$defs/a", None),
        ("#anchor", None),
    ],
)
def test_resolve(reference: str, expected: object) -> None:
    root = {"$defs": {"a": {"type": "string"}, "b/c": 1, "d e": 2}, "anyOf": [{"const": 1}]}
    assert resolve(root, reference) == expected
    assert resolve(root, "#") == root


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strin"},
        {"pattern": "("},
        {"$ref": "#/nowhere"},
        {"$ref": "http://127.0.0.1:9/schema.json"},
        {"$ref": "file:///etc/hostname"},
        {1: 2},
        {"const": "\ud800"},
    ],
)
def test_what_is_no_schema_is_told(schema: Any) -> None:
    with pytest.raises(ContractError) as caught:
        Contract(schema)
    assert "\n" not in caught.value.message


def test_a_schema_nested_too_deep_is_told() -> None:
    schema: dict[str, object] = {"type": "string"}
    for _ in range(600):
        schema = {"properties": {"a": schema}}
    with pytest.raises(ContractError):
        Contract(schema)


def test_a_schema_that_takes_for_ever_to_check_is_told() -> None:
    doubled: dict[str, object] = {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(40)}
    with pytest.raises(ContractError, match="multiply"):
        Contract({"$ref": "#/$defs/d0", "$defs": {**doubled, "d40": {"type": "string"}}})
    chained: dict[str, object] = {f"d{i}": {"$ref": f"#/$defs/d{i + 1}"} for i in range(5_000)}
    with pytest.raises(ContractError):
        Contract({"$ref": "#/$defs/d0", "$defs": {**chained, "d5000": {"type": "string"}}})
    recursive = Contract({"type": "object", "properties": {name: {"$ref": "#"} for name in "abcdefgh"}})
    assert recursive.effort == 2


def test_violations_name_what_is_missing_and_unexpected() -> None:
    contract = Contract({"properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False})
    found = contract.violations({"b": 1})
    assert {(violation.keyword, violation.names) for violation in found} == {
        ("required", ("a",)),
        ("additionalProperties", ("b",)),
    }


def test_the_branch_that_was_meant_is_explained() -> None:
    by_kind = [
        {"properties": {"kind": {"const": "a"}, "size": {"type": "integer"}}, "required": ["kind", "size"]},
        {"properties": {"kind": {"const": "b"}}, "required": ["kind"]},
        {"type": "string"},
    ]
    (found,) = Contract({"properties": {"part": {"anyOf": by_kind}}}).violations({"part": {"kind": "a", "size": "x"}})
    assert found.message == 'size: "x" is not of type "integer"'
    assert found.pointer == ("part",)


def test_explaining_takes_no_time_on_a_hostile_pattern_nor_stumbles_on_one_that_python_lacks() -> None:
    for pattern in (r"^(a+)+$", r"^\p{Lu}$", r"^(\w+\s?)*\1$(?!x)"):
        value = "a" * 40 + "!"
        (found,) = Contract({"anyOf": [{"type": "integer"}, {"type": "string", "pattern": pattern}]}).violations(value)
        assert found.keyword in ("anyOf", "pattern")
        assert json.dumps(found.message)
