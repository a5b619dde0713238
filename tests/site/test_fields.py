"""A contract as the rows of a table."""

from __future__ import annotations

from typing import Any

import pytest

from onbook.site.fields import MAX_DEPTH, MAX_ROWS, answer, table

ROWS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"type": "string"}, {"type": "string", "limits": ()}),
    ({"type": "string", "minLength": 1, "maxLength": 160}, {"type": "string", "limits": ("1 to 160 characters",)}),
    ({"type": "string", "minLength": 1}, {"limits": ("not empty",)}),
    ({"type": "string", "pattern": "^a+$", "format": "email"}, {"limits": ("matches ^a+$", "format email")}),
    ({"type": "integer", "minimum": 0, "exclusiveMaximum": 9}, {"limits": ("0 or more", "less than 9")}),
    ({"type": ["string", "null"]}, {"type": "string or null"}),
    ({"enum": ["mail", 1, None]}, {"type": 'one of "mail", 1, null'}),
    ({"const": "x"}, {"type": '"x"'}),
    ({"type": "array", "items": {"type": "string"}, "maxItems": 3},
     {"type": "list of string", "limits": ("0 to 3 items",)}),
    ({"type": "array"}, {"type": "list"}),
    ({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "integer"}}]},
     {"type": "string or list of integer"}),
    ({}, {"type": "any"}),
    ({"$ref": "#/$defs/name", "description": "here"}, {"type": "string", "description": "here"}),
    ({"type": "string", "default": "a", "description": "D", "x-untrusted": True, "x-aliases": ["old"]},
     {"default": '"a"', "description": "D", "untrusted": True, "aliases": ("old",)}),
    ({"type": "string", "title": "T"}, {"description": "T"}),
    ({"type": "boolean", "default": None}, {"default": "null"}),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "wanted"), ROWS)
def test_one_input(schema: dict[str, Any], wanted: dict[str, Any]) -> None:
    (row,) = table({"properties": {"x": schema}, "required": ["x"], "$defs": {"name": {"type": "string"}}}).rows
    assert (row.name, row.required, row.depth) == ("x", True, 0)
    assert {key: getattr(row, key) for key in wanted} == wanted


def test_what_stands_within() -> None:
    lines = {
        "type": "array",
        "items": {"type": "object", "properties": {"sku": {"type": "string"}}, "required": ["sku"]},
    }
    schema = {
        "type": "object",
        "properties": {"order": {"type": "object", "properties": {"lines": lines}}, "tone": True},
    }
    rows = table(schema).rows
    assert [(row.name, row.depth, row.type, row.required) for row in rows] == [
        ("order", 0, "object", False), ("lines", 1, "list of object", False), ("sku", 2, "string", True),
        ("tone", 0, "any", False),
    ]  # fmt: skip


def test_an_answer_that_is_no_object() -> None:
    assert [(row.name, row.type) for row in answer({"type": "array", "items": {"type": "string"}}).rows] == [
        ("the answer", "list of string")
    ]
    assert [row.name for row in answer({"properties": {"a": {}}}).rows] == ["a"]
    assert answer(None).rows == answer(True).rows == table(None).rows == ()


def test_hostile_schemas_end() -> None:
    itself: dict[str, Any] = {"properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}}
    found = table(itself)
    assert (len(found.rows), found.more) == (2 ** (MAX_DEPTH + 2) - 2, False) or (len(found.rows), found.more) == (
        MAX_ROWS,
        True,
    )
    assert table({"properties": {"a": {"$ref": "#/properties/a"}}}).rows[0].type == "any"
    many = table({"properties": {f"p{number}": {} for number in range(5000)}})
    assert (len(many.rows), many.more) == (MAX_ROWS, True)
    odd = {
        "properties": {"a": {"type": 5, "enum": "x", "required": "no", "x-aliases": "y", "minLength": [], "items": 3}}
    }
    assert table(odd).rows[0].name == "a"
    assert table({"properties": [1]}).rows == ()
