"""Contracts: JSON Schema validation, and whether one schema covers another.

jsonschema-rs decides everywhere, always offline and with formats checked: without the first a hostile ``$ref`` reads
files and opens connections, without the second ``email`` and ``date`` cover each other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import unquote

from onbook.drafts import draft_of, modern, tells_integers_apart
from onbook.errors import OnbookError
from onbook.plain_schemas import fulfils, is_plain

Json = Mapping[str, object]
Pointer = tuple[str | int, ...]

# Canonicalising is exponential in the worst case and holds the interpreter's lock, so the price is asked before: in
# schemas within the two, and in ways to choose one branch of every union that must hold at once.
MAX_COVERED_NODES = 400
MAX_COVERED_WAYS = 64
# The library holds every member of one enum against every member of the other.
MAX_COVERED_MEMBERS = 2_000

# A pattern with back references may take exponential time; what is not decided after so many steps does not match.
BACKTRACK_LIMIT = 1_000_000

# Schemas that may be asked about one place of a value. Definitions that each refer twice to the next double it
# every time, and validating holds the interpreter's lock as well.
MAX_EFFORT = 10_000

# Values that are held against a plain schema before its validator is compiled.
MAX_LOOKED_AT = 16

# Members of an enum that an error names; the library names two.
MAX_TOLD = 8

# Under these keywords stand names with a schema each; under those, data in which nothing is a keyword.
_NAMED = (
    "properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependentRequired", "dependencies",
)  # fmt: skip
_DATA = ("enum", "const", "default", "examples")


class ContractError(OnbookError):
    """A schema that is no valid JSON Schema."""

    def __init__(self, message: str, pointer: Pointer = ()) -> None:
        super().__init__(message)
        self.pointer = pointer


class Containment(Enum):
    """Whether every value of one schema is a value of another. UNKNOWN is never taken for YES."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Violation:
    """One way in which a value breaks a schema.

    Attributes:
        pointer: where in the value.
        keyword: the schema's keyword that refused it (``required``, ``additionalProperties``, ``type`` ...).
        names: the properties that are missing or not allowed, for those two keywords.
        schema_pointer: where in the schema.
    """

    message: str
    pointer: Pointer
    keyword: str
    names: tuple[str, ...] = ()
    schema_pointer: Pointer = ()


class Contract:
    """A compiled JSON Schema (2020-12 unless its ``$schema`` says otherwise).

    Raises:
        ContractError: the schema is not valid, refers to what is not in it, or takes too long to check.

    Attributes:
        effort: how many schemas are asked about one place of a value at most.
    """

    _validator: Any = None
    _asked = 0

    def __init__(self, schema: Json | bool, *, backtrack_limit: int = BACKTRACK_LIMIT) -> None:
        self.schema = schema
        self._backtrack_limit = backtrack_limit
        # Compiling costs more than looking, and most schemas are never asked about a value.
        self._plain = is_plain(schema)
        if self._plain:
            self.effort = 2 if isinstance(schema, Mapping) and "$defs" in schema else 1
            return
        self._compiled()
        self.effort = _effort(schema)
        if self.effort > MAX_EFFORT:
            raise ContractError("its references and unions multiply beyond what can be checked in time")

    def _compiled(self) -> Any:
        if self._validator is not None:
            return self._validator
        import jsonschema_rs

        document: Any = dict(self.schema) if isinstance(self.schema, Mapping) else self.schema
        try:
            self._validator = jsonschema_rs.validator_for(
                document,
                validate_formats=True,
                offline=True,
                pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=self._backtrack_limit),
            )
        except jsonschema_rs.ValidationError as error:
            raise ContractError(_first_line(error.message), tuple(error.instance_path)) from None
        except (jsonschema_rs.ReferencingError, ValueError) as error:
            raise ContractError(_first_line(str(error))) from None
        return self._validator

    def _plainly_accepts(self, value: object) -> bool:
        # Compiling pays for whoever asks often.
        self._asked += 1
        return self._plain and self._validator is None and self._asked <= MAX_LOOKED_AT and fulfils(value, self.schema)

    def accepts(self, value: object) -> bool:
        """Whether a value fulfils the schema."""
        if self._plainly_accepts(value):
            return True
        return bool(self._compiled().is_valid(value))

    def violations(self, value: object) -> list[Violation]:
        """Every way in which a value breaks the schema, in the value's order."""
        if self._plainly_accepts(value):
            return []
        return [_violation(error) for error in self._compiled().iter_errors(value)]


