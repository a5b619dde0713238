"""Changes of inputs: what a caller may send. Compared as closed objects, so a removed input is a rejected call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from onbook.contract import Containment, dump, strip_annotations
from onbook.diff.changes import Change, change
from onbook.diff.witness import covering
from onbook.prompt import Message, Prompt
from onbook.render import analyse

Json = Mapping[str, object]

# Compared name by name; what is left of the schema is compared as a whole.
_BY_NAME = ("properties", "required", "$defs", "additionalProperties", "title", "description", "type", "examples")


def compare_inputs(old: Prompt, new: Prompt) -> Iterator[Change]:
    """Input by input, then whatever else the two schemas say."""
    before, after = _effective(old), _effective(new)
    had, has = _properties(before), _properties(after)
    aliases = {str(alias): name for name, schema in has.items() for alias in _strings(schema.get("x-aliases"))}
    required = set(_strings(after.get("required")))
    renamed = set()
    for name in sorted(had.keys() - has.keys()):
        at = ("inputs", "properties", name)
        if name in aliases:
            renamed.add(aliases[name])
            consequence = f"`{name}` is now called `{aliases[name]}`; the old name is still accepted"
            yield change(
                "input-renamed", ("inputs", "properties", aliases[name]), consequence, old=name, new=aliases[name]
            )
            yield from _property(name, aliases[name], before, after)
        else:
            yield change(
                "input-removed", at, f"a call that sends `{name}` is now rejected", old=had[name], removed=True
            )
    for name in sorted(has.keys() - had.keys() - renamed):
        at = ("inputs", "properties", name)
        if name in required:
            yield change("required-input-added", at, f"a call that omits `{name}` is now rejected", new=has[name])
        else:
            consequence = f"calls stay valid; `{name}` may be sent, and the rendered text may change"
            yield change("optional-input-added", at, consequence, new=has[name])
    for name in sorted(had.keys() & has.keys()):
        yield from _property(name, name, before, after)
    yield from _rest(before, after)


def _property(old_name: str, name: str, before: Json, after: Json) -> Iterator[Change]:
    at = ("inputs", "properties", name)
    old, new = _properties(before)[old_name], _properties(after)[name]
    was, now = old_name in _strings(before.get("required")), name in _strings(after.get("required"))
    if now and not was:
        consequence = f"a call that omits `{name}` is now rejected"
        yield change("input-now-required", ("inputs", "required"), consequence, old="optional", new="required")
    elif was and not now:
        consequence = f"calls stay valid; `{name}` may now be left out"
        yield change("input-now-optional", at, consequence, old="required", new="optional")
    if not now and not was and _default(old) != _default(new):
        consequence = (
            f"a call that omits `{name}` is rendered with {dump(_default(new))}, before with {dump(_default(old))}"
        )
        yield change("input-default-changed", at, consequence, old=_default(old), new=_default(new))
    yield from _range(name, at, _whole(old, before), _whole(new, after), old, new)


def _range(name: str, at: tuple[str, ...], before: Json, after: Json, old: Json, new: Json) -> Iterator[Change]:
    """Which values are accepted."""
    if strip_annotations(before) == strip_annotations(after):
        return
    accepted = covering(after, before)
    if accepted.verdict is Containment.YES:
        if covering(before, after).verdict is not Containment.YES:
            yield change("input-widened", at, f"calls stay valid; `{name}` accepts more values", old=old, new=new)
    elif accepted.verdict is Containment.NO:
        shown = f", for example {dump(accepted.witness[0])}" if accepted.witness else ""
        consequence = f"a value of `{name}` that was accepted is now rejected{shown}"
        witness = accepted.witness[0] if accepted.witness else None
        yield change("input-narrowed", at, consequence, old=old, new=new, witness=witness)
    else:
        consequence = f"whether every old value of `{name}` is still accepted could not be proved"
        yield change("input-unproven", at, consequence, old=old, new=new)


def _rest(before: Json, after: Json) -> Iterator[Change]:
    old = {key: value for key, value in before.items() if key not in _BY_NAME and not key.startswith("x-")}
    new = {key: value for key, value in after.items() if key not in _BY_NAME and not key.startswith("x-")}
    if strip_annotations(old) == strip_annotations(new):
        return
    at = ("inputs",)
    accepted = covering({**new, "$defs": after.get("$defs", {})}, {**old, "$defs": before.get("$defs", {})})
    if accepted.verdict is Containment.YES:
        yield change(
            "input-widened", at, "calls stay valid; more combinations of inputs are accepted", old=old, new=new
        )
    elif accepted.verdict is Containment.NO:
        witness = accepted.witness[0] if accepted.witness else None
        consequence = "a combination of inputs that was accepted is now rejected"
        yield change("input-narrowed", at, consequence, old=old, new=new, witness=witness)
    else:
        yield change("input-unproven", at, old=old, new=new)


def _effective(prompt: Prompt) -> Json:
    """The declared inputs; where none are, every variable of the templates is a required input of any type."""
    if prompt.inputs is not None:
        return prompt.inputs
    texts = [message.content for message in prompt.messages if isinstance(message, Message)]
    texts += prompt.partials.values()
    names = sorted({use.name for text in texts for use in analyse(text, prompt.template_format).variables})
    return {"type": "object", "properties": {name: {} for name in names}, "required": names}


def _properties(schema: Json) -> Mapping[str, Json]:
    found = schema.get("properties")
    if not isinstance(found, Mapping):
        return {}
    return {name: part if isinstance(part, Mapping) else _boolean(part) for name, part in found.items()}


def _boolean(schema: object) -> Json:
    return {} if schema is True else {"not": {}}


def _whole(part: Json, root: Json) -> Json:
    """A property's schema with the definitions that it may refer to."""
    return {**part, "$defs": root["$defs"]} if "$defs" in root else part


def _default(schema: Json) -> object:
    return schema.get("default")


def _strings(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []
