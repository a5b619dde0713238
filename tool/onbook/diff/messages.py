"""Changes of what the model is sent: messages and examples, model, parameters and tools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from onbook.contract import Containment, strip_annotations
from onbook.diff.changes import Change, Pointer, change
from onbook.diff.witness import covering
from onbook.prompt import Message, Prompt, Slot
from onbook.render import normal_form

Json = Mapping[str, object]


def compare_messages(old: Prompt, new: Prompt) -> Iterator[Change]:
    """Roles and order first; where they are the same, the wording message by message."""
    yield from _slots(old, new)
    before = [message for message in old.messages if isinstance(message, Message)]
    after = [message for message in new.messages if isinstance(message, Message)]
    roles_before, roles_after = [message.role for message in before], [message.role for message in after]
    if roles_before != roles_after:
        consequence = f"the model is sent {', '.join(roles_after)}; before {', '.join(roles_before)}"
        yield change("messages-restructured", ("messages",), consequence, old=roles_before, new=roles_after)
    else:
        places = [number for number, message in enumerate(new.messages) if isinstance(message, Message)]
        for number, was, now in zip(places, before, after, strict=True):
            yield from _wording(old, new, was.content, now.content, number)
    if old.examples != new.examples:
        consequence = f"the model is shown {len(new.examples)} examples; before {len(old.examples)}"
        if len(new.examples) == len(old.examples):
            consequence = "the model is shown other examples"
        yield change("examples-changed", ("examples",), consequence)


def _wording(old: Prompt, new: Prompt, before: str, after: str, number: int) -> Iterator[Change]:
    at: Pointer = ("messages", number, "content")
    same_source = before == after and old.template_format == new.template_format and old.partials == new.partials
    if same_source:
        return
    was = normal_form(before, old.template_format, old.partials)
    now = normal_form(after, new.template_format, new.partials)
    role = new.messages[number].role if isinstance(new.messages[number], Message) else "?"  # type: ignore[union-attr]
    if was is not None and was == now:
        if before != after:
            yield change("template-refactored", at, f"message {number + 1} ({role}) is proved to render the same bytes")
        return
    trimmed = [
        normal_form(
            _trimmed(text), prompt.template_format, {name: _trimmed(part) for name, part in prompt.partials.items()}
        )
        for text, prompt in ((before, old), (after, new))
    ]
    if trimmed[0] is not None and trimmed[0] == trimmed[1]:
        consequence = f"only white space at line ends of message {number + 1} ({role}) changed"
        yield change("trailing-space-changed", at, consequence)
        return
    if before == after:
        changed = sorted(
            name
            for name in old.partials.keys() | new.partials.keys()
            if old.partials.get(name) != new.partials.get(name)
        )
        consequence = f"message {number + 1} ({role}) is rendered with another {', '.join(changed)}"
        yield change("wording-changed", at, consequence, old=before, new=after)
        return
    yield change("wording-changed", at, f"the text of message {number + 1} ({role}) changed", old=before, new=after)


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip(" \t") for line in text.split("\n"))


def _slots(old: Prompt, new: Prompt) -> Iterator[Change]:
    was, now = _slot(old), _slot(new)
    if was is None and now is not None:
        yield change("history-slot-added", ("messages", now))
    elif was is not None and now is None:
        yield change("history-slot-moved", ("messages",), "a call that sends a history is now rejected", removed=True)
    elif was is not None and now is not None and _around(old, was) != _around(new, now):
        yield change("history-slot-moved", ("messages", now), "earlier messages now stand elsewhere")


def _slot(prompt: Prompt) -> int | None:
    return next((number for number, message in enumerate(prompt.messages) if isinstance(message, Slot)), None)


def _around(prompt: Prompt, place: int) -> tuple[list[str], list[str]]:
    """The roles before and after the slot: it moved if these changed, however long the texts are."""
    roles = [message.role if isinstance(message, Message) else "" for message in prompt.messages]
    return roles[:place], roles[place + 1 :]


def compare_model(old: Prompt, new: Prompt) -> Iterator[Change]:
    """Model, provider and sampling parameters."""
    if old.model != new.model:
        before, after = _provider(old.model), _provider(new.model)
        slug = "provider-changed" if before and after and before != after else "model-changed"
        consequence = f"{new.model or 'no model'} answers; before {old.model or 'no model'}"
        yield change(slug, ("model",), consequence, old=old.model, new=new.model)
    for name in sorted(old.parameters.keys() | new.parameters.keys()):
        was, now = old.parameters.get(name), new.parameters.get(name)
        if was != now or type(was) is not type(now):
            yield change(
                "parameter-changed",
                ("modelParameters", name),
                f"{name} was {'not set' if was is None else was} and is {'not set' if now is None else now}",
                old=was,
                new=now,
                removed=name not in new.parameters,
            )


def _provider(model: str | None) -> str:
    return model.split("/", 1)[0] if model and "/" in model else ""


def compare_tools(old: Prompt, new: Prompt) -> Iterator[Change]:
    """Tools by the name of their function."""
    had, has = _tools(old), _tools(new)
    for name in sorted(had.keys() - has.keys()):
        yield change("tool-removed", ("tools",), f"the model no longer calls `{name}`", old=name, removed=True)
    for name in sorted(has.keys() - had.keys()):
        consequence = f"the model may call `{name}`, which the application must know"
        yield change("tool-added", ("tools", has[name][0]), consequence, new=name)
    for name in sorted(had.keys() & has.keys()):
        (_, was), (number, now) = had[name], has[name]
        if was == now:
            continue
        before, after = _arguments(was), _arguments(now)
        handled = covering(before, after).verdict
        if strip_annotations(before) != strip_annotations(after) and handled is not Containment.YES:
            told = "may be called" if handled is Containment.NO else "could not be proved not to be called"
            consequence = f"`{name}` {told} with arguments that it has not met before"
            yield change("tool-arguments-widened", ("tools", number), consequence, old=before, new=after)
        else:
            yield change("tool-changed", ("tools", number), f"the model is told something else about `{name}`")


def _tools(prompt: Prompt) -> dict[str, tuple[int, Json]]:
    found = {}
    for number, tool in enumerate(prompt.tools):
        function = tool.get("function")
        if isinstance(function, Mapping):
            found[str(function.get("name"))] = (number, function)
    return found


def _arguments(function: Json) -> Json:
    parameters = function.get("parameters")
    return parameters if isinstance(parameters, Mapping) else {"type": "object", "properties": {}}


def compare_metadata(old: Prompt, new: Prompt) -> Iterator[Change]:
    """What is for people: no bump."""
    for name in ("name", "description", "metadata"):
        was, now = getattr(old, name), getattr(new, name)
        if was != now:
            yield change("metadata-changed", (name,), f"{name} changed", removed=not now)