def _violation(error: Any) -> Violation:
    kind = error.kind
    keyword: str = kind.name
    message = _first_line(error.message)
    names: tuple[str, ...] = ()
    if keyword == "required":
        names = (kind.property,)
        message = f"{kind.property!r} is required and missing"
    elif keyword == "additionalProperties":
        names = tuple(kind.unexpected)
        message = f"{', '.join(map(repr, names))} is not expected here"
    elif keyword == "enum" and len(kind.options) <= MAX_TOLD:
        message = f"{message.partition(' is not one of ')[0]} is not one of {', '.join(map(dump, kind.options))}"
    elif keyword in ("anyOf", "oneOf"):
        message = _closest(kind, len(error.instance_path)) or message
    return Violation(message, tuple(error.instance_path), keyword, names, tuple(error.schema_path))


def covers(wide: Json | bool, narrow: Json | bool) -> Containment:
    """Whether every value that ``narrow`` accepts is accepted by ``wide``.

    Schemas of older drafts are compared in the words of 2020-12 where these say exactly the same. What is too large or
    beyond the library (recursion, some patterns) is UNKNOWN, and so is whatever it fails at: its API is young.
    """
    if wide is True or wide == {} or (same(wide, narrow) and draft_of(wide) == draft_of(narrow)):
        return Containment.YES
    wider, narrower = _said_in_2020(wide), _said_in_2020(narrow)
    if wider is None or narrower is None or not _affordable(wider, narrower):
        return Containment.UNKNOWN
    verdict = _canonically(wider, narrower)
    if verdict is Containment.YES and tells_integers_apart(wide, narrow):
        return Containment.UNKNOWN
    return verdict


def _said_in_2020(schema: Json | bool) -> Json | bool | None:
    # What is too large is not even translated.
    return schema if draft_of(schema) == 2020 else modern(schema) if nodes(schema) <= MAX_COVERED_NODES else None


def _canonically(wide: Json | bool, narrow: Json | bool) -> Containment:
    try:
        import jsonschema_rs

        draft = jsonschema_rs.Draft202012

        def canonical(schema: Json | bool) -> Any:
            document: Any = dict(schema) if isinstance(schema, Mapping) else schema
            return jsonschema_rs.canonicalize(document, draft=draft, validate_formats=True, offline=True)

        verdict = str(canonical(wide).covers(canonical(narrow)))
    except Exception:  # a witness may still be found, which needs none of this; if not, the pair is unproven
        return Containment.UNKNOWN
    return Containment(verdict) if verdict in ("yes", "no") else Containment.UNKNOWN


