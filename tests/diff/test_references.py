"""References into the middle of a contract: each part takes along what it reaches, whatever else stands there."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from onbook.contract import Contract, nodes
from onbook.diff import inputs
from onbook.diff.inputs import compare_inputs
from onbook.diff.parts import rooted
from onbook.prompt import Prompt

Schema = dict[str, Any]

SHORT = {"type": "string", "maxLength": 2}
CONTRACT: Schema = {
    "type": "object",
    "properties": {
        "base": {
            "type": "object",
            "properties": {"short": SHORT, "list": {"type": "array", "items": {"$ref": "#/properties/base"}}},
            "additionalProperties": {"$ref": "#/$defs/number"},
        },
        "either": {"anyOf": [{"$ref": "#/properties/base/properties/short"}, {"type": "null"}]},
        "a/b %": {"type": "integer"},
        "properties": {"enum": [1], "default": {"type": "string"}},
        "named": {"$anchor": "here", "type": "boolean"},
        "enum": {"type": "object", "properties": {"x-deep": {"type": "array", "items": SHORT}}},
    },
    "$defs": {"number": {"type": "number"}, "again": {"properties": {"n": {"$ref": "#/$defs/number"}}}},
}
REFERENCES = (
    "#",
    "#/properties/base",
    "#/properties/base/properties/short",
    "#/properties/base/properties/list",
    "#/properties/base/properties/list/items",
    "#/properties/base/additionalProperties",
    "#/properties/either",
    "#/properties/either/anyOf/0",
    "#/properties/either/anyOf/1",
    "#/properties/a~1b%20%25",
    "#/properties/properties",
    "#/properties/named",
    "#here",
    "#/properties/enum/properties/x-deep",
    "#/properties/enum/properties/x-deep/items",
    "#/$defs/again",
    "#/$defs/again/properties/n",
)
VALUES = (
    "a", "abc", 1, 1.5, True, None, [], ["a"], ["abc"], [{"list": []}], [{"list": 1}], {"short": "a"}, {"short": "abc"},
    {"list": [{"list": [{"more": "x"}]}]}, {"list": [{"list": [{"more": 1}]}]}, {"more": 1}, {"more": "a"}, {"n": "a"},
    {"base": 1}, {"x-deep": ["a"]},
    {"base": {"short": "abc"}}, {"either": "abc"}, {"either": None}, {"x-deep": ["abc"]},
)  # fmt: skip


@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize("beside", [{}, {"anyOf": [{"$ref": "#/properties/base"}, {"type": ["string", "integer"]}]}])
def test_a_part_means_by_itself_what_it_means_in_the_whole(reference: str, beside: Schema) -> None:
    part = {"$ref": reference, **beside}
    alone, whole = Contract(rooted(part, CONTRACT)), jsonschema.Draft202012Validator(CONTRACT).evolve(schema=part)
    assert [alone.accepts(value) for value in VALUES] == [whole.is_valid(value) for value in VALUES]


@pytest.mark.parametrize("reference", ["#/properties/nowhere", "#/properties", "#/properties/base/type", "#nowhere"])
def test_what_leads_to_no_schema_takes_all_along(reference: str) -> None:
    assert nodes(rooted({"$ref": reference}, CONTRACT)) > nodes(CONTRACT)


def test_a_part_does_not_grow_with_what_it_does_not_reach() -> None:
    sizes = [
        {nodes(rooted(part, contract)) for name, part in contract["properties"].items() if name != "base"}
        for contract in (large(10, "#/properties/base/properties/p{}"), large(200, "#/properties/base/properties/p{}"))
    ]
    # The part, the way to the definition in two steps, and the definition.
    assert sizes == [{4}, {4}]


def large(count: int, reference: str, limit: int = 9) -> Schema:
    """Inputs that refer into a base of as many properties, of which the last has a limit."""
    base = {f"p{index}": {"type": "string", "maxLength": 9} for index in range(count)}
    base[f"p{count - 1}"]["maxLength"] = limit
    refer = {f"i{index}": {"$ref": reference.format(index), "maxProperties": index + 1} for index in range(count)}
    return {"type": "object", "properties": {"base": {"type": "object", "properties": base}, **refer}}


def test_inputs_that_reach_no_change_are_passed_over_in_a_contract_of_any_size() -> None:
    reference = "#/properties/base/properties/p{}"
    found = compare_inputs(prompt(large(300, reference)), prompt(large(300, reference, limit=8)))
    # The base is too large to be compared as a whole, what refers to one of its properties is not.
    assert [(each.rule.slug, each.pointer[-1]) for each in found] == [
        ("input-unproven", "base"),
        ("input-narrowed", "i299"),
    ]


def test_inputs_that_say_the_same_are_compared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = counted(monkeypatch)

    def contract(limit: int) -> Schema:
        found = large(50, "#/properties/base", limit)
        for number, part in enumerate(found["properties"].values()):
            part.pop("maxProperties", None)
            part["description"] = f"input {number}"
        return found

    found = list(compare_inputs(prompt(contract(9)), prompt(contract(8))))
    assert [each.rule.slug for each in found] == ["input-narrowed"] * 51
    # The base, and what refers to it: no more than its own words and theirs.
    assert len(asked) == 2


@pytest.mark.parametrize("reference", ["#", "#/properties/base"])
def test_a_contract_that_multiplies_is_bounded_and_unproven(monkeypatch: pytest.MonkeyPatch, reference: str) -> None:
    asked = counted(monkeypatch)
    monkeypatch.setattr(inputs, "MAX_SHARED", 1_000)
    found = list(compare_inputs(prompt(large(200, reference)), prompt(large(200, reference, limit=8))))
    assert len(found) == 201
    assert found[-1].rule.slug == "input-unproven"
    assert len(asked) < 10


def prompt(contract: Schema) -> Prompt:
    return Prompt("a", "prompts/a.prompt.yml", (), inputs=contract)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What is asked whether it covers another, as it is asked."""
    asked: list[object] = []
    real = inputs.covering

    def covering(wide: Any, narrow: Any) -> inputs.Covering:
        asked.append(wide)
        return real(wide, narrow)

    monkeypatch.setattr(inputs, "covering", covering)
    return asked
