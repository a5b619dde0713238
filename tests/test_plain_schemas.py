"""What is taken for plainly valid is valid to the library; what is not is left to it."""

from __future__ import annotations

import random

import jsonschema_rs
import pytest

from onbook.contract import Contract, ContractError, is_plain

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
