"""Schemas of older drafts, said in the words of 2020-12: whether one schema covers another is decided there alone.

Only what means exactly the same is translated. A keyword that a draft does not know is passed over by its validators,
so it is left out here (``const`` in draft 4, ``if`` in draft 6, whatever stands beside ``$ref`` up to draft 7).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

Json = Mapping[str, object]

DRAFT_2020 = "https://json-schema.org/draft/2020-12/schema"

_DRAFTS = {
    "http://json-schema.org/draft-04/schema": 4,
    "http://json-schema.org/draft-06/schema": 6,
    "http://json-schema.org/draft-07/schema": 7,
    "https://json-schema.org/draft/2019-09/schema": 2019,
    DRAFT_2020: 2020,
}

# The first draft that knows a keyword. What is not listed here is for people, or nobody's, and constrains nothing.
_SINCE = {
    **dict.fromkeys(
        ("type", "enum", "not", "allOf", "anyOf", "oneOf", "properties", "patternProperties", "additionalProperties",
         "required", "minProperties", "maxProperties", "items", "additionalItems", "minItems", "maxItems",
         "uniqueItems", "minLength", "maxLength", "pattern", "format", "minimum", "maximum", "multipleOf",
         "exclusiveMinimum", "exclusiveMaximum", "dependencies", "$ref"), 4,
    ),
    **dict.fromkeys(("const", "contains", "propertyNames"), 6),
    **dict.fromkeys(("if", "then", "else"), 7),
    **dict.fromkeys(("dependentRequired", "dependentSchemas", "minContains", "maxContains"), 2019),
    **dict.fromkeys(("unevaluatedProperties",), 2019),
}  # fmt: skip

# The first draft whose validators check a format.
_FORMATS = {
    **dict.fromkeys(("date", "time", "date-time", "email", "idn-email", "hostname", "ipv4", "ipv6", "uri", "regex"), 4),
    **dict.fromkeys(("uri-reference", "uri-template", "json-pointer"), 6),
    **dict.fromkeys(("idn-hostname", "iri", "iri-reference", "relative-json-pointer"), 7),
    **dict.fromkeys(("duration", "uuid"), 2019),
}

# These mean something else in 2020-12, or what they mean depends on where the schema was loaded from.
_REFUSED = {"$recursiveRef", "$recursiveAnchor", "$dynamicRef", "$anchor", "unevaluatedItems"}
_CONTENT = {"contentEncoding", "contentMediaType"}  # checked by validators of drafts 6 and 7 alone

_NAMED = ("properties", "patternProperties", "dependentSchemas")
_LISTS = ("allOf", "anyOf", "oneOf")
_SINGLE = (
    "not", "additionalProperties", "contains", "propertyNames", "if", "then", "else", "unevaluatedProperties",
)  # fmt: skip
_REFERENCE = re.compile(r"#(/(\$defs|definitions)/[^/]+)?")


class _InexactError(Exception):
    """Nothing in 2020-12 says exactly this."""


def draft_of(schema: object) -> int | None:
    """4, 6, 7, 2019 or 2020 (also where no ``$schema`` says which); None for any other."""
    if not isinstance(schema, Mapping) or "$schema" not in schema:
        return 2020
    return _DRAFTS.get(str(schema["$schema"]).removesuffix("#"))


def modern(schema: Json | bool) -> Json | bool | None:
    """A schema in the words of 2020-12, or None where it cannot be said exactly.

    In draft 4 ``1.0`` is no integer, which no later draft can say: see :func:`tells_integers_apart`.
    """
    draft = draft_of(schema)
    if draft == 2020 or isinstance(schema, bool):
        return schema
    if draft is None:
        return None
    try:
        found = _Translation(draft).schema(schema, root=True)
    except (_InexactError, RecursionError):
        return None
    return found if isinstance(found, Mapping | bool) else None


def tells_integers_apart(wide: Json | bool, narrow: Json | bool) -> bool:
    """Whether ``1.0``, which draft 4 takes for no integer, may be accepted by ``narrow`` and refused by ``wide``."""
    if draft_of(wide) != 4 or not any("integer" in _types(node) for node in _nodes(wide)):
        return False
    if draft_of(narrow) != 4:
        return True
    return any("number" in _types(node) or _whole(node.get("enum")) for node in _nodes(narrow))


class _Translation:
    def __init__(self, draft: int) -> None:
        self._draft = draft

    def schema(self, schema: object, *, root: bool = False) -> object:
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, Mapping) or _REFUSED & schema.keys():
            raise _InexactError
        if self._draft in (6, 7) and _CONTENT & schema.keys():
            raise _InexactError
        # Without a base of its own, every local reference of the root means what it says.
        if not root and any(isinstance(schema.get(key), str) for key in ("$schema", "$id", "id")):
            raise _InexactError
        told: dict[str, object] = {
            key: {name: self.schema(part) for name, part in schema[key].items()}
            for key in ("$defs", "definitions")
            if isinstance(schema.get(key), Mapping)
        }
        if "$ref" in schema and self._draft <= 7:
            return {**told, "$ref": self._reference(schema["$ref"])}
        for key, part in schema.items():
            if self._draft >= _SINCE.get(key, 9999):
                told.update(self._keyword(key, part, schema))
        return told

    def _keyword(self, key: str, part: object, schema: Json) -> Mapping[str, object]:
        found: Mapping[str, object]
        match key:
            case "$ref":
                found = {"$ref": self._reference(part)}
            case "minimum" | "maximum":
                exclusive = f"exclusive{key.capitalize()}"
                found = {exclusive if schema.get(exclusive) is True else key: part}
            case "exclusiveMinimum" | "exclusiveMaximum":
                found = {} if isinstance(part, bool) else {key: part}
            case "items":
                found = self._items(part, schema)
            case "additionalItems":
                found = {}
            case "dependencies":
                found = self._dependencies(part, schema)
            case "format":
                found = {key: part} if self._draft >= _FORMATS.get(str(part), 9999) else {}
            case _ if key in _NAMED:
                found = {key: {name: self.schema(inner) for name, inner in _mapping(part).items()}}
            case _ if key in _LISTS:
                found = {key: [self.schema(inner) for inner in _list(part)]}
            case _ if key in _SINGLE:
                found = {key: self.schema(part)}
            case _:
                found = {key: part}
        return found

    def _items(self, part: object, schema: Json) -> Mapping[str, object]:
        if not isinstance(part, list):
            return {"items": self.schema(part)}
        rest = {"items": self.schema(schema["additionalItems"])} if "additionalItems" in schema else {}
        return {**({"prefixItems": [self.schema(inner) for inner in part]} if part else {}), **rest}

    def _dependencies(self, part: object, schema: Json) -> Mapping[str, object]:
        if self._draft >= 2019 and {"dependentRequired", "dependentSchemas"} & schema.keys():
            raise _InexactError
        found = _mapping(part)
        names = {name: inner for name, inner in found.items() if isinstance(inner, list)}
        schemas = {name: self.schema(inner) for name, inner in found.items() if name not in names}
        return {
            **({"dependentRequired": names} if names else {}),
            **({"dependentSchemas": schemas} if schemas else {}),
        }

    @staticmethod
    def _reference(reference: object) -> str:
        # A reference into the middle of a schema may lead to a place that has moved.
        if not isinstance(reference, str) or not _REFERENCE.fullmatch(reference):
            raise _InexactError
        return reference


def _mapping(part: object) -> Mapping[str, object]:
    if not isinstance(part, Mapping):
        raise _InexactError
    return part


def _list(part: object) -> list[object]:
    if not isinstance(part, list):
        raise _InexactError
    return part


def _types(node: Json) -> list[object]:
    found = node.get("type")
    return found if isinstance(found, list) else [found]


def _whole(members: object) -> bool:
    numbers = [member for member in members if isinstance(member, int | float)] if isinstance(members, list) else []
    return any(number == int(number) for number in numbers if not isinstance(number, bool))


def _nodes(schema: object) -> Iterator[Json]:
    """Every mapping within a schema, data included: here only the safe side counts."""
    stack = [schema]
    while stack:
        node = stack.pop()
        if isinstance(node, Mapping):
            yield node
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
