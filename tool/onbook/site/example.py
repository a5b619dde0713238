"""One call of a prompt, rendered: the inputs of its first case or made-up ones, and the answer recorded to it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from onbook.call import Caller
from onbook.contract import members
from onbook.errors import OnbookError
from onbook.project import Source
from onbook.prompt import Message, Prompt, Slot
from onbook.site.marks import Mark, cut, marked

Json = Mapping[str, object]

MAX_TRIED = 3
"""Cases that are tried before inputs are made up: those that nothing can be rendered with are lint's matter."""


@dataclass(frozen=True, slots=True)
class Step:
    """One message: its template beside what it became.

    Attributes:
        note: what it is where it is no message of the file; is_example: one of the prompt's own examples.
        template: None for what has none; rendered: None where nothing could be rendered.
    """

    role: str
    note: str = ""
    template: tuple[Mark, ...] | None = None
    rendered: str | None = None
    is_example: bool = False


@dataclass(frozen=True, slots=True)
class Example:
    """What a page shows of a prompt's messages.

    Attributes:
        origin: the case whose inputs these are; empty where they are made up.
        inputs: as name and value, texts as they are and everything else as JSON.
        answer: what was recorded to this very request, None where nothing is; model: who answered.
        fault: why nothing could be rendered; empty where something was.
    """

    steps: tuple[Step, ...]
    origin: str = ""
    inputs: tuple[tuple[str, str], ...] = ()
    answer: str | None = None
    model: str = ""
    fault: str = ""


def example(source: Source, prompt: Prompt) -> Example:
    """A prompt's messages as templates, and rendered once."""
    fault = ""
    try:
        caller = Caller(prompt)
    except OnbookError as error:
        return Example(tuple(_steps(prompt, None, 0)), fault=error.message)
    for case in [case for case in source.cases if not case.chain][:MAX_TRIED]:
        try:
            rendered = caller.render(case.inputs, case.history)
        except OnbookError as error:
            fault = fault or f"{error.message} (case {case.id})"
            continue
        answer, model = _answer(source, prompt, rendered)
        steps = tuple(_steps(prompt, rendered, len(case.history)))
        return Example(steps, case.id, _told(case.inputs), answer, model)
    for inputs in _made_up(prompt):
        try:
            rendered = caller.render(inputs)
        except OnbookError as error:
            fault = fault or error.message
            continue
        return Example(tuple(_steps(prompt, rendered, 0)), "", _told(inputs))
    return Example(tuple(_steps(prompt, None, 0)), fault=fault)


def _steps(prompt: Prompt, rendered: Sequence[Mapping[str, str]] | None, history: int) -> Iterator[Step]:
    """Templates beside what they became, in the order in which the renderer writes messages."""
    untrusted = {name for name, schema in prompt.input_properties.items() if schema.get("x-untrusted") is True}
    users = [at for at, item in enumerate(prompt.messages) if isinstance(item, Message) and item.role == "user"]
    left = iter(rendered or ())

    def said(count: int, note: str, *, is_example: bool = False) -> Iterator[Step]:
        for _ in range(count):
            if message := next(left, None):
                yield Step(message["role"], note, None, cut(message["content"]), is_example)

    for at, item in enumerate(prompt.messages):
        if isinstance(item, Slot):
            if not history:
                yield Step("history", "the caller's earlier messages go here, as data")
            yield from said(history, "an earlier message of the caller")
            continue
        if users and at == users[-1]:
            yield from said(2 * len(prompt.examples), "", is_example=True)
        message = next(left, None)
        template = marked(item.content, prompt.template_format, untrusted)
        yield Step(item.role, "", template, cut(message["content"]) if message else None)


def _told(inputs: Json) -> tuple[tuple[str, str], ...]:
    return tuple((name, cut(value if isinstance(value, str) else _json(value))) for name, value in inputs.items())


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _answer(source: Source, prompt: Prompt, messages: Sequence[Mapping[str, str]]) -> tuple[str | None, str]:
    """The recorded answer to these messages, and the model; what was recorded to any other request is not shown."""
    from onbook.testing.planning import read_recordings
    from onbook.testing.unit import request_for

    models = source.suite.models or ((prompt.model,) if prompt.model else ())
    recordings = read_recordings(source)
    for model in models if len(recordings) else ():
        found = recordings.get(request_for(prompt, messages, model=model).key())
        if found is not None:
            return cut(found.response.text or _json(list(found.response.tool_calls))), model
    return None, ""


def _made_up(prompt: Prompt) -> Iterator[Json]:
    """Inputs that a person can read, then such as the contract certainly takes."""
    schema = prompt.inputs or {}
    needed = set(map(str, members(schema.get("required"))))
    yield {name: _sample(name, part) for name, part in prompt.input_properties.items() if name in needed}
    if prompt.inputs is None:
        from onbook.render import analyse

        texts = [item.content for item in prompt.messages if isinstance(item, Message)]
        texts += prompt.partials.values() if prompt.template_format == "jinja2" else []
        used = (use.name for text in texts for use in analyse(text, prompt.template_format).variables)
        yield {name: f"[{name}]" for name in dict.fromkeys(used)}
        return
    from onbook.diff.generate import Space, Values

    values = Values(schema)
    made = {name: values.of(part) for name, part in prompt.input_properties.items() if name in needed}
    if all(made.values()):
        yield Space(made).smallest()


def _sample(name: str, schema: Json) -> object:
    for key in ("default", "const"):
        if key in schema:
            return schema[key]
    for key in ("examples", "enum"):
        if known := members(schema.get(key)):
            return known[0]
    kind = schema.get("type")
    plain: dict[object, object] = {"integer": 1, "number": 1, "boolean": True, "array": [], "object": {}, "null": None}
    # A hashable key: a list of types is as good as none.
    return plain.get(kind, f"[{name}]") if isinstance(kind, str) else f"[{name}]"
