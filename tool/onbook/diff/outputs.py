"""Changes of outputs: what a reader of the answer must handle. Readers are tolerant unless configured as strict."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from onbook.call import response_format_of
from onbook.contract import Containment, dump, members, resolve, same, strip_annotations
from onbook.diff.changes import Change, Pointer, change, shown
from onbook.diff.parts import NOTES, Json, closed, is_reference, properties, required, rooted, tolerant, without
from onbook.diff.witness import covering
from onbook.prompt import Prompt
from onbook.versions import Bump

_MAX_STEPS = 1_000
_ROOT_LENGTH = 2

# Compared by themselves, so not with the rest of a schema.
_OF_OBJECTS = (*NOTES, "properties", "required", "additionalProperties", "$defs", "definitions")
_OF_ARRAYS = (*NOTES, "items", "$defs", "definitions")
# These look across the others: a schema with one of them is compared in one piece.
_ACROSS = ("unevaluatedProperties", "unevaluatedItems", "patternProperties", "prefixItems", "$dynamicRef", "$id")


def compare_outputs(old: Prompt, new: Prompt, readers: str) -> Iterator[Change]:
    """The format of the answer, then its schema property by property."""
    before, after = old.response_format or "text", new.response_format or "text"
    if before != after:
        # A schema says more than "some JSON object" does: readers of the one handle what the other promises.
        narrowed = (before, after) == ("json_object", "json_schema") and _is_object(new.output_schema)
        slug = "output-narrowed" if narrowed else "output-format-changed"
        consequence = f"answers were {before} and are now {after}"
        yield change(slug, ("responseFormat",), consequence, old=before, new=after)
        return
    at: Pointer = ("jsonSchema", "schema")
    # A schema that is missing, or not sent with this format, promises nothing.
    was = True if old.output_schema is None else old.output_schema
    now = True if new.output_schema is None else new.output_schema
    found = list(_Outputs(was, now, strict=readers == "strict").compare(was, now, at))
    yield from found
    if not found and _sent(old) != _sent(new):
        yield change("output-reworded", at)


def _is_object(schema: Json | bool | None) -> bool:
    return schema is not None and covering({"type": "object"}, schema).verdict is Containment.YES


class _Outputs:
    """Compares two schemas part by part; the roots are what references in the parts lead to."""

    def __init__(self, old: Json | bool, new: Json | bool, *, strict: bool) -> None:
        self._old = old
        self._new = new
        self._strict = strict
        self._steps = _MAX_STEPS
        # Pairs of references, by how deep in an answer they are being compared.
        self._followed: dict[tuple[object, object], int] = {}

    def compare(self, old: object, new: object, at: Pointer) -> Iterator[Change]:
        self._steps -= 1
        before, after = rooted(old, self._old), rooted(new, self._new)
        if same(strip_annotations(before), strip_annotations(after)):
            return
        if self._steps > 0 and (is_reference(old) or is_reference(new)):
            yield from self._follow(old, new, at)
            return
        if self._steps > 0 and isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from self._schemas(old, new, at)
        else:
            yield from self._values(old, new, at)

    def _schemas(self, old: Json, new: Json, at: Pointer) -> Iterator[Change]:
        if any(key in old or key in new for key in _ACROSS):
            yield from self._values(old, new, at)
        elif isinstance(old.get("properties"), Mapping) and isinstance(new.get("properties"), Mapping):
            yield from self._properties(old, new, at)
            yield from self._additional(old, new, at)
            yield from self._rest(old, new, at, _OF_OBJECTS)
        elif isinstance(old.get("items"), Mapping) and isinstance(new.get("items"), Mapping):
            yield from self.compare(old["items"], new["items"], (*at, "items"))
            yield from self._rest(old, new, at, _OF_ARRAYS)
        else:
            yield from self._values(old, new, at)

    def _follow(self, old: object, new: object, at: Pointer) -> Iterator[Change]:
        """Compare what references lead to. A pair that is met again one level deeper is being compared already."""
        pair = (_key(old), _key(new))
        before, after = _target(old, self._old), _target(new, self._new)
        circular = pair in self._followed and len(at) <= self._followed[pair]
        if before is None or after is None or circular:
            yield from self._values(old, new, at)
        elif pair not in self._followed:
            self._followed[pair] = len(at)
            yield from self.compare(before, after, at)
            del self._followed[pair]

    def _properties(self, old: Json, new: Json, at: Pointer) -> Iterator[Change]:
        had, has = properties(old), properties(new)
        was, now = required(old), required(new)
        for name in sorted(had.keys() - has.keys()):
            yield from self._dropped(name, old, new, at)
        for name in sorted(has.keys() - had.keys()):
            place = (*at, "properties", name)
            consequence = f"answers now hold `{name}`"
            bump = Bump.MAJOR if self._strict else None
            yield change("output-property-added", place, consequence, new=has[name], bump=bump)
            if isinstance(undeclared := old.get("additionalProperties"), Mapping):
                yield from self._judge(undeclared, has[name], place, undeclared, has[name], narrowed=False)
        for name in sorted(was - now - had.keys()):
            told = f"`{name}` may now be missing from an answer"
            yield change("output-widened", (*at, "required"), told, old="required", new="optional", removed=True)
        for name in sorted(had.keys() & has.keys()):
            place = (*at, "properties", name)
            if name in was and name not in now:
                consequence = f"`{name}` may now be missing from an answer"
                yield change("output-widened", place, consequence, old="required", new="optional")
            elif name in now and name not in was:
                consequence = f"`{name}` is now always there"
                yield change("output-narrowed", place, consequence, old="optional", new="required")
            yield from self.compare(had[name], has[name], place)

    def _dropped(self, name: str, old: Json, new: Json, at: Pointer) -> Iterator[Change]:
        """A property that is declared no longer."""
        place, schema = (*at, "properties", name), properties(old)[name]
        if name in required(new):
            # It still comes, as what undeclared properties are.
            yield from self.compare(schema, new.get("additionalProperties", True), place)
        elif name in required(old):
            told = f"a reader that uses `{name}` no longer finds it"
            yield change("output-property-removed", place, told, old=schema, removed=True)
        else:
            told = f"`{name}` no longer comes; it was optional"
            yield change("output-narrowed", place, told, old=schema, removed=True)

    def _additional(self, old: Json, new: Json, at: Pointer) -> Iterator[Change]:
        """Properties that are not declared: a tolerant reader passes over them, unless their values had a schema."""
        place = (*at, "additionalProperties")
        was, now = old.get("additionalProperties", True), new.get("additionalProperties", True)
        if isinstance(was, Mapping) and now is not False:
            yield from self.compare(was, now, place)
        elif was is False and now is not False:
            bump = Bump.MAJOR if self._strict else None
            told = f"{_name(at)} may now hold properties that are not declared"
            yield change("output-property-added", place, told, old=was, new=now, bump=bump)
        elif was is not False and not same(was, now):
            told = f"{_name(at)} holds fewer properties that are not declared"
            yield change("output-narrowed", place, told, old=was, new=now)

    def _rest(self, old: Json, new: Json, at: Pointer, apart: tuple[str, ...]) -> Iterator[Change]:
        """What two schemas say beyond what was compared by itself."""
        before, after = without(old, apart), without(new, apart)
        if not same(rooted(before, self._old), rooted(after, self._new)):
            # Which answers the new schema allows is asked of all of it: the rest alone allows what it never gives.
            yield from self._judge(before, new, at, old, new, back=(after, old))

    def _values(self, old: object, new: object, at: Pointer) -> Iterator[Change]:
        before, after = _enum(old), _enum(new)
        alike = same(without(old, (*NOTES, "enum", "const")), without(new, (*NOTES, "enum", "const")))
        if before is None or after is None or not alike:
            yield from self._judge(old, new, at, old, new, back=(new, old))
            return
        name = _name(at)
        if added := [member for key, member in after.items() if key not in before]:
            extensible = isinstance(old, Mapping) and old.get("x-extensible-enum") is True
            bump = Bump.MINOR if extensible else None
            told, was, now = f"{name} may now be {_some(added)}", list(before.values()), list(after.values())
            yield change("output-enum-extended", at, told, old=was, new=now, bump=bump, witness=(added[0],))
        if gone := [member for key, member in before.items() if key not in after]:
            yield change("output-narrowed", at, f"{name} is never {_some(gone)} any more", old=gone)

    def _judge(
        self,
        wide: object,
        narrow: object,
        at: Pointer,
        old: object,
        new: object,
        *,
        back: tuple[object, object] | None = None,
        narrowed: bool = True,
    ) -> Iterator[Change]:
        """Which values a reader may meet: every one must be one that the old schema, as it is read, allowed.

        Args:
            back: the schemas to ask the other way round: whether there is any difference at all.
        """
        before, after = rooted(wide, self._old), rooted(narrow, self._new)
        if self._strict:
            handled = covering(closed(before, wide=True), closed(after, wide=False))
        else:
            handled = covering(tolerant(before), after)
        match handled.verdict:
            case Containment.YES:
                if narrowed and (back is None or not self._equal(*back)):
                    told = f"every value of {_name(at)} is one that readers handle already"
                    yield change("output-narrowed", at, told, old=old, new=new)
            case Containment.NO:
                told = f"a reader may meet a value of {_name(at)} that it has not met before{shown(handled.witness)}"
                yield change("output-widened", at, told, old=old, new=new, witness=handled.witness)
            case _:
                told = f"whether readers handle every value of {_name(at)} could not be proved"
                yield change("output-unproven", at, told, old=old, new=new)

    def _equal(self, new: object, old: object) -> bool:
        return covering(rooted(new, self._new), rooted(old, self._old)).verdict is Containment.YES


def _target(schema: object, root: Json | bool) -> object:
    if not is_reference(schema):
        return schema
    assert isinstance(schema, Mapping)
    return resolve(root, str(schema["$ref"]))


def _key(schema: object) -> str | int:
    return str(schema["$ref"]) if isinstance(schema, Mapping) and is_reference(schema) else id(schema)


def _name(at: Pointer) -> str:
    """How a place in the schema is called in a sentence."""
    if at[-1] == "items":
        return f"an item of {_name(at[:-1])}"
    if at[-1] == "additionalProperties":
        return f"an undeclared property of {_name(at[:-1])}"
    return "the answer" if len(at) <= _ROOT_LENGTH else f"`{at[-1]}`"


def _some(values: list[object]) -> str:
    told = ", ".join(map(dump, values[:5]))
    return told if len(values) <= 5 else f"{told} and {len(values) - 5} more"


def _sent(prompt: Prompt) -> str:
    """What the model is sent, byte for byte: the order of properties moves answers."""
    return json.dumps(response_format_of(prompt))


def _enum(schema: object) -> dict[str, object] | None:
    """The members of an enum, a const being one of a single member, by their JSON."""
    if not isinstance(schema, Mapping) or ("enum" in schema) == ("const" in schema):
        return None
    return {dump(member): member for member in (members(schema["enum"]) if "enum" in schema else [schema["const"]])}
