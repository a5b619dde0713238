"""Inputs that a prompt surely takes: its contract accepts them, and every template renders with them.

Most gold sets are one shape with many short texts. Which kinds of inputs a prompt takes is found once; of a case it is
then asked only whether its inputs are of these kinds. Otherwise each case is held against a contract, which has to be
made ready, and followed through every template. Every value is short here: no bound of a rendering is near.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from onbook.contract.plain import fulfils, is_plain, is_unicode
from onbook.project import Source
from onbook.prompt import Prompt
from onbook.render.proof import most
from onbook.render.renderer import MAX_PROVED
from onbook.rules.texts import braced, broken, joined, messages, texts, used

_SHORT, _ITEMS = 500, 10
# Characters, of the millions that a rendering may write. Of a list each may become six, as JSON.
_FAR = 600_000
_OF_NAMES = frozenset({"type", "properties", "required", "additionalProperties", "$defs", "title", "description"})
_SAYS_NOTHING = frozenset({"title", "description", "deprecated", "examples", "default", "$comment"})


class Taken:
    """The kinds of inputs that a prompt surely takes."""

    __slots__ = ("_accepts", "_needed")

    def __init__(self, accepts: Mapping[str, Callable[[object], bool]], needed: frozenset[str]) -> None:
        self._accepts, self._needed = accepts, needed

    def has(self, inputs: Mapping[str, object]) -> bool:
        """Whether these are such inputs. False proves nothing."""
        accepts = self._accepts
        for name, value in inputs.items():
            accepted = accepts.get(name)
            if accepted is None or not accepted(value):
                return False
        return inputs.keys() >= self._needed


def taken(source: Source) -> Taken | None:
    """What a prompt surely takes; None where nobody knows. An example is taken as a case is."""
    known = source.memo
    if "taken" not in known:
        known["taken"] = _taken(source, source.prompt) if source.prompt and not broken(source) else None
    found: Taken | None = known["taken"]
    return found


def _taken(source: Source, prompt: Prompt) -> Taken | None:
    contract = prompt.inputs
    if type(contract) is not dict or not contract.keys() <= _OF_NAMES or contract.get("type", "object") != "object":
        return None
    accepts: dict[str, Callable[[object], bool]] = {}
    needed: set[str] = set(contract.get("required", ()))
    plain: bool | None = None
    for name, schema in contract.get("properties", {}).items():
        accepted = _of_texts(schema)
        if accepted is None:
            plain = is_plain(contract) if plain is None else plain
            accepted = partial(_is_little, _whole(schema, contract)) if plain else None
        if accepted is not None:
            accepts[name] = accepted
        # Left out it is null, which is written as a text is; but nothing loops over it, and a default may be anything.
        if accepted is _are_short or (type(schema) is dict and not _is_short(schema.get("default", ""))):
            needed.add(name)
    if not needed <= accepts.keys() or not _renders(source, prompt, accepts):
        return None
    return Taken(accepts, frozenset(needed))


def _renders(source: Source, prompt: Prompt, accepts: Mapping[str, Callable[[object], bool]]) -> bool:
    """Whether every message surely renders: what proves it follows all branches, and asks of a value only its kind."""
    said = messages(source)
    if len(said) > MAX_PROVED:
        return False
    names, sent, tags = prompt.input_properties, joined(source), braced(source)
    simple = prompt.template_format == "simple"
    again = 1 if simple else 2 ** sum(len(text.template.includes) for text in texts(source))
    again *= 1 if simple else _ITEMS ** tags.count("endfor")
    far = again * (len(sent) + _SHORT * _ITEMS * tags.count("{{")) > _FAR
    if simple:
        return not far and names.keys() >= used(source)
    # Where many loops and includes may be within each other, the longest values are followed through them.
    text, items = ("-" * _SHORT, _ITEMS) if far else ("", 1)
    values = {name: [text] * items if accepts.get(name) is _are_short else text for name in names}
    return all(most(each.text, values, prompt.partials) is not None for each in said)


def _of_texts(schema: object) -> Callable[[object], bool] | None:
    """Tells which values a schema accepts that asks for any text, or for a list of any texts; None of any other."""
    if type(schema) is not dict:
        return None
    kind = schema.get("type")
    if kind == "string" and _is_any(schema):
        return _is_short
    if kind == "array" and _is_any(schema):
        items = schema.get("items")
        return _are_short if type(items) is dict and items.get("type") == "string" and _is_any(items) else None
    return None


def _whole(schema: object, contract: Mapping[str, object]) -> object:
    """The schema of an input with the definitions that it may refer to."""
    return {**schema, "$defs": contract["$defs"]} if type(schema) is dict and "$defs" in contract else schema


def _is_any(schema: Mapping[str, object]) -> bool:
    """Whether nothing but the type is asked of texts of up to _SHORT characters, or of lists beside their items."""
    for key, part in schema.items():
        if key == "maxLength":
            if type(part) is not int or part < _SHORT:
                return False
        elif key not in ("type", "items") and key not in _SAYS_NOTHING and not key.startswith("x-"):
            return False
    return True


def _is_short(value: object) -> bool:
    return type(value) is str and len(value) <= _SHORT and (value.isascii() or is_unicode(value))


def _are_short(value: object) -> bool:
    return type(value) is list and len(value) <= _ITEMS and all(map(_is_short, value))


def _is_little(schema: object, value: object) -> bool:
    """Whether a value fulfils a plain schema, and is written in a few characters."""
    return (_is_short(value) or len(repr(value)) <= _SHORT) and fulfils(value, schema)
