"""Contracts: JSON Schema validation, and whether one schema covers another.

jsonschema-rs decides everywhere, always offline and with formats checked: without the first a hostile ``$ref`` reads
files and opens connections, without the second ``email`` and ``date`` cover each other. jsonschema is imported only to
say which branch of an ``anyOf`` a value came closest to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from onbook.errors import OnbookError

Json = Mapping[str, object]
Pointer = tuple[str | int, ...]

# Canonicalising is exponential in the worst case and holds the interpreter's lock, so size is asked before.
MAX_COVERED_NODES = 400


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
        ContractError: the schema is not valid, or refers to what is not in it.
    """

    def __init__(self, schema: Json | bool) -> None:
        import jsonschema_rs

        self.schema = schema
        document: Any = dict(schema) if isinstance(schema, Mapping) else schema
        try:
            self._validator = jsonschema_rs.validator_for(document, validate_formats=True, offline=True)
        except jsonschema_rs.ValidationError as error:
            raise ContractError(_first_line(error.message), tuple(error.instance_path)) from None
        except (jsonschema_rs.ReferencingError, ValueError) as error:
            raise ContractError(_first_line(str(error))) from None

    def accepts(self, value: object) -> bool:
        """Whether a value fulfils the schema."""
        return self._validator.is_valid(value)

    def violations(self, value: object) -> list[Violation]:
        """Every way in which a value breaks the schema, in the value's order."""
        return [self._violation(error, value) for error in self._validator.iter_errors(value)]

    def _violation(self, error: Any, value: object) -> Violation:
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
        elif keyword in ("anyOf", "oneOf"):
            message = _closest(self.schema, value, tuple(error.instance_path)) or message
        return Violation(message, tuple(error.instance_path), keyword, names, tuple(error.schema_path))


def covers(wide: Json | bool, narrow: Json | bool) -> Containment:
    """Whether every value that ``narrow`` accepts is accepted by ``wide``.

    What is too large or beyond the library (recursion, some patterns) is UNKNOWN.
    """
    if wide == narrow or wide is True or wide == {}:
        return Containment.YES
    if _nodes(wide) + _nodes(narrow) > MAX_COVERED_NODES:
        return Containment.UNKNOWN
    import jsonschema_rs

    def canonical(schema: Json | bool) -> Any:
        document: Any = dict(schema) if isinstance(schema, Mapping) else schema
        return jsonschema_rs.canonicalize(
            document, draft=jsonschema_rs.Draft202012, validate_formats=True, offline=True
        )

    try:
        verdict = str(canonical(wide).covers(canonical(narrow)))
    except (ValueError, RecursionError):
        return Containment.UNKNOWN
    return Containment(verdict) if verdict in ("yes", "no") else Containment.UNKNOWN


def strip_annotations(schema: object) -> object:
    """A schema without what is ours or only for people and defaults: what a provider is sent.

    ``x-*`` keys and ``default`` are dropped where they are keywords, never where they are names of properties.
    """
    if isinstance(schema, list):
        return [strip_annotations(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    kept: dict[str, object] = {}
    for key, value in schema.items():
        if key == "default" or key.startswith("x-"):
            continue
        if key in ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas") and isinstance(
            value, Mapping
        ):
            kept[key] = {name: strip_annotations(part) for name, part in value.items()}
        elif key in ("enum", "const", "examples"):
            kept[key] = value
        else:
            kept[key] = strip_annotations(value)
    return kept


def _closest(schema: Json | bool, value: object, pointer: Pointer) -> str | None:
    import jsonschema
    import referencing

    # An empty registry: the library would otherwise fetch what a $ref names.
    validator = jsonschema.Draft202012Validator(schema, registry=referencing.Registry())
    errors = [error for error in validator.iter_errors(value) if tuple(error.absolute_path) == pointer]
    best = jsonschema.exceptions.best_match(errors)
    return _first_line(best.message) if best else None


def _first_line(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= 300 else f"{line[:300]}..."


def _nodes(schema: object) -> int:
    return sum(1 for _ in _walk(schema))


def _walk(schema: object) -> Iterator[object]:
    stack = [schema]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, Mapping):
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)


def dump(value: object) -> str:
    """A value as one line of JSON, for messages."""
    return json.dumps(value, ensure_ascii=False)
