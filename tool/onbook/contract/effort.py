"""What it may cost to hold one value against a schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from onbook.contract.walk import Json, members, resolve, subschemas

# Schemas that may be asked about one place of a value. Definitions that each refer twice to the next double it
# every time, and validating holds the interpreter's lock as well.
MAX_EFFORT = 10_000


def effort_of(root: object) -> int:
    """How many schemas are asked about one place of a value at most; counted no further than one beyond the limit."""
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
