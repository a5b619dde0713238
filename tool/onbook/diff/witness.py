"""A witness: a value that one schema accepts and another rejects, found by a bounded search.

The covering check of the library leaves many simple pairs undecided (one pattern within another, recursion). A value
that the validator itself tells apart is a proof that needs no trust in any of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from onbook.contract import (
    HASTY_BACKTRACK_LIMIT,
    Containment,
    Contract,
    ContractError,
    covers,
    dump,
    members,
    nodes,
    resolve,
    strip_annotations,
)
from onbook.diff.inclusion import proved
from onbook.diff.parts import Json, properties, required, rooted

# Bounds of one search, none of them a clock: the same schemas give the same witness on every machine.
MAX_CANDIDATES = 2_000
MAX_STEPS = 4_000  # schemas visited while values are made up
MAX_WEIGHT = 1_000_000  # characters and items of all candidates, for a schema of up to 100 nodes
MAX_BRANCHES = 10**7
MAX_COMPILED = 20_000  # schemas in the contracts that parts of values are held against
_DEPTH = 4
_LONGEST = 5_000
_COUNT = 100

FORMATS = {
    "date": "2026-01-31", "date-time": "2026-01-31T10:00:00Z", "time": "10:00:00Z", "duration": "P1D",
    "email": "a@example.com", "hostname": "example.com", "ipv4": "192.0.2.1", "ipv6": "2001:db8::1",
    "uri": "https://example.com/a", "uri-reference": "/a", "uuid": "123e4567-e89b-12d3-a456-426614174000",
    "regex": "^a$", "json-pointer": "/a",
}  # fmt: skip
_BASIC: tuple[object, ...] = (
    "a", "", 0, 1, -1, 1.5, True, False, None, [], {}, ["a"], [0], {"a": "a"}, "A", "0", "123", "ab", "a b", "é",
    "aaaaaaaaaaaaaaaaaaaa", *FORMATS.values(),
)  # fmt: skip
UNKNOWN_NAME = "onbook-unknown"


@dataclass(frozen=True, slots=True)
class Covering:
    """Whether one schema covers another, with a value that shows it where it does not (boxed: null is a value)."""

    verdict: Containment
    witness: tuple[object] | None = None


def covering(wide: Json | bool, narrow: Json | bool) -> Covering:
    """Whether ``wide`` accepts all that ``narrow`` accepts: by proof, else by a witness against it."""
    try:
        # First of all: what is nested too deep or multiplies is refused here.
        accepts, accepts_fast = Contract(narrow), Contract(narrow, backtrack_limit=HASTY_BACKTRACK_LIMIT)
        rejects, rejects_fast = Contract(wide), Contract(wide, backtrack_limit=HASTY_BACKTRACK_LIMIT)
    except ContractError:
        return Covering(Containment.UNKNOWN)
    bare_wide, bare_narrow = _bare(wide), _bare(narrow)
    verdict = covers(bare_wide, bare_narrow)
    if verdict is Containment.UNKNOWN and proved(bare_wide, bare_narrow):
        verdict = Containment.YES
    if verdict is Containment.YES:
        return Covering(verdict)
    budget = 100 * MAX_WEIGHT // max(100, nodes(wide) + nodes(narrow))
    effort = max(accepts.effort, rejects.effort)
    for value in islice(_candidates(narrow, wide), MAX_CANDIDATES):
        weight, depth = _measure(value)
        # On every level of the value the schemas may branch again.
        if effort**depth > MAX_BRANCHES:
            continue
        budget -= weight
        if budget < 0:
            break
        # Decided once more with the patience of a real call: what is printed must hold there.
        quick = accepts_fast.accepts(value) and not rejects_fast.accepts(value)
        if quick and accepts.accepts(value) and not rejects.accepts(value):
            return Covering(Containment.NO, (value,))
    return Covering(verdict)


def _bare(schema: Json | bool) -> Json | bool:
    stripped = strip_annotations(schema)
    return stripped if isinstance(stripped, Mapping | bool) else {}


def _candidates(narrow: Json | bool, wide: Json | bool) -> Iterator[object]:
    yield from _told_apart(narrow, wide)
    for schema in (narrow, wide):
        yield from _Values(schema).of(schema, 0)
    yield from _BASIC


def _told_apart(narrow: Json | bool, wide: Json | bool) -> Iterator[object]:
    """Members of an enum that only one of the two has: among thousands they would be met too late."""
    mine, others = _enum(narrow), _enum(wide)
    yield from (mine[key] for key in mine if key not in others)


def _enum(schema: object) -> dict[str, object]:
    found = members(schema.get("enum")) if isinstance(schema, Mapping) else []
    return {dump(member): member for member in found}


class _Values:
    """Values at and around the limits that a schema names."""

    def __init__(self, root: Json | bool) -> None:
        self._root = root
        self._steps = MAX_STEPS
        self._compilable = MAX_COMPILED
        # The schema stands beside its contract, so that its identity stays its own.
        self._contracts: dict[int, tuple[object, Contract | None]] = {}

    def of(self, schema: object, depth: int) -> Iterator[object]:
        self._steps -= 1
        if self._steps < 0 or depth > _DEPTH or not isinstance(schema, Mapping):
            yield from _BASIC[:4]
            return
        reference = schema.get("$ref")
        if isinstance(reference, str):
            yield from self.of(resolve(self._root, reference), depth + 1)
        for key in ("const", "default"):
            if key in schema:
                yield schema[key]
        for key in ("enum", "examples"):
            yield from members(schema.get(key))
        for key in ("anyOf", "oneOf", "allOf"):
            for branch in members(schema.get(key)):
                yield from self.of(branch, depth + 1)
        for key in ("not", "if", "then", "else"):
            if key in schema:
                yield from self.of(schema[key], depth + 1)
        yield from _numbers(schema)
        yield from _strings(schema)
        yield from self._objects(schema, depth)
        yield from self._arrays(schema, depth)
        yield from _BASIC

    def _objects(self, schema: Json, depth: int) -> Iterator[object]:
        declared = properties(schema)
        if not declared and schema.get("type") != "object" and "additionalProperties" not in schema:
            return
        names = list(declared)[: _COUNT // (depth + 1)]
        samples = {name: list(islice(self.of(declared[name], depth + 1), 24)) for name in names}
        full = {name: self._accepted(declared[name], values) for name, values in samples.items()}
        least = {name: full.get(name, "a") for name in sorted(required(schema))[: 2 * _COUNT]}
        yield least
        yield full
        for name, values in samples.items():
            yield {key: value for key, value in full.items() if key != name}
            for value in values:
                yield {**least, name: value}
        for value in islice(self.of(schema.get("additionalProperties", True), depth + 1), 12):
            yield {**least, UNKNOWN_NAME: value}
        yield {**full, UNKNOWN_NAME: "a"}

    def _arrays(self, schema: Json, depth: int) -> Iterator[object]:
        if not {"items", "prefixItems", "minItems", "maxItems"} & schema.keys() and schema.get("type") != "array":
            return
        items = list(islice(self.of(schema.get("items", {}), depth + 1), 24))
        yield from ([item] for item in items)
        first = self._accepted(schema.get("items", {}), items)
        if tuple_ := members(schema.get("prefixItems"))[:10]:
            heads = [self._accepted(part, list(islice(self.of(part, depth + 1), 24))) for part in tuple_]
            yield heads
            yield from ([*heads, item] for item in items)
        yield [first, first]
        for key in ("minItems", "maxItems"):
            length = schema.get(key)
            if isinstance(length, int) and 0 <= length <= _COUNT // (depth + 1):
                yield from ([first] * length, [first] * (length + 1), [first] * max(0, length - 1))

    def _accepted(self, schema: object, values: list[object]) -> object:
        """The first of some values that a part of the schema accepts."""
        self._steps -= 4
        contract = self._contract(schema) if self._steps >= 0 else None
        if contract is None:
            return values[0] if values else "a"
        return next((value for value in values if contract.accepts(value)), values[0] if values else "a")

    def _contract(self, schema: object) -> Contract | None:
        """What a part of the schema accepts; None where nobody knows."""
        if id(schema) not in self._contracts:
            self._contracts[id(schema)] = schema, self._compiled(schema)
        return self._contracts[id(schema)][1]

    def _compiled(self, schema: object) -> Contract | None:
        if isinstance(schema, Mapping):
            if self._compilable < 0:
                return None
            schema = rooted(schema, self._root)
            self._compilable -= nodes(schema)
        try:
            return (
                Contract(schema, backtrack_limit=HASTY_BACKTRACK_LIMIT) if isinstance(schema, Mapping | bool) else None
            )
        except ContractError:
            return None


def _numbers(schema: Json) -> Iterator[object]:
    for key in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"):
        limit = schema.get(key)
        if isinstance(limit, int | float) and not isinstance(limit, bool):
            yield from (limit, limit - 1, limit + 1)
            if abs(limit) < 1e15:
                yield limit + 0.5


def _strings(schema: Json) -> Iterator[object]:
    for key in ("minLength", "maxLength"):
        length = schema.get(key)
        if isinstance(length, int) and 0 <= length <= _LONGEST:
            yield from ("a" * length, "a" * (length + 1), "a" * max(0, length - 1))
    if sample := FORMATS.get(str(schema.get("format"))):
        yield sample


def _measure(value: object) -> tuple[int, int]:
    """The characters and items of a value, and its depth."""
    if isinstance(value, str):
        return 1 + len(value), 1
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    measured = [_measure(part) for part in parts]
    return 1 + sum(weight + 1 for weight, _ in measured), 1 + max((depth for _, depth in measured), default=0)
