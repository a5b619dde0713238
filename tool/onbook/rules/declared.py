"""The names that a contract declares, wherever in its schema."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from onbook.errors import InputError
from onbook.formats import Pointer
from onbook.nearest import nearest
from onbook.project import Source
from onbook.render.types import Use
from onbook.rules.texts import Text, memo, reached, used

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
    if KEYWORDS.issuperset(inputs):
        return []
    return [key for key in inputs if key not in KEYWORDS and not key.startswith(("x-", "$"))]


def undeclared(source: Source) -> list[tuple[Text, Use, str]]:
    """Every use of a variable that the contract does not declare, with what to do about it; none without a contract."""
    return memo(source, "undeclared", _undeclared)


def _undeclared(source: Source) -> Iterable[tuple[Text, Use, str]]:
    prompt = source.prompt
    if prompt is None or prompt.inputs is None:
        return ()
    contract = prompt.inputs
    if prompt.input_properties.keys() >= used(source):  # as nearly everywhere
        return ()
    declared = Declared.of(contract)
    return () if declared.open else _uses(source, declared, misplaced(contract))


def _uses(source: Source, declared: Declared, meant: list[str]) -> Iterator[tuple[Text, Use, str]]:
    """Every use that is not declared. What is ``meant`` as declared, beside ``properties``, another rule tells."""
    told: set[tuple[Pointer | str, int, int]] = set()
    for text, scope in reached(source):
        for use in text.template.variables:
            if use.name in declared.names or use.name in scope or use.name in meant:
                continue
            place = (text.pointer or text.path, use.line, use.column)
            if place not in told:
                told.add(place)
                yield text, use, declared.hint(use.name)


class Consequences:
    """What fails for no other reason than a variable that is not declared: another rule tells where it stands, so that
    it is told here once for a name, however many rows there are.
    """

    def __init__(self, source: Source) -> None:
        self._names = {use.name for _, use, _ in undeclared(source)}
        self._told: set[str] = set()

    def advice(self, error: InputError) -> tuple[bool, str | None]:
        """Whether this error is to be told, and with which hint."""
        for name in self._names:
            if error.message.endswith(f"variable {name!r} has no value"):
                new = name not in self._told
                self._told.add(name)
                return new, f"declare {name}, or correct the name in the text (ON203)"
        return True, error.hint


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
        if type(schema) is not dict and not isinstance(schema, Mapping):
            return
        properties = schema.get("properties")
        for name, part in properties.items() if type(properties) is dict or isinstance(properties, Mapping) else ():
            aliases = part.get("x-aliases") if type(part) is dict or isinstance(part, Mapping) else None
            self.names[name] = tuple(map(str, aliases)) if isinstance(aliases, list) else self.names.get(name, ())
        if schema.get("additionalProperties", False) is not False:
            self.open = True
        if schema.get("unevaluatedProperties", False) is not False:
            self.open = True
        if schema.get("patternProperties"):
            self.open = True
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference not in followed:
            followed.add(reference)
            target = resolve(reference, root)
            self.open = self.open or target is None
            self._add(target, root, followed)
        if not _COMBINING.isdisjoint(schema):
            for part in _parts(schema):
                self._add(part, root, followed)

    def hint(self, name: str) -> str:
        """What to do about a name that is not declared."""
        for current, aliases in self.names.items():
            if name in aliases:
                return f"{name!r} is an older name of {current!r}: write {current!r}"
        if near := nearest(name, self.names):
            return f"did you mean {near!r}?"
        return _declare(tuple(self.names))


@lru_cache(maxsize=16)
def _declare(names: tuple[str, ...]) -> str:
    # One text for all that a contract does not have: it is sent and kept once as well.
    return f"declare it under inputs/properties; declared are {', '.join(names) or 'none'}"


_COMBINING = frozenset({"allOf", "anyOf", "oneOf", "if", "then", "else", "dependentSchemas"})


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
