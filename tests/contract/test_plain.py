"""What is taken for plainly valid is valid to the library; what is not is left to it."""

from __future__ import annotations

import random

import jsonschema_rs
import pytest

from onbook.contract import Contract, ContractError
from onbook.contract.effort import effort_of
from onbook.contract.plain import fulfils, is_plain
from onbook.contract.validation import MAX_LOOKED_AT

NAMES = ["a", "b", "type", "$ref", "é", "x-a"]
VALUES: list[object] = [None, True, 0, -1, 1.5, "", "text", "\ud800", 2**70, [], ["a", "a"], {}, {"a": 1}, float("inf")]


def value(dice: random.Random) -> object:
    return dice.choice(VALUES)


def schema(dice: random.Random, depth: int = 0) -> object:
    """A schema, right or wrong."""
    if dice.random() < 0.1 or depth > 3:
        return dice.choice([True, False, {}, 1, None, "string"] if dice.random() < 0.2 else [True, {}])
    found: dict[str, object] = {}
    for _ in range(dice.randint(0, 4)):
        right = dice.random() < 0.85
        match dice.randrange(9):
            case 0:
                kinds = ["string", "number", "integer", "null", "object"]
                chosen = dice.choice([dice.choice(kinds), dice.sample(kinds, 2)])
                found["type"] = chosen if right else dice.choice(["text", [], ["string", "string"], 1])
            case 1:
                properties = {dice.choice(NAMES): schema(dice, depth + 1) for _ in range(2)}
                found["properties"] = properties if right else value(dice)
            case 2:
                found["required"] = dice.sample(NAMES, 2) if right else value(dice)
            case 3:
                found[dice.choice(["items", "additionalProperties"])] = schema(dice, depth + 1)
            case 4:
                key = dice.choice(["minLength", "maxItems", "minProperties"])
                found[key] = dice.randrange(9) if right else value(dice)
            case 5:
                found[dice.choice(["minimum", "exclusiveMaximum"])] = (
                    dice.choice([0, -1, 2.5]) if right else value(dice)
                )
            case 6:
                key = dice.choice(["enum", "examples", "title", "deprecated", "uniqueItems", "x-untrusted", "x-\ud800"])
                found[key] = value(dice)
            case 7:
                found[dice.choice(["const", "default", "description"])] = value(dice)
            case _:
                key = dice.choice(["pattern", "format", "anyOf", "$ref", "not", "$id", "$schema", "multipleOf", "odd"])
                if not right:
                    found[key] = dice.choice(["(", "#/a", "date", [{}], {}, "https://example.com", 0])
    return found


@pytest.mark.parametrize("seed", range(4))
def test_what_is_plain_is_valid(seed: int) -> None:
    dice = random.Random(seed)
    plain = 0
    for _ in range(3000):
        found = schema(dice)
        if is_plain(found):
            plain += 1
            jsonschema_rs.validator_for(found, validate_formats=True, offline=True)
    assert plain > 1000


def instance(dice: random.Random, depth: int = 0) -> object:
    """A value that a plain schema may be asked about."""
    if dice.random() < 0.5 or depth > 2:
        return dice.choice([None, True, 0, -1, 1, 1.0, 2.5, "", "a", "text", "é", [], {}])
    if dice.random() < 0.4:
        return [instance(dice, depth + 1) for _ in range(dice.randint(0, 3))]
    return {dice.choice(NAMES): instance(dice, depth + 1) for _ in range(3)}


@pytest.mark.parametrize("seed", range(4))
def test_what_plainly_fulfils_a_schema_does(seed: int) -> None:
    dice = random.Random(seed)
    accepted = refused = 0
    while accepted < 400:
        found = schema(dice)
        if isinstance(found, dict) and dice.random() < 0.3:
            inner = found.setdefault("properties", {})
            found["$defs"] = {"one": schema(dice, 2), "two-3": {"type": "string", "maxLength": 3}}
            if isinstance(inner, dict):
                inner[dice.choice(NAMES)] = {"$ref": f"#/$defs/{dice.choice(['one', 'two-3', 'three'])}"}
        if not is_plain(found):
            continue
        library = jsonschema_rs.validator_for(found, validate_formats=True, offline=True)
        for _ in range(4):
            value = instance(dice)
            if fulfils(value, found):
                accepted += 1
                assert library.is_valid(value), (found, value)
            else:
                refused += not library.is_valid(value)
    assert refused > 100


def test_references_to_definitions_are_plain_and_those_of_definitions_are_not() -> None:
    referring = {"properties": {"a": {"$ref": "#/$defs/b"}}, "$defs": {"b": {"type": "integer"}}}
    assert is_plain(referring)
    assert Contract(referring).effort == effort_of(referring) == 2
    assert fulfils({"a": 1}, referring)
    assert not fulfils({"a": "1"}, referring)
    assert not is_plain({**referring, "$defs": {"b": {"$ref": "#/$defs/b"}}})
    assert not is_plain({"properties": {"a": {"$ref": "#/$defs/c"}}, "$defs": {}})
    assert not is_plain({"properties": {"a": {**referring}}})


def test_whoever_asks_often_gets_a_validator() -> None:
    contract = Contract({"type": "string"})
    assert all(contract.accepts("a") for _ in range(MAX_LOOKED_AT))
    assert contract._validator is None
    assert contract.accepts("a")
    assert contract._validator is not None


@pytest.mark.parametrize(
    "found",
    [
        {"type": "text"},
        {"type": []},
        {"properties": []},
        {"required": ["a", "a"]},
        {"minLength": -1},
        {"minLength": True},
        {"minimum": "0"},
        {"items": {"properties": {"a": {"enum": "a"}}}},
        {"description": 1},
        {"pattern": "("},
        {"$ref": "#/missing"},
    ],
)
def test_what_is_wrong_is_told_as_before(found: dict[str, object]) -> None:
    assert not is_plain(found)
    with pytest.raises(ContractError):
        Contract(found)


def test_a_plain_schema_decides_like_any_other() -> None:
    contract = Contract({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]})
    assert contract.effort == 1
    assert contract.accepts({"a": "x"})
    assert [found.keyword for found in contract.violations({"a": 1})] == ["type"]
    assert [found.names for found in contract.violations({})] == [("a",)]


def test_depth_is_bounded() -> None:
    deep: object = {}
    for _ in range(100):
        deep = {"items": deep}
    assert not is_plain(deep)
