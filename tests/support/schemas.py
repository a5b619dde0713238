"""Random JSON Schemas, edits of them, and values: small ones, each from a number, the same on every machine."""

from __future__ import annotations

from random import Random
from typing import Any

Schema = Any

DRAFTS = {
    4: "http://json-schema.org/draft-04/schema#",
    6: "http://json-schema.org/draft-06/schema#",
    7: "http://json-schema.org/draft-07/schema#",
    2019: "https://json-schema.org/draft/2019-09/schema",
    2020: "https://json-schema.org/draft/2020-12/schema",
}
NAMES = ("a", "b", "c")
SCALARS: tuple[Any, ...] = ("a", "b", "ab", "", 0, 1, 2, 1.0, 1.5, True, False, None)
TYPES = ("string", "integer", "number", "boolean", "null", "object", "array")
_DEEP = 3


def value(random: Random, depth: int = 0) -> Any:
    """Any value, three levels deep at most."""
    kind = random.random()
    if depth == _DEEP or kind < 0.5:
        return random.choice(SCALARS)
    inner = [value(random, depth + 1) for _ in range(random.randrange(4))]
    return inner if kind < 0.7 else dict(zip(random.sample(NAMES, 3), inner, strict=False))


class Writer:
    """Writes schemas of one draft.

    Args:
        references: whether they may refer to ``#/definitions/a``, ``b`` and to the root.
    """

    def __init__(self, random: Random, draft: int = 2020, *, references: bool = True) -> None:
        self.random = random
        self.draft = draft
        self.references = references

    def schema(self) -> Schema:
        """A whole schema, with its definitions."""
        root = self.part(0)
        root = root if isinstance(root, dict) else {"not": {"type": "null"}}
        if self.draft != 2020:
            root["$schema"] = DRAFTS[self.draft]
        if self.references:
            root["definitions"] = {"a": self.part(1), "b": self.part(1)}
        return root

    def part(self, depth: int) -> Schema:
        """A schema within another."""
        makers = [self._string, self._number, self._types, self._enum]
        if self.references:
            makers.append(lambda _: {"$ref": self.random.choice(["#/definitions/a", "#/definitions/b", "#"])})
        if self.draft > 4:
            makers.append(lambda _: self.random.choice([True, {}, False]) if depth else {})
        if depth < _DEEP:
            makers += 2 * [self._object, self._object, self._array, self._union, self._other]
        return self.random.choice(makers)(depth)

    def _some(self, keys: dict[str, Any], share: float = 0.4) -> dict[str, Any]:
        return {key: make() for key, make in keys.items() if self.random.random() < share}

    def _string(self, _: int) -> Schema:
        pick = self.random.choice
        limits = {"minLength": lambda: pick([0, 1, 2]), "maxLength": lambda: pick([0, 1, 3])}
        patterns = {"pattern": lambda: pick(["^a", "b$", "^[ab]+$"]), "format": lambda: pick(["date", "email"])}
        return {"type": "string", **self._some(limits), **self._some(patterns, 0.15)}

    def _number(self, _: int) -> Schema:
        pick = self.random.choice
        found = {"type": pick(["integer", "number"])}
        found |= self._some({"minimum": lambda: pick([0, 1]), "maximum": lambda: pick([1, 2, 3])})
        found |= self._some({"multipleOf": lambda: pick([1, 0.5])}, 0.2)
        if self.draft > 4:
            return {**found, **self._some({"exclusiveMinimum": lambda: pick([0, 1])}, 0.2)}
        return {**found, **({"exclusiveMinimum": pick([True, False])} if "minimum" in found else {})}

    def _types(self, _: int) -> Schema:
        some = self.random.sample(TYPES, self.random.choice([1, 1, 2, 3]))
        return {"type": some[0] if len(some) == 1 else some}

    def _enum(self, _: int) -> Schema:
        members = {repr(member): member for member in self.random.choices(SCALARS[:7] + SCALARS[8:], k=2)}
        return {"enum": list(members.values())}

    def _names(self) -> list[str]:
        return self.random.sample(NAMES, self.random.choice([1, 1, 2]))

    def _named(self, depth: int) -> dict[str, Schema]:
        return {name: self.part(depth + 1) for name in self._names()}

    def _object(self, depth: int) -> Schema:
        keys: dict[str, Any] = {
            "properties": lambda: self._named(depth),
            "required": self._names,
            "additionalProperties": lambda: self.random.choice([False, True, self.part(depth + 1)]),
        }
        rare: dict[str, Any] = {
            "minProperties": lambda: self.random.choice([0, 1, 2]),
            "patternProperties": lambda: {self.random.choice(["^a", "b"]): self.part(depth + 1)},
        }
        if self.draft < 2020:
            rare["dependencies"] = lambda: {"a": self.random.choice([self._names(), self.part(depth + 1)])}
        if self.draft >= 2019:
            rare["unevaluatedProperties"] = lambda: False
        if self.draft == 2020:
            rare["dependentRequired"] = lambda: {"a": self._names()}
        return {"type": "object", **self._some(keys, 0.6), **self._some(rare, 0.15)}

    def _array(self, depth: int) -> Schema:
        keys: dict[str, Any] = {
            "items": lambda: self.part(depth + 1),
            "minItems": lambda: self.random.choice([0, 1, 2]),
            "maxItems": lambda: self.random.choice([1, 2, 3]),
            "uniqueItems": lambda: self.random.choice([True, False]),
        }
        heads = [self.part(depth + 1)]
        if self.draft == 2020:
            rare = {"prefixItems": lambda: heads}
        else:
            rare = {"items": lambda: heads, "additionalItems": lambda: self.part(depth + 1)}
        return {"type": "array", **self._some(keys), **self._some(rare, 0.3)}

    def _union(self, depth: int) -> Schema:
        key = self.random.choice(["anyOf", "anyOf", "oneOf", "allOf"])
        return {key: [self.part(depth + 1) for _ in range(self.random.choice([1, 2]))]}

    def _other(self, depth: int) -> Schema:
        """What older drafts pass over, each in a different one."""
        match self.random.randrange(4):
            case 0:
                return {"not": self.part(depth + 1)}
            case 1:
                return {"if": self.part(depth + 1), "then": self.part(depth + 1)}
            case 2:
                return {"type": "string", "const": self.random.choice(SCALARS)}
        return {"type": "array", "contains": self.part(depth + 1)}


def edited(schema: Schema, random: Random) -> Schema:
    """One random edit somewhere in a schema: a keyword dropped or changed, here or further down."""
    if isinstance(schema, list):
        at = random.randrange(len(schema)) if schema else 0
        return [edited(part, random) if number == at else part for number, part in enumerate(schema)]
    keys = [key for key in schema if key != "$schema"] if isinstance(schema, dict) else []
    if not keys:
        return {"type": random.choice(TYPES)}
    key = random.choice(keys)
    part, found = schema[key], dict(schema)
    inner = isinstance(part, dict | list) and key not in ("type", "enum", "required", "dependentRequired")
    if key == "definitions" or (inner and part and random.random() < 0.7):
        if key in ("properties", "patternProperties", "definitions", "dependencies"):
            name = random.choice(sorted(part))
            found[key] = {**part, name: edited(part[name], random)}
        else:
            found[key] = edited(part, random)
    elif isinstance(part, bool):
        found[key] = not part
    elif isinstance(part, int) and key != "const":
        found[key] = part + random.choice([1, 2])
    elif key == "type":
        found[key] = random.choice(TYPES)
    elif key == "enum":
        found[key] = [*part, "new"] if random.random() < 0.5 or len(part) == 1 else part[1:]
    else:
        del found[key]
    return found
