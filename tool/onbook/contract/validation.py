"""Values held against a JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from onbook.contract.effort import MAX_EFFORT, effort_of
from onbook.contract.plain import fulfils, is_plain, is_unicode
from onbook.contract.walk import Json, Pointer, dump
from onbook.errors import OnbookError

# A pattern with back references may take exponential time; what is not decided after so many steps does not match.
BACKTRACK_LIMIT = 1_000_000
HASTY_BACKTRACK_LIMIT = 10_000
"""For who tries many values of one schema, and can do without the one that takes longer."""

# Values that are held against a plain schema before its validator is compiled.
MAX_LOOKED_AT = 16

# Where the library gives up on what is nested deeper still.
_DEEP = 200

# Members of an enum that an error names; the library names two.
MAX_TOLD = 8


class ContractError(OnbookError):
    """A schema that is no valid JSON Schema."""

    def __init__(self, message: str, pointer: Pointer = ()) -> None:
        super().__init__(message)
        self.pointer = pointer


@dataclass(frozen=True, slots=True)
class Violation:
    """One way in which a value breaks a schema.

    Attributes:
        pointer: where in the value.
        keyword: the schema's keyword that refused it (``required``, ``additionalProperties``, ``type`` ...); empty
            where no schema was asked, because the value is none that JSON has.
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
            self.effort = 2 if type(schema) is dict and "$defs" in schema else 1  # a plain schema is a dict
            return
        self._compiled()
        self.effort = effort_of(schema)
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
        try:
            return bool(self._compiled().is_valid(value))
        except ValueError:  # no JSON at all
            return False

    def violations(self, value: object) -> list[Violation]:
        """Every way in which a value breaks the schema, in the value's order."""
        if self._plainly_accepts(value):
            return []
        validator = self._compiled()
        try:
            return [_violation(error) for error in validator.iter_errors(value)]
        except ValueError as error:
            return [_no_json(value) or Violation(_first_line(str(error)), (), "")]


def _no_json(value: object) -> Violation | None:
    """The first part of a value that JSON does not have: an application may pass a date, a model say half an emoji."""
    waiting: list[tuple[tuple[str | int, ...], object]] = [((), value)]
    while waiting:
        pointer, part = waiting.pop()
        if len(pointer) > _DEEP:
            return Violation("this is nested too deep", pointer[:3], "")
        if type(part) is str and not is_unicode(part):
            return Violation("this holds half a character (a lone surrogate), which is no Unicode", pointer, "")
        if isinstance(part, Mapping):
            if strange := [key for key in part if not isinstance(key, str) or not is_unicode(key)]:
                return Violation(f"the key {strange[0]!r} is no text", pointer, "")
            waiting += [((*pointer, key), inner) for key, inner in reversed(list(part.items()))]
        elif isinstance(part, list | tuple):
            waiting += [((*pointer, at), part[at]) for at in reversed(range(len(part)))]
        elif type(part) is not str and not isinstance(part, int | float | None):
            return Violation(f"a value of type {type(part).__name__} is none that JSON has", pointer, "")
    return None


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
