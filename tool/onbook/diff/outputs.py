"""Changes of outputs: what a reader of the answer must handle. Readers are tolerant unless configured as strict."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from onbook.contract import Containment, dump, strip_annotations
from onbook.diff.changes import Change, Pointer, change
from onbook.diff.witness import covering
from onbook.prompt import Prompt
from onbook.versions import Bump

Json = Mapping[str, object]


def compare_outputs(old: Prompt, new: Prompt, readers: str) -> Iterator[Change]:
    """The format of the answer, then its schema property by property."""
    before, after = old.response_format or "text", new.response_format or "text"
    if before != after:
        # A schema says more than "some JSON" does: readers of json_object handle what a schema promises.
        narrowed = before == "json_object" and after == "json_schema"
        slug = "output-narrowed" if narrowed else "output-format-changed"
        consequence = f"answers were {before} and are now {after}"
        yield change(slug, ("responseFormat",), consequence, old=before, new=after)
        return
    if old.output_schema == new.output_schema or old.output_schema is None or new.output_schema is None:
        if (old.output_name, old.output_strict) != (new.output_name, new.output_strict):
            yield change("output-reworded", ("jsonSchema",), old=old.output_name, new=new.output_name)
        return
    at: Pointer = ("jsonSchema", "schema")
    found = list(
        _Outputs(old.output_schema, new.output_schema, readers).compare(old.output_schema, new.output_schema, at)
    )
    yield from found
    if not found and _sent(old) != _sent(new):
        yield change("output-reworded", at)


class _Outputs:
    """Compares two schemas part by part; the roots are what references in the parts lead to."""

    def __init__(self, old: Json | bool, new: Json | bool, readers: str) -> None:
        self._old = old
        self._new = new
        self._strict = readers == "strict"

    def compare(self, old: object, new: object, at: Pointer) -> Iterator[Change]:
        if not isinstance(old, Mapping) or not isinstance(new, Mapping):
            if old != new:
                yield from self._values(old, new, at)
            return
        if strip_annotations(old) == strip_annotations(new) and "$ref" not in old:
            return
        if isinstance(old.get("properties"), Mapping) and isinstance(new.get("properties"), Mapping):
            yield from self._properties(old, new, at)
            rest = ("properties", "required", "additionalProperties", "$defs", "description", "title")
            old, new = _without(old, rest), _without(new, rest)
        elif isinstance(old.get("items"), Mapping) and isinstance(new.get("items"), Mapping):
            yield from self.compare(old["items"], new["items"], (*at, "items"))
            old, new = (
                _without(old, ("items", "description", "title")),
                _without(new, ("items", "description", "title")),
            )
        if strip_annotations(old) != strip_annotations(new) or "$ref" in old:
            yield from self._values(old, new, at)

    def _properties(self, old: Json, new: Json, at: Pointer) -> Iterator[Change]:
        had, has = old["properties"], new["properties"]
        assert isinstance(had, Mapping)
        assert isinstance(has, Mapping)
        was, now = _required(old), _required(new)
        for name in sorted(had.keys() - has.keys()):
            place = (*at, "properties", name)
            if name in was:
                consequence = f"a reader that uses `{name}` no longer finds it"
                yield change("output-property-removed", place, consequence, old=had[name], removed=True)
            else:
                consequence = f"`{name}` no longer comes; it was optional"
                yield change("output-narrowed", place, consequence, old=had[name], removed=True)
        for name in sorted(has.keys() - had.keys()):
            consequence = f"answers now hold `{name}`"
            bump = Bump.MAJOR if self._strict else None
            yield change("output-property-added", (*at, "properties", name), consequence, new=has[name], bump=bump)
        for name in sorted(had.keys() & has.keys()):
            place = (*at, "properties", name)
            if name in was and name not in now:
                consequence = f"`{name}` may now be missing from an answer"
                yield change("output-widened", place, consequence, old="required", new="optional")
            elif name in now and name not in was:
                consequence = f"`{name}` is now always there"
                yield change("output-narrowed", place, consequence, old="optional", new="required")
            yield from self.compare(had[name], has[name], place)

    def _values(self, old: object, new: object, at: Pointer) -> Iterator[Change]:
        """Which values a reader may meet: every new one must be one that the old schema, read tolerantly, allowed."""
        name = str(at[-1])
        before, after = _enum(old), _enum(new)
        if before is not None and after is not None and _without(old, ("enum",)) == _without(new, ("enum",)):
            added = [member for member in after if member not in before]
            if added:
                extensible = isinstance(old, Mapping) and old.get("x-extensible-enum") is True
                consequence = f"`{name}` may now be {', '.join(map(dump, added))}"
                bump = Bump.MINOR if extensible else None
                yield change(
                    "output-enum-extended", at, consequence, old=before, new=after, bump=bump, witness=added[0]
                )
            elif gone := [member for member in before if member not in after]:
                consequence = f"`{name}` is never {', '.join(map(dump, gone))} any more"
                yield change("output-narrowed", at, consequence, old=before, new=after)
            return
        handled = covering(_tolerant(_rooted(old, self._old)), _rooted(new, self._new))
        if handled.verdict is Containment.YES:
            if covering(_rooted(new, self._new), _rooted(old, self._old)).verdict is not Containment.YES:
                yield change("output-narrowed", at, old=old, new=new)
        elif handled.verdict is Containment.NO:
            shown = f", for example {dump(handled.witness[0])}" if handled.witness else ""
            consequence = f"a reader may meet a value of `{name}` that it has not met before{shown}"
            witness = handled.witness[0] if handled.witness else None
            yield change("output-widened", at, consequence, old=old, new=new, witness=witness)
        else:
            yield change("output-unproven", at, old=old, new=new)


def _sent(prompt: Prompt) -> str:
    """What the model is sent, byte for byte: the order of properties moves answers."""
    return json.dumps([prompt.output_name, prompt.output_strict, strip_annotations(prompt.output_schema)])


def _tolerant(schema: object) -> Json | bool:
    """A reader that passes over properties it does not know."""
    if isinstance(schema, bool):
        return schema
    dropped = _drop(schema)
    return dropped if isinstance(dropped, Mapping) else {}


def _drop(node: object) -> object:
    if isinstance(node, list):
        return [_drop(part) for part in node]
    if not isinstance(node, Mapping):
        return node
    return {key: _drop(part) for key, part in node.items() if not (key == "additionalProperties" and part is False)}


def _rooted(part: object, root: object) -> Json | bool:
    if isinstance(part, bool):
        return part
    schema = dict(part) if isinstance(part, Mapping) else {}
    definitions = root.get("$defs") if isinstance(root, Mapping) else None
    return {**schema, "$defs": definitions} if definitions is not None else schema


def _without(schema: object, keys: tuple[str, ...]) -> Json:
    return {key: value for key, value in schema.items() if key not in keys} if isinstance(schema, Mapping) else {}


def _enum(schema: object) -> list[object] | None:
    found = schema.get("enum") if isinstance(schema, Mapping) else None
    return found if isinstance(found, list) else None


def _required(schema: Json) -> set[str]:
    found = schema.get("required")
    return {str(name) for name in found} if isinstance(found, list) else set()
