"""Schemas that are plainly valid, and values that plainly fulfil one: no validator need be compiled for these.

Compiling costs many times what looking does, and most schemas are asked about few values or none. What is not plain,
and every value that is not plainly accepted, is for the library to judge; the tests hold the two against each other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

_TYPES = frozenset({"string", "number", "integer", "boolean", "array", "object", "null"})
_TEXTS = frozenset({"title", "description", "$comment"})
_FLAGS = frozenset({"deprecated", "uniqueItems", "readOnly", "writeOnly"})
_SIZES = frozenset({"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"})
_BOUNDS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
_DEPTH = 32
_LOCAL = re.compile(r"#/\$defs/([A-Za-z0-9_-]+)")

Definitions = Mapping[str, object]


def is_plain(schema: object) -> bool:
    """Whether a schema is plainly valid and asks at most two schemas about each place of a value.

    False proves nothing. Patterns, formats and everything that combines schemas are never plain; of references only
    those to a definition of the schema itself that refers to nothing.
    """
    if type(schema) is dict and "$defs" in schema:
        definitions = schema["$defs"]
        if type(definitions) is not dict:
            return False
        for name, inner in definitions.items():
            if not (is_sound(name, 1) and _is_plain(inner, _DEPTH, {})):
                return False
        return _is_plain({key: part for key, part in schema.items() if key != "$defs"}, _DEPTH, definitions)
    return _is_plain(schema, _DEPTH, {})


def _is_plain(schema: object, depth: int, definitions: Definitions) -> bool:  # noqa: PLR0911, PLR0912 a flat table
    if type(schema) is not dict:
        return schema is True or schema is False
    if not depth:
        return False
    for key, part in schema.items():
        if key == "type":
            if type(part) is list:
                if not (part and all(type(kind) is str and kind in _TYPES for kind in part)):
                    return False
                if len(part) != len(set(part)):
                    return False
            elif type(part) is not str or part not in _TYPES:
                return False
        elif key in _TEXTS:
            if type(part) is not str or not (part.isascii() or is_sound(part, depth)):
                return False
        elif key == "properties":
            if type(part) is not dict:
                return False
            for name, inner in part.items():
                if not ((name.isascii() or is_sound(name, 1)) and _is_plain(inner, depth - 1, definitions)):
                    return False
        elif key in ("items", "additionalProperties"):
            if not _is_plain(part, depth - 1, definitions):
                return False
        elif key == "required":
            if type(part) is not list:
                return False
            for name in part:
                if type(name) is not str or not (name.isascii() or is_sound(name, 1)):
                    return False
            if len(part) != len(set(part)):
                return False
        elif key in ("enum", "examples"):
            if type(part) is not list or not depth:
                return False
            for value in part:
                if not (type(value) is str and value.isascii()) and not is_sound(value, depth - 1):
                    return False
        elif key in _FLAGS:
            if type(part) is not bool:
                return False
        elif key in _SIZES:
            if type(part) is not int or not 0 <= part < 2**31:
                return False
        elif key in _BOUNDS:
            if type(part) not in (int, float) or not is_sound(part, depth):
                return False
        elif key == "$ref":
            named = _LOCAL.fullmatch(part) if type(part) is str else None
            if named is None or named[1] not in definitions:
                return False
        elif not (
            (key in ("const", "default") or str(key).startswith("x-")) and is_sound(key, 1) and is_sound(part, depth)
        ):
            return False
    return True


def is_sound(value: object, depth: int = _DEPTH) -> bool:  # noqa: PLR0911 a flat table of types
    """Whether JSON has a value without any doubt: no halves of characters, no numbers that readers disagree on."""
    kind = type(value)
    if kind is str:
        text: Any = value
        return is_unicode(text)
    if kind is bool or value is None:
        return True
    match value:
        case dict():
            if depth <= 0:
                return False
            for key, part in value.items():
                if type(key) is not str or not (key.isascii() or is_sound(key, 1)):
                    return False
                if not (type(part) is str and part.isascii()) and not is_sound(part, depth - 1):
                    return False
            return True
        case list():
            return depth > 0 and all(is_sound(part, depth - 1) for part in value)
        case int():
            return abs(value) < 2**53
        case float():
            return isfinite(value)
    return False


def is_unicode(text: str) -> bool:
    """Whether a text holds no half of a character, which Python's texts may and JSON's may not."""
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


def fulfils(value: object, schema: object) -> bool:
    """Whether a value plainly fulfils a schema that :func:`is_plain` takes. False proves nothing."""
    definitions = schema.get("$defs") if type(schema) is dict else None
    return is_sound(value) and _fulfils(value, schema, definitions or {})


def _fulfils(value: Any, schema: Any, definitions: Definitions) -> bool:  # noqa: PLR0911, PLR0912 a flat table
    if type(schema) is not dict:
        return schema is True
    kind = type(value)
    for key, part in schema.items():
        if key == "type":
            if type(part) is str:
                if kind not in _KINDS[part]:
                    return False
            elif not any(kind in _KINDS[each] for each in part):
                return False
        elif key in ("enum", "const"):
            # Whether 1 is 1.0 or true is for the library to say.
            if kind is not str or (value not in part if key == "enum" else value != part):
                return False
        elif key == "$ref":
            if not _fulfils(value, definitions[part.rpartition("/")[2]], definitions):
                return False
        elif kind is dict:
            if not _members_fulfil(value, key, part, schema, definitions):
                return False
        elif kind is list:
            if not _items_fulfil(value, key, part, definitions):
                return False
        elif kind is str:
            if (key == "minLength" and len(value) < part) or (key == "maxLength" and len(value) > part):
                return False
        elif (kind is int or kind is float) and key in _BOUNDS and not _COMPARE[key](value, part):
            return False
    return True


def _members_fulfil(value: dict[str, Any], key: str, part: Any, schema: Any, definitions: Definitions) -> bool:
    if key == "properties":
        for name, inner in part.items():
            if name in value and not _fulfils(value[name], inner, definitions):
                return False
        return True
    if key == "required":
        return all(map(value.__contains__, part))
    if key == "additionalProperties":
        known = schema.get("properties", {})
        return all(name in known or _fulfils(inner, part, definitions) for name, inner in value.items())
    return not ((key == "minProperties" and len(value) < part) or (key == "maxProperties" and len(value) > part))


def _items_fulfil(value: list[Any], key: str, part: Any, definitions: Definitions) -> bool:
    if key == "items":
        return all(_fulfils(item, part, definitions) for item in value)
    if key == "uniqueItems" and part:
        return all(type(item) is str for item in value) and len(set(value)) == len(value)
    return not ((key == "minItems" and len(value) < part) or (key == "maxItems" and len(value) > part))


# 3.0 is an integer in JSON Schema, which only the library is asked about.
_KINDS = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}
_COMPARE: Mapping[str, Any] = {
    "minimum": lambda value, bound: value >= bound,
    "maximum": lambda value, bound: value <= bound,
    "exclusiveMinimum": lambda value, bound: value > bound,
    "exclusiveMaximum": lambda value, bound: value < bound,
}
