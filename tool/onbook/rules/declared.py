"""The names that a contract declares, wherever in its schema."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

Json = Mapping[str, object]

# Of JSON Schema 2020-12 and the drafts before it, and what OpenAPI adds.
KEYWORDS = frozenset(
    {
        *("type", "enum", "const", "default", "title", "description", "examples", "example", "deprecated"),
        *("readOnly", "writeOnly", "nullable", "format", "properties", "required", "additionalProperties"),
        *("patternProperties", "propertyNames", "minProperties", "maxProperties", "unevaluatedProperties"),
        *("dependentRequired", "dependentSchemas", "dependencies", "items", "prefixItems", "additionalItems"),
        *("unevaluatedItems", "contains", "minContains", "maxContains", "minItems", "maxItems", "uniqueItems"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"),
        *("pattern", "contentEncoding", "contentMediaType", "contentSchema", "allOf", "anyOf", "oneOf", "not"),
        *("if", "then", "else", "definitions", "discriminator", "externalDocs", "xml", "id"),
    }
)


def misplaced(inputs: Json) -> list[str]:
    """The keys of a contract that are no keywords: variables outside of ``properties``, or misspelt keywords."""
    return [key for key in inputs if key not in KEYWORDS and not key.startswith(("x-", "$"))]


@dataclass(slots=True)
class Declared:
    """The names that a contract declares, wherever in the schema: beside ``$ref``, in ``allOf`` and its like.

    Attributes:
        names: to the older names that are accepted for each.
        open: whether it says that other names are accepted too, or could not be followed.
    """

    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    open: bool = False

    @staticmethod
    def of(inputs: Json) -> Declared:
        found = Declared()
        found._add(inputs, inputs, set())
        return found

    def _add(self, schema: object, root: Json, followed: set[str]) -> None:
        if not isinstance(schema, Mapping):
            return
        properties = schema.get("properties")
        for name, part in properties.items() if isinstance(properties, Mapping) else ():
            aliases = part.get("x-aliases") if isinstance(part, Mapping) else None
            self.names[name] = tuple(map(str, aliases)) if isinstance(aliases, list) else self.names.get(name, ())
        if any(schema.get(key, False) is not False for key in ("additionalProperties", "unevaluatedProperties")):
            self.open = True
        if schema.get("patternProperties"):
            self.open = True
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference not in followed:
            followed.add(reference)
            target = resolve(reference, root)
            self.open = self.open or target is None
            self._add(target, root, followed)
        for part in _parts(schema):
            self._add(part, root, followed)

    def hint(self, name: str) -> str:
        """What to do about a name that is not declared."""
        for current, aliases in self.names.items():
            if name in aliases:
                return f"{name!r} is an older name of {current!r}: write {current!r}"
        if near := _nearest(name, tuple(self.names)):
            return f"did you mean {near!r}?"
        return f"declare it under inputs/properties; declared are {', '.join(self.names) or 'none'}"


@lru_cache(maxsize=4096)
def _nearest(name: str, names: tuple[str, ...]) -> str | None:
    # A name that is misspelt once often is so in many places.
    near = difflib.get_close_matches(name, names, n=1)
    return near[0] if near else None


def _parts(schema: Json) -> Iterable[object]:
    for key in ("allOf", "anyOf", "oneOf"):
        part = schema.get(key)
        yield from part if isinstance(part, list) else ()
    for key in ("if", "then", "else"):
        yield schema.get(key)
    dependent = schema.get("dependentSchemas")
    yield from dependent.values() if isinstance(dependent, Mapping) else ()


def resolve(reference: str, root: Json) -> object:
    """What a local reference (``#/$defs/x``) stands for; None if it is of another kind or leads nowhere."""
    if not reference.startswith("#/"):
        return root if reference == "#" else None
    found: object = root
    for step in reference[2:].split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping):
            found = found.get(name)
        elif isinstance(found, list) and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        else:
            return None
    return found
