"""Changes of inputs: what a caller may send. Compared as closed objects, so a removed input is a rejected call."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from onbook.contract import Containment, dump, nodes, references, resolve, same, strip_annotations
from onbook.diff.changes import Change, change, shown
from onbook.diff.parts import NOTES, Json, properties, required, rooted, texts, without
from onbook.diff.witness import Covering, covering
from onbook.prompt import Message, Prompt
from onbook.render import analyse

# Compared name by name; what is left of the schema is compared as a whole. A call is always an object.
_BY_NAME = (*NOTES, "properties", "required", "$defs", "definitions", "type", "$schema", "$id")

_MAX_REFERENCES = 16

# Schemas that the inputs of a prompt are compared through by reference, counted once for each that differs from the
# others: thousands of inputs may each refer to thousands of schemas. What is beyond is unproven.
MAX_SHARED = 20_000


def compare_inputs(old: Prompt, new: Prompt) -> Iterator[Change]:
    """Input by input, then whatever else the two schemas say."""
    yield from _Inputs(_effective(old), _effective(new), refuses=new.inputs is not None).compare()


@dataclass(slots=True)
class _Inputs:
    """The two schemas of a prompt's inputs.

    Attributes:
        refuses: whether the new prompt refuses inputs that it does not declare.
        had, has: the inputs that the two declare.
    """

    before: Json
    after: Json
    refuses: bool
    had: dict[str, Json | bool] = field(init=False)
    has: dict[str, Json | bool] = field(init=False)
    _needed: set[str] = field(init=False)
    _needs: set[str] = field(init=False)
    _room: int = field(default_factory=lambda: MAX_SHARED)
    _known: dict[tuple[str, str, bool], Covering] = field(default_factory=dict)
    _moved: frozenset[str] | None = None

    def __post_init__(self) -> None:
        self.had, self.has = properties(self.before), properties(self.after)
        self._needed, self._needs = required(self.before), required(self.after)

    def compare(self) -> Iterator[Change]:
        had, has = self.had, self.has
        renamed = self._renamed()
        for name in sorted(had.keys() - has.keys()):
            if name in renamed:
                now = renamed[name]
                consequence = f"`{name}` is now called `{now}`; the old name is still accepted"
                yield change("input-renamed", _at(now), consequence, old=name, new=now)
                yield from self._property(name, now)
            else:
                told = self._no_longer(name)
                yield change("input-removed", _at(name), told, old=had[name], removed=True)
        for name in sorted(has.keys() - had.keys() - set(renamed.values())):
            yield from self._added(name)
        for name in sorted(had.keys() & has.keys()):
            yield from self._property(name, name)
        yield from self._aliases(renamed)
        yield from self._rest(renamed)

    def _renamed(self) -> dict[str, str]:
        """Old name -> new name, where the new one is new: joining two inputs would refuse calls that send both."""
        had, has = self.had, self.has
        found: dict[str, str] = {}
        for alias, name in _aliases(self.after).items():
            if alias in had and alias not in has and name not in had and name not in found.values():
                found[alias] = name
        return found

    def _no_longer(self, name: str) -> str:
        name_now = _aliases(self.after).get(name)
        if name_now is not None:
            return f"a call that sends both `{name}` and `{name_now}` is now rejected: the one is a name of the other"
        if not self.refuses or self.after.get("additionalProperties", False) is not False:
            return f"`{name}` is no longer used: what a call sends in it is passed over"
        return f"a call that sends `{name}` is now rejected"

    def _added(self, name: str) -> Iterator[Change]:
        schema = self.has[name]
        if name in self._needs:
            yield change("required-input-added", _at(name), f"a call that omits `{name}` is now rejected", new=schema)
            return
        consequence = f"calls stay valid; `{name}` may be sent, and the rendered text may change"
        yield change("optional-input-added", _at(name), consequence, new=schema)
        undeclared = self.before.get("additionalProperties", False)
        if undeclared is not False:
            # Calls could send anything under any name before; now this name is held against its schema.
            accepted = undeclared if isinstance(undeclared, Mapping) else {}
            yield from self._range(name, accepted, schema, only_narrowed=True)

    def _property(self, old_name: str, name: str) -> Iterator[Change]:
        old, new = self.had[old_name], self.has[name]
        was, now = old_name in self._needed, name in self._needs
        if now and not was:
            consequence = f"a call that omits `{name}` is now rejected"
            yield change("input-now-required", ("inputs", "required"), consequence, old="optional", new="required")
        elif was and not now:
            consequence = f"calls stay valid; `{name}` may now be left out"
            yield change("input-now-optional", _at(name), consequence, old="required", new="optional")
        # As rendered: 1, 1.0 and true differ in a message, and so does the order of keys.
        before, after = json.dumps(_default(old)), json.dumps(_default(new))
        if not now and not was and before != after:
            consequence = f"a call that omits `{name}` is rendered with {after}, before with {before}"
            yield change("input-default-changed", _at(name), consequence, old=_default(old), new=_default(new))
        yield from self._range(name, old, new)

    def _range(self, name: str, old: Json | bool, new: Json | bool, *, only_narrowed: bool = False) -> Iterator[Change]:
        """Which values are accepted."""
        if self._alike(old, new):
            return
        accepted = self._covering(new, old, self.after, self.before)
        match accepted.verdict:
            case Containment.YES:
                back = None if only_narrowed else self._covering(old, new, self.before, self.after)
                if back is not None and back.verdict is not Containment.YES:
                    told = f"calls stay valid; `{name}` accepts more values"
                    yield change("input-widened", _at(name), told, old=old, new=new)
            case Containment.NO:
                told = f"a value of `{name}` that was accepted is now rejected{shown(accepted.witness)}"
                yield change("input-narrowed", _at(name), told, old=old, new=new, witness=accepted.witness)
            case _:
                told = f"whether every old value of `{name}` is still accepted could not be proved"
                yield change("input-unproven", _at(name), told, old=old, new=new)

    def _alike(self, old: Json | bool, new: Json | bool) -> bool:
        """Whether two parts say the same, also through their references."""
        if self.before.get("$schema") != self.after.get("$schema"):
            return False
        if not same(strip_annotations(old), strip_annotations(new)):
            return False
        if self._moved is None:
            self._moved = _moved(self.before, self.after)
        return self._moved.isdisjoint(references(old))

    def _covering(self, wide: Json | bool, narrow: Json | bool, there: Json, here: Json) -> Covering:
        """Whether one part covers another; asked once of all that say the same. Each stands in the whole beside it."""
        asked = _said(wide), _said(narrow), there is self.after
        if asked not in self._known:
            self._known[asked] = self._asked(wide, narrow, there, here)
        return self._known[asked]

    def _asked(self, wide: Json | bool, narrow: Json | bool, there: Json, here: Json) -> Covering:
        referring = bool(references(wide) or references(narrow))
        if referring and self._room < 0:
            return Covering(Containment.UNKNOWN)
        wider, narrower = rooted(wide, there), rooted(narrow, here)
        if referring:
            self._room -= nodes(wider) + nodes(narrower)
        return covering(wider, narrower)

    def _aliases(self, renamed: Mapping[str, str]) -> Iterator[Change]:
        """Older names that are accepted no longer, or now."""
        was, now = _aliases(self.before), _aliases(self.after)
        had, has = self.had, self.has
        for alias in sorted(was.keys() - now.keys() - has.keys()):
            if alias not in had:
                told = f"a call that sends `{was[alias]}` under its older name `{alias}` is now rejected"
                yield change("input-removed", _at(was[alias]), told, old=alias, removed=True)
        for alias in sorted(now.keys() - was.keys() - renamed.keys()):
            if alias in had and alias in has:
                told = f"a call that sends `{alias}` without `{now[alias]}` now sets `{now[alias]}`"
                yield change("input-narrowed", _at(now[alias]), told, new=alias)
            elif alias not in had and now[alias] in had:
                told = f"calls stay valid; `{now[alias]}` is accepted under the name `{alias}` too"
                yield change("input-widened", _at(now[alias]), told, new=alias)

    def _rest(self, renamed: Mapping[str, str]) -> Iterator[Change]:
        """What the schemas say of several inputs together, and of undeclared ones."""
        old, new = self._frame(self.before, {}), self._frame(self.after, {})
        if same(strip_annotations(old), strip_annotations(new)):
            return
        # All old names are declared as anything on the side that is asked, so that only the rest can refuse.
        had = [renamed.get(name, name) for name in properties(self.before)]
        calls = self._whole(self.before, renamed)
        accepted = covering(self._frame(self.after, dict.fromkeys(had, True)), calls)
        at = ("inputs",)
        match accepted.verdict:
            case Containment.YES:
                has = list(properties(self.after))
                back = covering(self._frame(self.before, dict.fromkeys(has, True)), self._whole(self.after, {}))
                if back.verdict is not Containment.YES:
                    told = "calls stay valid; more combinations of inputs are accepted"
                    yield change("input-widened", at, told, old=old, new=new)
            case Containment.NO:
                witness = _called(accepted.witness, renamed)
                told = f"a combination of inputs that was accepted is now rejected{shown(witness)}"
                yield change("input-narrowed", at, told, old=old, new=new, witness=witness)
            case _:
                yield change("input-unproven", at, old=old, new=new)

    def _frame(self, schema: Json, declared: Mapping[str, object]) -> Json:
        """The rest of a schema, as an object that declares some names and is closed unless it says otherwise."""
        kept = without(schema, _BY_NAME)
        framed = {"type": "object", "properties": declared, "additionalProperties": False, **kept}
        lead = rooted(kept, schema) if references(kept) else {}
        definitions = {"$schema", "$defs", "definitions"} & lead.keys() if isinstance(lead, Mapping) else set()
        if isinstance(lead, Mapping) and definitions:
            framed = {**framed, **lead}
        elif "$schema" in schema:
            framed = {"$schema": schema["$schema"], **framed}
        return framed

    def _whole(self, schema: Json, renamed: Mapping[str, str]) -> Json:
        """All that a call had to fulfil, inputs under their new names."""
        declared = {renamed.get(name, name): part for name, part in properties(schema).items()}
        needed = sorted(renamed.get(name, name) for name in required(schema))
        closed = {"additionalProperties": False, **schema, "type": "object"}
        return {**closed, "properties": declared, **({"required": needed} if needed else {})}


def _said(part: Json | bool) -> str:
    """What a part says, without what is for people."""
    return dump(
        without(part, ("title", "description", "$comment", "deprecated")) if isinstance(part, Mapping) else part
    )


def _moved(before: Json, after: Json) -> frozenset[str]:
    """The references that do not mean in one schema what they mean in the other."""
    named = references(before) | references(after)
    # Many may be other spellings of the same.
    known: dict[tuple[int, int], bool] = {}
    within: dict[int, set[str]] = {}
    moved: set[str] = set()
    met_in: dict[str, set[int]] = {}
    leading: dict[int, list[str]] = {}
    for reference in sorted(named):
        was, now = resolve(before, reference), resolve(after, reference)
        pair = id(was), id(now)
        if pair not in known:
            # A reference by another name than its place is looked at where it is used.
            known[pair] = None not in (was, now) and same(strip_annotations(was), strip_annotations(now))
            within[id(now)] = references(now)
            for inner in within[id(now)]:
                met_in.setdefault(inner, set()).add(id(now))
        leading.setdefault(id(now), []).append(reference)
        if not known[pair]:
            moved.add(reference)
    waiting = list(moved)
    while waiting:
        for place in met_in.pop(waiting.pop(), ()):
            more = [reference for reference in leading.pop(place, ()) if reference not in moved]
            moved.update(more)
            waiting += more
    return frozenset(moved)


def _at(name: str) -> tuple[str, ...]:
    return ("inputs", "properties", name)


def _called(witness: tuple[object] | None, renamed: Mapping[str, str]) -> tuple[object] | None:
    """A witness under the names that the old version knew."""
    if witness is None or not isinstance(witness[0], Mapping):
        return witness
    older = {now: was for was, now in renamed.items()}
    return ({older.get(name, name): value for name, value in witness[0].items()},)


def _effective(prompt: Prompt) -> Json:
    """The declared inputs; where none are, every variable of the templates is a required input of any type."""
    if prompt.inputs is not None:
        return _followed(prompt.inputs)
    names: set[str] = set()
    seen: set[tuple[str, frozenset[str]]] = set()
    for message in prompt.messages:
        if isinstance(message, Message):
            names |= _variables(message.content, prompt, prompt.template_format, frozenset(), seen)
    declared = sorted(names)
    return {"type": "object", "properties": dict.fromkeys(declared, True), "required": declared}


def _followed(schema: Json) -> Json:
    """The schema that one which only refers to another stands for."""
    definitions = {key: schema[key] for key in ("$schema", "$defs", "definitions") if key in schema}
    for _ in range(_MAX_REFERENCES):
        reference = schema.get("$ref")
        target = resolve(definitions, reference) if isinstance(reference, str) else None
        if "properties" in schema or not isinstance(target, Mapping):
            break
        schema = {**target, **definitions}
    return schema


def _variables(
    text: str, prompt: Prompt, template_format: str, bound: frozenset[str], seen: set[tuple[str, frozenset[str]]]
) -> set[str]:
    """The free names of a text and of what it includes; a loop's targets are bound in what is included within it."""
    found = analyse(text, template_format)
    names = {use.name for use in found.variables} - bound
    for use, scope in zip(found.includes, found.scopes, strict=True):
        inner = bound | scope
        if use.name in prompt.partials and (use.name, inner) not in seen:
            seen.add((use.name, inner))
            names |= _variables(prompt.partials[use.name], prompt, "jinja2", inner, seen)
    return names


def _aliases(schema: Json) -> dict[str, str]:
    """Older names by what they stand for now."""
    found = {name: part.get("x-aliases") for name, part in properties(schema).items() if isinstance(part, Mapping)}
    return {alias: name for name, aliases in found.items() for alias in texts(aliases)}


def _default(schema: Json | bool) -> object:
    return schema.get("default") if isinstance(schema, Mapping) else None
