"""A witness: a value that one schema accepts and another rejects, found by a bounded search.

The covering check of the library leaves many simple pairs undecided (integer within number, one pattern within
another). A value that the validator itself tells apart is a proof that needs no trust in any of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from onbook.contract import Containment, Contract, ContractError, covers

MAX_CANDIDATES = 2_000
_DEPTH = 4
_BASIC: tuple[object, ...] = (
    "a", "", 0, 1, -1, 1.5, True, False, None, [], {}, ["a"], [0], {"a": "a"}, "aaaaaaaaaaaaaaaaaaaa",
    "2026-01-31", "a@example.com",
)  # fmt: skip

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Covering:
    """Whether one schema covers another, with a value that shows it where it does not (boxed: null is a value)."""

    verdict: Containment
    witness: tuple[object] | None = None


def covering(wide: Json | bool, narrow: Json | bool) -> Covering:
    """Whether ``wide`` accepts all that ``narrow`` accepts: by proof, else by a witness against it."""
    verdict = covers(wide, narrow)
    if verdict is Containment.YES:
        return Covering(verdict)
    try:
        accepts, rejects = Contract(narrow), Contract(wide)
    except ContractError:
        return Covering(Containment.UNKNOWN)
    for number, value in enumerate(_candidates(narrow, wide)):
        if number >= MAX_CANDIDATES:
            break
        if accepts.accepts(value) and not rejects.accepts(value):
            return Covering(Containment.NO, (value,))
    return Covering(verdict)


def _candidates(narrow: Json | bool, wide: Json | bool) -> Iterator[object]:
    yield from _values(narrow, narrow, 0)
    yield from _values(wide, wide, 0)
    yield from _BASIC


def _values(schema: object, root: object, depth: int) -> Iterator[object]:
    """Values at and around the limits that a schema names."""
    if depth > _DEPTH or not isinstance(schema, Mapping):
        yield from _BASIC[:4]
        return
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#"):
        yield from _values(_resolve(root, reference), root, depth + 1)
    if "const" in schema:
        yield schema["const"]
    for key in ("enum", "examples"):
        yield from _list(schema.get(key))
    for key in ("anyOf", "oneOf", "allOf"):
        for branch in _list(schema.get(key)):
            yield from _values(branch, root, depth + 1)
    yield from _numbers(schema)
    yield from _strings(schema)
    yield from _objects(schema, root, depth)
    yield from _arrays(schema, root, depth)
    yield from _BASIC


def _numbers(schema: Json) -> Iterator[object]:
    for key in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"):
        limit = schema.get(key)
        if isinstance(limit, int | float) and not isinstance(limit, bool):
            yield from (limit, limit - 1, limit + 1, limit + 0.5)


def _strings(schema: Json) -> Iterator[object]:
    for key in ("minLength", "maxLength"):
        length = schema.get(key)
        if isinstance(length, int) and 0 <= length <= 10_000:
            yield from ("a" * length, "a" * (length + 1), "a" * max(0, length - 1))


def _objects(schema: Json, root: object, depth: int) -> Iterator[object]:
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return
    samples = {name: list(_some(_values(part, root, depth + 1), 24)) for name, part in properties.items()}
    required = [str(name) for name in _list(schema.get("required"))]
    full = {name: _accepted(properties[name], values) for name, values in samples.items()}
    least = {name: full.get(name, "a") for name in required}
    yield least
    yield full
    for name, values in samples.items():
        yield {key: value for key, value in full.items() if key != name}
        for value in values:
            yield {**least, name: value}
    yield {**full, "onbook-unknown": "a"}


def _arrays(schema: Json, root: object, depth: int) -> Iterator[object]:
    if "items" not in schema and schema.get("type") != "array":
        return
    items = list(_some(_values(schema.get("items", {}), root, depth + 1), 12))
    yield from ([item] for item in items)
    first = _accepted(schema.get("items", {}), items)
    for key in ("minItems", "maxItems"):
        length = schema.get(key)
        if isinstance(length, int) and 0 <= length <= 100:
            yield from ([first] * length, [first] * (length + 1), [first] * max(0, length - 1))


def _accepted(schema: object, values: list[object]) -> object:
    try:
        contract = Contract(schema)  # type: ignore[arg-type]
    except ContractError:
        return values[0] if values else "a"
    return next((value for value in values if contract.accepts(value)), "a")


def _resolve(root: object, reference: str) -> object:
    node = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        if not part:
            continue
        node = node.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(node, Mapping) else None
    return node


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _some(values: Iterator[object], count: int) -> Iterator[object]:
    for _, value in zip(range(count), values, strict=False):
        yield value
