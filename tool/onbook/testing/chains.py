"""Chains: a case that feeds one prompt's answer to the next. Each step is a request with a recording of its own.

A chain is a list of steps, the last of which is the prompt that the case belongs to: its answer is what assertions look
at. A step is a prompt's id, or ``{prompt, as, inputs}``. Its name (``as``; default: the last part of the id) stands in
later steps for its answer: JSON where that prompt answers in JSON, else text. A step is given every input that it
declares and that the case or an earlier step has by that name; ``inputs`` says it otherwise, with ``{{intent.label}}``
for a part of an answer. Earlier steps run on their own prompt's model, whatever models the suite names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from onbook.call import Caller
from onbook.errors import InputError
from onbook.project import Source
from onbook.project.load import load_prompt
from onbook.prompt import SUFFIXES, Case, Prompt
from onbook.render.values import RenderError, as_text
from onbook.repo import Snapshot
from onbook.testing.assertions.base import read_json
from onbook.testing.request import Request
from onbook.testing.unit import Attempt, Link, Unit, request_for, unusable

_USE = re.compile(r"\{\{([^\s{}]+)\}\}")


def links_of(unit: Unit, case: Case) -> tuple[Link, ...]:
    """The steps of a case's chain, or none. What can be known before any call is made is checked.

    Raises:
        InputError: a step names no prompt, or an input that nothing gives.
    """
    source, prompt = unit.source, unit.prompt
    steps = case.chain or source.suite.chain
    found: list[Link] = []
    known = set(case.inputs)
    for number, step in enumerate(steps, 1):
        asked = step if isinstance(step, Mapping) else {"prompt": step}
        id = str(asked["prompt"])
        last = number == len(steps)
        if last and id != prompt.id:
            raise InputError(
                f"the chain ends with {id!r}; its last step is the prompt that the case belongs to, {prompt.id!r}"
            )
        link = Link(
            str(asked.get("as", id.rpartition("/")[2])),
            _kept(unit, id),
            _mapping(asked.get("inputs")),
        )
        _check(link, known, {each.name: each.caller.prompt for each in found}, number)
        if link.name in known:
            raise InputError(
                f"step {number} of the chain is named {link.name!r}, which is taken", hint="name it with `as: ...`"
            )
        known.add(link.name)
        found.append(link)
    return tuple(found)


def advance(unit: Unit, attempt: Attempt) -> None:
    """Bring an attempt to the first step whose answer is not recorded, or to its last."""
    while attempt.step is not None and attempt.broken is None:
        recording = unit.recordings.get(attempt.key)
        if recording is None:
            return
        if reason := unusable(recording.response):
            attempt.broken = f"step {attempt.step!r} of the chain: {reason}"
            return
        attempt.earlier.append((attempt.step, attempt.request))
        number = len(attempt.earlier)
        try:
            attempt.answers[attempt.step] = _answer(attempt.links[number - 1].caller.prompt, recording.response.text)
            request = request_of(unit, attempt.links, number, attempt.case, attempt.answers, attempt.request.repeat)
        except (InputError, ValueError) as error:
            name, told = attempt.links[number].name, error.message if isinstance(error, InputError) else str(error)
            attempt.broken = f"step {name!r} of the chain cannot be asked: {told}"
            return
        attempt.request, attempt.key = request, request.key()
        attempt.step = attempt.links[number].name if number + 1 < len(attempt.links) else None


def request_of(
    unit: Unit,
    links: tuple[Link, ...],
    number: int,
    case: Case,
    answers: Mapping[str, object],
    repeat: int,
) -> Request:
    """The request of a step, from 0, once the answers of those before it are known.

    Raises:
        InputError: its prompt does not accept what they say.
    """
    link, last = links[number], number == len(links) - 1
    prompt = link.caller.prompt
    scope = {**case.inputs, **answers}
    inputs = {name: scope[name] for name in _declared(prompt, scope) if name in scope}
    inputs |= {name: _filled(value, scope) for name, value in link.inputs.items()}
    messages = link.caller.render(inputs, case.history if last else ())
    return request_for(prompt, messages, model=unit.model if last else str(prompt.model), repeat=repeat)


def _kept(unit: Unit, id: str) -> Caller:
    """Compiled once for all cases of a unit."""
    if id not in unit.callers:
        own = id == unit.prompt.id
        unit.callers[id] = (
            Caller(unit.prompt) if own else _caller(unit.source.snapshot, _folder(unit.source, unit.prompt), id)
        )
    return unit.callers[id]


def _check(link: Link, known: set[str], before: Mapping[str, Prompt], number: int) -> None:
    prompt = link.caller.prompt
    for path in _uses(link.inputs):
        name, _, part = path.partition(".")
        if name not in known:
            hint = f"known here: {', '.join(sorted(known))}"
            raise InputError(f"step {number} of the chain ({link.name}) names {name!r}, which nothing gives", hint=hint)
        declared = _parts(before.get(name)) if part else None
        if declared is not None and part.partition(".")[0] not in declared:
            message = f"step {number} of the chain ({link.name}) names {{{{{path}}}}}, which {name!r} does not answer"
            raise InputError(message, hint=f"it answers: {', '.join(sorted(declared)) or 'nothing with parts'}")
    required = (prompt.inputs or {}).get("required")
    for name in required if isinstance(required, list) else ():
        if name not in known and name not in link.inputs:
            hint = f"give it: inputs: {{{name}: ...}}"
            raise InputError(f"step {number} of the chain ({link.name}) has no value for its input {name!r}", hint=hint)


def _caller(snapshot: Snapshot, folder: str, id: str) -> Caller:
    path = next((path for s in reversed(SUFFIXES) if snapshot.entry(path := f"{folder}/{id}{s}") is not None), None)
    if path is None:
        raise InputError(f"the chain names the prompt {id!r}, which does not exist")
    loaded = load_prompt(snapshot, path, folder)
    if loaded.prompt is None or loaded.problems:
        raise InputError(f"the chain's prompt {id!r} has problems: {loaded.problems[0].message}", place=path)
    if not loaded.prompt.model:
        raise InputError(f"the chain's prompt {id!r} names no model", place=path)
    return Caller(loaded.prompt)


def _folder(source: Source, prompt: Prompt) -> str:
    suffix = next(suffix for suffix in SUFFIXES if source.path.endswith(suffix))
    return source.path.removesuffix(f"/{prompt.id}{suffix}")


def _declared(prompt: Prompt, scope: Mapping[str, object]) -> Iterable[str]:
    return prompt.input_properties if prompt.inputs is not None else scope


def _answer(prompt: Prompt, text: str) -> object:
    return read_json(text) if prompt.output_schema is not None or prompt.response_format == "json_object" else text


def _parts(prompt: Prompt | None) -> Iterable[str] | None:
    """What an answer of a prompt can have parts of, where its schema says so for certain; None where it does not."""
    if prompt is None:
        return None
    schema = prompt.output_schema
    if schema is None:
        return () if prompt.response_format != "json_object" else None
    if not isinstance(schema, Mapping) or schema.get("additionalProperties") is not False or "$ref" in schema:
        return None
    declared = schema.get("properties")
    return list(declared) if isinstance(declared, Mapping) else None


def _uses(value: object) -> Iterable[str]:
    if isinstance(value, str):
        yield from (match[1] for match in _USE.finditer(value))
    elif isinstance(value, Mapping | list):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _uses(inner)


def _filled(value: object, scope: Mapping[str, object]) -> object:
    if isinstance(value, str):
        if alone := _USE.fullmatch(value):
            return _looked_up(alone[1], scope)
        try:
            return _USE.sub(lambda match: as_text(_looked_up(match[1], scope)), value)
        except RenderError as error:
            raise InputError(error.message) from None
    if isinstance(value, Mapping):
        return {key: _filled(inner, scope) for key, inner in value.items()}
    return [_filled(inner, scope) for inner in value] if isinstance(value, list) else value


def _looked_up(path: str, scope: Mapping[str, object]) -> object:
    first, *rest = path.split(".")
    value = scope[first]
    for part in rest:
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isascii() and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            raise InputError(f"{{{{{path}}}}} names nothing in what {first!r} is")
    return value


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