def same(one: object, other: object) -> bool:
    """Whether two values are the same JSON: ``1`` and ``true`` differ, unlike in Python; the order of keys is free."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def rewrite(schema: object, change: Callable[[dict[str, object]], dict[str, object]]) -> object:
    """A copy of a schema in which ``change`` was applied to each schema within, the inner ones first.

    Names of properties are never taken for keywords, nor is data such as the members of an enum for schemas.
    """
    if isinstance(schema, list):
        return [rewrite(part, change) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    copied: dict[str, object] = {}
    for key, part in schema.items():
        if key in _NAMED and isinstance(part, Mapping):
            copied[key] = {name: rewrite(inner, change) for name, inner in part.items()}
        else:
            copied[key] = part if key in _DATA else rewrite(part, change)
    return change(copied)


def subschemas(schema: object) -> Iterator[Json]:
    """Every schema within a schema, itself first; booleans aside."""
    stack = [schema]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, Mapping):
            yield node
            for key, part in node.items():
                if key in _NAMED and isinstance(part, Mapping):
                    stack.extend(part.values())
                elif key not in _DATA:
                    stack.append(part)


def nodes(schema: object) -> int:
    """The size of a schema: the schemas within it and, at a hundredth, the members of its enums."""
    return sum(1 + len(members(node.get("enum"))) // 100 for node in subschemas(schema))


def members(value: object) -> list[object]:
    """A list, or nothing where there is none."""
    return value if isinstance(value, list) else []


def strip_annotations(schema: object) -> object:
    """A schema without what is ours or only for people and defaults: what a provider is sent.

    ``x-*`` keys and ``default`` are dropped where they are keywords, never where they are names of properties.
    """
    return rewrite(
        schema, lambda node: {key: part for key, part in node.items() if key != "default" and not key.startswith("x-")}
    )


def _affordable(wide: Json | bool, narrow: Json | bool) -> bool:
    if nodes(wide) + nodes(narrow) > MAX_COVERED_NODES:
        return False
    if any(sum(len(members(node.get("enum"))) for node in subschemas(s)) > MAX_COVERED_MEMBERS for s in (wide, narrow)):
        return False
    if _effort(wide) > MAX_EFFORT or _effort(narrow) > MAX_EFFORT:
        return False
    return _ways(wide, wide, {}) * _ways(narrow, narrow, {}) <= MAX_COVERED_WAYS


def _ways(schema: object, root: object, known: dict[str, int]) -> int:
    """In how many ways one branch of every union that holds at once can be chosen; stops counting at the limit."""
    if not isinstance(schema, Mapping):
        return 1
    ways = 1
    for key, part in schema.items():
        match key:
            case "anyOf" | "oneOf":
                ways *= sum(_ways(branch, root, known) for branch in members(part)) or 1
            case "allOf":
                ways *= _product(members(part), root, known)
            case "if":
                ways *= 2 * _product([schema.get(name) for name in ("if", "then", "else")], root, known)
            case "not" | "contains" | "propertyNames" | "items" | "additionalProperties" | "unevaluatedProperties":
                ways *= _ways(part, root, known)
            case "dependentRequired" | "dependentSchemas" | "dependencies" if isinstance(part, Mapping):
                ways *= 2 ** min(len(part), 10) * _product(list(part.values()), root, known)
            case "properties" | "patternProperties" if isinstance(part, Mapping):
                # Properties are told apart by their names: one at a time is a choice.
                ways *= max((_ways(inner, root, known) for inner in part.values()), default=1)
            case "$ref" if isinstance(part, str):
                if part not in known:
                    known[part] = 1
                    known[part] = _ways(resolve(root, part), root, known)
                ways *= known[part]
        if ways > MAX_COVERED_WAYS:
            return MAX_COVERED_WAYS + 1
    return ways


def _product(parts: list[object], root: object, known: dict[str, int]) -> int:
    ways = 1
    for part in parts:
        ways *= _ways(part, root, known)
        if ways > MAX_COVERED_WAYS:
            break
    return ways


def _effort(root: object) -> int:
    known: dict[int, int] = {}

    def asked(schema: object) -> int:
        """The schemas that are asked about the very value that this one is asked about."""
        if not isinstance(schema, Mapping):
            return 1
        if id(schema) not in known:
            known[id(schema)] = 1  # met again within itself: the library refuses to go round
            known[id(schema)] = min(1 + sum(map(asked, _in_place(schema, root))), MAX_EFFORT + 1)
        return known[id(schema)]

    try:
        return max(map(asked, subschemas(root)), default=1)
    except RecursionError:
        return MAX_EFFORT + 1


def _in_place(schema: Json, root: object) -> Iterator[object]:
    for key in ("allOf", "anyOf", "oneOf"):
        yield from members(schema.get(key))
    for key in ("not", "if", "then", "else"):
        if key in schema:
            yield schema[key]
    if isinstance(named := schema.get("dependentSchemas"), Mapping):
        yield from named.values()
    if isinstance(reference := schema.get("$ref"), str):
        yield resolve(root, reference)


def resolve(root: object, reference: str) -> object:
    """What a local reference (``#/$defs/level``) leads to within its schema; None where it leads nowhere."""
    if reference != "#" and not reference.startswith("#/"):
        return None
    node = root
    for part in reference.split("/")[1:]:
        step = unquote(part).replace("~1", "/").replace("~0", "~")
        if isinstance(node, list):
            node = node[int(step)] if step.isdecimal() and int(step) < len(node) else None
        else:
            node = node.get(step) if isinstance(node, Mapping) else None
    return node


def _closest(kind: Any, depth: int) -> str | None:
    """Why the branch of a union that a value comes closest to refuses it.

    The validator's own account: explaining with Python's regular expressions could take for ever on a hostile pattern.
    """
    branches = [branch for branch in getattr(kind, "context", ()) if branch]
    if not branches:
        return None

    def distance(errors: Any) -> tuple[bool, int]:
        # A branch for another type or another constant was not the one that was meant.
        alien = any(
            error.kind.name in ("type", "const", "enum") and len(error.instance_path) <= depth for error in errors
        )
        return alien, len(errors)

    best = min(branches, key=distance)
    told = _violation(best[0])
    where = "/".join(map(str, told.pointer[depth:]))
    return f"{where}: {told.message}" if where else told.message


def _first_line(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= 300 else f"{line[:300]}..."


def dump(value: object) -> str:
    """A value as one line of JSON, for messages."""
    return _ENCODER.encode(value)


_ENCODER = json.JSONEncoder(ensure_ascii=False)  # made once: assertions say what they saw of every answer
