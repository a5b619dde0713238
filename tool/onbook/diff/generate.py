"""Inputs made up from contracts: the boundary values of every part, then seeded mixtures of them.

A template's branches turn on what an input is (there or not, empty, one or many, which member, which side of a limit)
and on the constants that the template itself names. Those are the values that are tried. The same contracts give the
same inputs on every machine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from random import Random

from onbook.contract import HASTY_BACKTRACK_LIMIT, Contract, ContractError, dump, members, resolve
from onbook.contract.plain import is_plain
from onbook.diff.parts import properties, required, rooted
from onbook.diff.witness import FORMATS

Json = Mapping[str, object]

LEAST = 256  # inputs, unless there are fewer different ones
MOST = 1_000
MAX_WEIGHT = 4_000_000  # characters of all inputs, as JSON
_ONE_BY_ONE = 700
_VALUES = 40  # of one input
_DEPTH = 4
_STEPS = 2_000  # schemas visited
_LONGEST = 5_000
_MANY = 50
MAX_EFFORT = 100_000  # schemas that may be asked about one value
_LONGEST_KEPT = 20_000  # characters of a schema whose values are kept for others
_SEED = 20260101

_TYPES = ("string", "number", "boolean", "null", "array", "object")
_STRINGS = (
    "a", "", "Two words.\nAnd a second line with ünïcode, 漢字, 🙂 and {{ braces }}.", " padded \n", "a" * 400, "0",
    "true", "a\r\nb", "#",
)  # fmt: skip
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_NUMBERS = (1, 0, -1, 2, 3, 10, 1_000_000)


@dataclass(frozen=True, slots=True)
class Space:
    """What may be sent: values by input, the most ordinary first, and which inputs may be left out."""

    values: Mapping[str, Sequence[object]]
    optional: frozenset[str] = frozenset()

    def smallest(self) -> dict[str, object]:
        """The ordinary value of every input that must be sent."""
        return {name: values[0] for name, values in self.values.items() if name not in self.optional}


def inputs(space: Space, first: Iterable[Json] = ()) -> Iterator[dict[str, object]]:
    """At least LEAST different inputs where there are so many, the smallest first.

    Args:
        first: inputs that people wrote: they come after the smallest, filled up with what they lack.
    """
    seen: set[str] = set()
    base = space.smallest()
    weight = 0
    for found in _candidates(space, base, first):
        key = dump(found)
        weight += len(key)
        if len(seen) >= MOST or weight > MAX_WEIGHT:
            return
        if key not in seen:
            seen.add(key)
            yield found


def _candidates(space: Space, base: Json, first: Iterable[Json]) -> Iterator[dict[str, object]]:
    yield dict(base)
    for known in first:
        yield {**base, **known}
    full = {name: values[0] for name, values in space.values.items()}
    yield dict(full)
    yield from islice(_one_by_one(space, base, full), _ONE_BY_ONE)
    yield from _mixed(space)


def _one_by_one(space: Space, base: Json, full: Json) -> Iterator[dict[str, object]]:
    """Every value of every input, the inputs taking turns: with many inputs none is left to the last."""
    for name in space.optional:
        yield {key: value for key, value in full.items() if key != name}
    for turn in range(_VALUES):
        for name, values in space.values.items():
            if turn < len(values):
                yield {**full, name: values[turn]}
                if name in space.optional:
                    yield {**base, name: values[turn]}


def _mixed(space: Space) -> Iterator[dict[str, object]]:
    draw = Random(_SEED)  # noqa: S311 the same on every machine is what is wanted

    def pick(count: int) -> int:
        return int(draw.random() * count)

    for _ in range(2 * LEAST):
        found = {}
        for name, values in space.values.items():
            if name not in space.optional or pick(3):
                # Half of the time an ordinary value: a branch within a branch needs the outer one.
                found[name] = values[pick(len(values)) if pick(2) else pick(min(3, len(values)))]
        yield found


@dataclass(slots=True)
class Values:
    """Values that parts of one contract accept.

    Args:
        root: the whole contract, for its references.
        constants, keys: what the templates compare with and look up.
    """

    root: Json
    constants: Sequence[object] = ()
    keys: Sequence[str] = ()
    _steps: int = field(default=_STEPS)
    # The schema stands beside its answer, so that its identity stays its own.
    _known: dict[int, tuple[object, Callable[[object], bool]]] = field(default_factory=dict)

    def of(self, schema: object) -> list[object]:
        """Different values that a part accepts, the most ordinary first; none where none was found."""
        if (leaf := _leaf(schema)) is not None:
            self._steps -= 1
            return list(_of_leaf(leaf, dump(list(self.constants)))) if self._steps >= 0 else []
        part = rooted(schema, self.root)
        asked = dump(part)
        if len(asked) > _LONGEST_KEPT:
            return self._found(schema)
        values, steps = _of_part(asked, dump(list(self.constants)), tuple(self.keys))
        if steps > self._steps:
            return self._found(schema)
        self._steps -= steps
        return list(values)

    def _found(self, schema: object) -> list[object]:
        found: dict[str, object] = {}
        accepts = self._accepting(schema)
        for value in islice(self._make(schema, 0), 20 * _VALUES):
            key = dump(value)
            if key not in found and accepts(value):
                found[key] = value
                if len(found) == _VALUES:
                    break
        return list(found.values())

    def _accepting(self, schema: object) -> Callable[[object], bool]:
        if id(schema) not in self._known:
            self._known[id(schema)] = schema, self._compiled(schema)
        return self._known[id(schema)][1]

    def _compiled(self, schema: object) -> Callable[[object], bool]:
        try:
            contract = Contract(rooted(schema, self.root), backtrack_limit=HASTY_BACKTRACK_LIMIT)
        except ContractError:
            return lambda _: False
        # On every level of a value the schema may branch again.
        return lambda value: contract.effort ** measure(value) <= MAX_EFFORT and contract.accepts(value)

    def _make(self, schema: object, depth: int) -> Iterator[object]:
        self._steps -= 1
        if self._steps < 0 or depth > _DEPTH:
            return
        if not isinstance(schema, Mapping):
            schema = {}
        schema = self._merged(schema)
        for key in ("default", "const"):
            if key in schema:
                yield schema[key]
        yield from members(schema.get("examples"))
        if "enum" in schema:
            yield from members(schema["enum"])
            return
        for key in ("anyOf", "oneOf"):
            for branch in members(schema.get(key)):
                rest = {name: part for name, part in schema.items() if name not in ("anyOf", "oneOf")}
                yield from islice(self._make({**rest, **_mapping(branch)}, depth + 1), _VALUES)
        declared = schema.get("type")
        types = [str(each) for each in members(declared)] or ([str(declared)] if declared else [])
        if not types:
            types = ["object", *_TYPES] if "properties" in schema else [*_TYPES]
        makers = [self._typed(schema, kind, depth) for kind in dict.fromkeys(types)]
        # By turns: the first values of every type come before the last ones of any.
        while makers:
            for maker in list(makers):
                taken = list(islice(maker, 3))
                yield from taken
                if len(taken) < 3:
                    makers.remove(maker)

    def _typed(self, schema: Json, kind: str, depth: int) -> Iterator[object]:
        match kind:
            case "string":
                yield from self._strings(schema)
            case "number" | "integer":
                yield from self._numbers(schema, kind)
            case "boolean":
                yield from (True, False)
            case "null":
                yield None
            case "array":
                yield from self._arrays(schema, depth)
            case "object":
                yield from self._objects(schema, depth)

    def _strings(self, schema: Json) -> Iterator[object]:
        if sample := FORMATS.get(str(schema.get("format"))):
            yield sample
        yield _STRINGS[0]
        yield from (constant for constant in self.constants if isinstance(constant, str))
        yield from _STRINGS[1:]
        # A text may be the constant, hold it, or be it in other letters.
        for constant in self.constants:
            if isinstance(constant, str) and constant:
                yield from (f"a {constant} b", constant.upper(), constant.lower())
        lengths = [schema.get("minLength"), schema.get("maxLength")]
        lengths += [near for constant in self._whole() for near in (constant, constant + 1, constant - 1)]
        yield from ("a" * length for length in lengths if isinstance(length, int) and 0 <= length <= _LONGEST)

    def _numbers(self, schema: Json, kind: str) -> Iterator[object]:
        limits = [schema.get(key) for key in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")]
        for limit in (*limits, schema.get("multipleOf")):
            if isinstance(limit, int | float) and not isinstance(limit, bool):
                yield from (limit, limit + 1, limit - 1)
        yield from _NUMBERS
        for constant in self.constants:
            if isinstance(constant, int | float) and not isinstance(constant, bool):
                yield from (constant, *_near(constant))
        if kind == "number":
            yield from (0.5, 1.0, -2.25)

    def _arrays(self, schema: Json, depth: int) -> Iterator[object]:
        items = list(islice(self._make(schema.get("items", {}), depth + 1), _VALUES // (depth + 1)))
        accepts = self._accepting(schema.get("items", {}))
        items = [item for item in items if accepts(item)]
        heads = [next(self._make(part, depth + 1), None) for part in members(schema.get("prefixItems"))]
        yield [*heads, *items[:1]]
        # Items of any type are texts first, of which no template reads a property.
        yield from ([*heads, item] for item in [item for item in items if isinstance(item, Mapping)][:3])
        yield heads
        yield [*heads, *items[:2]]
        yield [*heads, *(items * 12)[:12]]
        lengths = [3, schema.get("minItems"), schema.get("maxItems")]
        lengths += [near for constant in self._whole() for near in (constant, constant + 1, constant - 1)]
        for length in lengths:
            if isinstance(length, int) and 0 <= length <= _MANY and items:
                yield [*heads, *(items * length)[:length]]
        yield from ([*heads, item] for item in items[1:])

    def _objects(self, schema: Json, depth: int) -> Iterator[object]:
        declared = properties(schema)
        if not declared:
            yield from self._undeclared()
            return
        made = {name: list(islice(self._make(part, depth + 1), _VALUES)) for name, part in declared.items()}
        made = {name: self._kept(declared[name], values) for name, values in made.items()}
        full = {name: values[0] for name, values in made.items() if values}
        yield dict(full)
        needed = required(schema)
        yield {name: value for name, value in full.items() if name in needed}
        for name in full:
            if name not in needed:
                yield {key: value for key, value in full.items() if key != name}
        for turn in range(1, 12):
            for name, values in made.items():
                if turn < len(values):
                    yield {**full, name: values[turn]}

    def _undeclared(self) -> Iterator[object]:
        """Objects without a word on their properties: with those that the templates look up, each of another value, so
        that it is seen which of them is read."""
        keys = list(self.keys or ("a",))
        full: dict[str, object] = {key: _LETTERS[n % 26] * (n // 26 + 1) for n, key in enumerate(keys)}
        yield dict(full)
        yield {}
        yield dict.fromkeys(keys, full)
        for key in keys:
            yield {**full, key: False}
            yield {other: value for other, value in full.items() if other != key}
        for constant in self.constants:
            near = (constant, *_near(constant)) if isinstance(constant, int | float) else (constant,)
            yield from ({**full, key: value} for value in near for key in keys)

    def _kept(self, schema: object, values: list[object]) -> list[object]:
        accepts = self._accepting(schema)
        return [value for value in values if accepts(value)][:12]

    def _whole(self) -> list[int]:
        return [c for c in self.constants if isinstance(c, int) and not isinstance(c, bool) and 0 <= c <= _MANY]

    def _merged(self, schema: Json) -> Json:
        """A schema with what it refers to and all parts of its allOf in one, as far as that can be read off."""
        for _ in range(_DEPTH):
            reference = schema.get("$ref")
            if not isinstance(reference, str):
                break
            rest = {key: part for key, part in schema.items() if key != "$ref"}
            schema = {**_mapping(resolve(self.root, reference)), **rest}
        for branch in members(schema.get("allOf")):
            one, other = properties(schema), properties(branch)
            schema = {
                **schema,
                **_mapping(branch),
                **({"properties": {**one, **other}} if one or other else {}),
                **({"required": [*required(schema), *required(branch)]}),
            }
        return schema


_LEAVES = frozenset({"string", "number", "integer", "boolean", "null"})
_ASKING = frozenset({"type", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})


def _is_leaf(kind: object) -> bool:
    return isinstance(kind, str) and kind in _LEAVES


def _leaf(schema: object) -> str | None:
    """What a schema of plain values asks for, as JSON; None where it holds others, or more than a type and limits.

    Nearly every input is a string, in one prompt as in the next: what is made up for it is made up once.
    """
    if not isinstance(schema, dict) or not _is_leaf(schema.get("type")) or not is_plain(schema):
        return None
    asked = {key: part for key, part in schema.items() if key not in ("title", "description", "x-untrusted")}
    return dump(asked) if asked.keys() <= _ASKING else None


@lru_cache(maxsize=256)
def _of_leaf(asked: str, constants: str) -> tuple[object, ...]:
    return tuple(Values({}, json.loads(constants))._found(json.loads(asked)))


@lru_cache(maxsize=256)
def _of_part(asked: str, constants: str, keys: tuple[str, ...]) -> tuple[tuple[object, ...], int]:
    """The values of a part with its definitions, and the steps that they took: prompts share schemas, too."""
    schema = json.loads(asked)
    values = Values(schema, json.loads(constants), keys)
    return tuple(values._found(schema)), _STEPS - values._steps


def measure(value: object) -> int:
    """How deep a value is: a text is 1."""
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return 1 + max((measure(part) for part in parts), default=0)


def _near(constant: float) -> tuple[float, ...]:
    """What stands on both sides of a number; truth has no sides."""
    return () if isinstance(constant, bool) else (constant + 1, constant - 1)


def _mapping(value: object) -> Json:
    return value if isinstance(value, Mapping) else {}
