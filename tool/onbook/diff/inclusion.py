"""Whether one schema covers another, proved keyword by keyword: what the library leaves open, most of all recursion.

A proof of ours says YES or nothing: ``wide`` accepts all that ``narrow`` accepts if every keyword of ``wide`` is
implied by one of ``narrow``. Two references that are being compared already are taken as proved one level further
down, inside a property or an item: values are finite, so that this is induction on their depth.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from onbook.contract import HASTY_BACKTRACK_LIMIT, Contract, ContractError, members, nodes, same
from onbook.contract.drafts import modern, tells_integers_apart
from onbook.diff.parts import NOTES, Json, rooted

MAX_STEPS = 1_000
MAX_NODES = 1_000
_DEPTH = 64

_NOTES = {*NOTES, "readOnly", "writeOnly", "$schema", "$defs", "definitions"}
_TYPES = ("null", "boolean", "object", "array", "number", "string")
# Of whom a keyword speaks; every other value passes it.
_OF = {
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), "number"),
    **dict.fromkeys(("minLength", "maxLength", "pattern"), "string"),
    **dict.fromkeys(("items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains"), "array"),
    **dict.fromkeys(
        ("properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties",
         "maxProperties", "dependentRequired", "dependentSchemas"), "object",
    ),
}  # fmt: skip
_KNOWN = _NOTES | _OF.keys() | {"type", "enum", "const", "format", "$ref", "anyOf", "oneOf", "allOf"}
_AT_LEAST = ("minLength", "minItems", "minProperties")
_AT_MOST = ("maxLength", "maxItems", "maxProperties")


def proved(wide: Json | bool, narrow: Json | bool) -> bool:
    """Whether it is proved that ``wide`` accepts all that ``narrow`` accepts. False says nothing."""
    if nodes(wide) + nodes(narrow) > MAX_NODES or tells_integers_apart(wide, narrow):
        return False
    wider, narrower = modern(wide), modern(narrow)
    if wider is None or narrower is None:
        return False
    return _Proof(wider, narrower).covers(wider, narrower, 0)


class _Proof:
    def __init__(self, wide: Json | bool, narrow: Json | bool) -> None:
        self._wide = wide
        self._narrow = narrow
        self._steps = MAX_STEPS
        # Pairs of references by the level of the value at which they are being compared.
        self._open: dict[tuple[str, str], int] = {}

    def covers(self, wide: object, narrow: object, level: int, depth: int = 0) -> bool:
        self._steps -= 1
        if self._steps < 0 or depth > _DEPTH:
            return False
        if wide is True or wide == {} or narrow is False:
            return True
        if narrow is True:
            narrow = {}
        if not isinstance(wide, Mapping) or not isinstance(narrow, Mapping):
            return False
        if not wide.keys() <= _KNOWN or not narrow.keys() <= _KNOWN:
            return False
        if (values := _enum(narrow)) is not None:
            return self._accepts(wide, values)
        return self._referring(wide, narrow, level, depth)

    def _accepts(self, wide: Json, values: list[object]) -> bool:
        try:
            contract = Contract(rooted(wide, self._wide), backtrack_limit=HASTY_BACKTRACK_LIMIT)
        except ContractError:
            return False
        return all(map(contract.accepts, values))

    def _referring(self, wide: Json, narrow: Json, level: int, depth: int) -> bool:
        there, here = _reference(wide), _reference(narrow)
        pair = (there or json.dumps(wide, sort_keys=True), here or json.dumps(narrow, sort_keys=True))
        if there is None and here is None:
            return self._alternatives(wide, narrow, level, depth)
        if pair in self._open:
            return level > self._open[pair]
        self._open[pair] = level
        target = resolve(self._wide, there) if there else wide
        source = resolve(self._narrow, here) if here else narrow
        found = target is not None and source is not None and self.covers(target, source, level, depth + 1)
        del self._open[pair]
        return found

    def _alternatives(self, wide: Json, narrow: Json, level: int, depth: int) -> bool:
        """Unions: every branch of the narrow one, some branch of the wide one."""
        if "$ref" in wide or "$ref" in narrow:
            return False
        for key in ("anyOf", "oneOf"):
            branches = narrow.get(key)
            if isinstance(branches, list) and all(self.covers(wide, part, level, depth + 1) for part in branches):
                return True
        if isinstance(parts := wide.get("allOf"), list):
            rest = {key: part for key, part in wide.items() if key != "allOf"}
            return all(self.covers(part, narrow, level, depth + 1) for part in (rest, *parts))
        if isinstance(parts := narrow.get("allOf"), list) and any(
            self.covers(wide, part, level, depth + 1) for part in parts
        ):
            return True
        if isinstance(branches := wide.get("anyOf"), list):
            rest = {key: part for key, part in wide.items() if key != "anyOf"}
            return self.covers(rest, narrow, level, depth + 1) and any(
                self.covers(branch, narrow, level, depth + 1) for branch in branches
            )
        return "oneOf" not in wide and self._keywords(wide, narrow, level, depth)

    def _keywords(self, wide: Json, narrow: Json, level: int, depth: int) -> bool:
        types = _types(narrow)
        if not types <= _types(wide) or ("integer" in _listed(wide) and not _whole(wide, narrow)):
            return False
        for key, limit in wide.items():
            passed_over = key in _NOTES or key == "type" or (key in _OF and _OF[key] not in types)
            if not passed_over and not self._implied(key, limit, wide, narrow, level, depth):
                return False
        return True

    def _implied(self, key: str, limit: object, wide: Json, narrow: Json, level: int, depth: int) -> bool:
        held = narrow.get(key)
        found = False
        match key:
            case "properties":
                found = self._properties(wide, narrow, level, depth)
            case "additionalProperties":
                found = self._additional(wide, narrow, level, depth)
            case "required":
                found = set(map(str, members(limit))) <= set(map(str, members(held)))
            case "items":
                # Without `prefixItems` on either side, so that both speak of every item.
                alike = "prefixItems" not in wide and "prefixItems" not in narrow
                found = alike and self.covers(limit, narrow.get("items", True), level + 1, depth + 1)
            case "minimum" | "exclusiveMinimum":
                found = _bounded(wide, narrow, "minimum", "exclusiveMinimum", 1)
            case "maximum" | "exclusiveMaximum":
                found = _bounded(wide, narrow, "maximum", "exclusiveMaximum", -1)
            case _ if key in _AT_LEAST:
                found = _at_most(limit, 0) or _at_most(limit, held)
            case _ if key in _AT_MOST:
                found = _at_most(held, limit)
            case "multipleOf" | "pattern" | "format" | "uniqueItems" | "dependentRequired":
                found = key in narrow and same(limit, held)
        return found

    def _properties(self, wide: Json, narrow: Json, level: int, depth: int) -> bool:
        asked, given = _mapping(wide.get("properties")), _mapping(narrow.get("properties"))
        return all(
            # A pattern may say more of a property, never less.
            self.covers(part, given.get(name, _undeclared(narrow)), level + 1, depth + 1)
            for name, part in asked.items()
        )

    def _additional(self, wide: Json, narrow: Json, level: int, depth: int) -> bool:
        if {"patternProperties"} & {*wide, *narrow}:
            return False
        limit = wide["additionalProperties"]
        declared = _mapping(wide.get("properties"))
        more = [part for name, part in _mapping(narrow.get("properties")).items() if name not in declared]
        return all(self.covers(limit, part, level + 1, depth + 1) for part in (*more, _undeclared(narrow)))


def resolve(root: object, reference: str) -> object:
    """A definition at the root, by its plain name; None for any other reference."""
    if reference == "#":
        return root
    head, _, name = reference.rpartition("/")
    if head not in ("#/$defs", "#/definitions") or "%" in name or "~" in name or not isinstance(root, Mapping):
        return None
    return _mapping(root.get(head[2:])).get(name)


def _undeclared(schema: Json) -> object:
    """What is known of a property that is not declared; with patterns, nothing."""
    return True if "patternProperties" in schema else schema.get("additionalProperties", True)


def _reference(schema: Json) -> str | None:
    """The reference of a schema that says nothing else."""
    found = schema.get("$ref")
    return found if isinstance(found, str) and schema.keys() <= {*_NOTES, "$ref"} else None


def _enum(schema: Json) -> list[object] | None:
    if "const" in schema:
        return [schema["const"]]
    return members(schema["enum"]) if "enum" in schema else None


def _listed(schema: Json) -> list[str]:
    found = schema.get("type")
    return [str(name) for name in found] if isinstance(found, list) else [str(found)] if "type" in schema else []


def _types(schema: Json) -> set[str]:
    return {"number" if name == "integer" else name for name in _listed(schema)} or set(_TYPES)


def _whole(wide: Json, narrow: Json) -> bool:
    """Whether integers alone, where the wide schema asks for them, are what the narrow one has for numbers."""
    listed = _listed(narrow)
    return "number" in _listed(wide) or (bool(listed) and "number" not in listed)


def _bounded(wide: Json, narrow: Json, open_: str, shut: str, sign: int) -> bool:
    """Whether every number within the narrow limits is within the wide ones."""

    def limits(schema: Json) -> Iterator[tuple[float, bool]]:
        for key, strict in ((open_, False), (shut, True)):
            value = _number(schema.get(key))
            if value is not None:
                yield sign * value, strict

    return all(
        any(held > asked or (held == asked and (is_strict or not strict)) for held, is_strict in limits(narrow))
        for asked, strict in limits(wide)
    )


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _at_most(value: object, limit: object) -> bool:
    less, more = _number(value), _number(limit)
    return less is not None and more is not None and less <= more


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
