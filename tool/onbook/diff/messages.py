"""Changes of what the model is sent: messages and examples, model, parameters and tools."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import takewhile

from onbook.call import tools_of
from onbook.contract import Containment, dump, same, strip_annotations
from onbook.diff.changes import Change, Pointer, change, shown
from onbook.diff.evidence import Cases, Sampler
from onbook.diff.guards import Sentence, lost
from onbook.diff.parts import closed
from onbook.diff.witness import covering
from onbook.prompt import SUFFIXES, Example, Message, Prompt, Slot
from onbook.render import normal_form
from onbook.versions import Bump

Json = Mapping[str, object]

# Not after `%}` and `#}`; the first white space of a run only, so that a long run costs linear time.
_SENTENCE = 120  # characters of a sentence that is quoted
_LINE_END = re.compile(r"(?<![ \t])(?<![%#]\})[ \t]+(?=\r?\n)")


def compare_messages(old: Prompt, new: Prompt, cases: Cases = tuple) -> Iterator[Change]:
    """Roles and order first; where they are the same, the wording message by message; then what is no longer asked.

    Args:
        cases: the inputs of both sides' cases, asked for when a rendering has to be tried.
    """
    yield from _slots(old, new)
    before = [message for message in old.messages if isinstance(message, Message)]
    after = [message for message in new.messages if isinstance(message, Message)]
    roles_before, roles_after = [message.role for message in before], [message.role for message in after]
    found: list[Change] = []
    if roles_before != roles_after:
        consequence = f"the model is sent {', '.join(roles_after)}; before {', '.join(roles_before)}"
        found.append(change("messages-restructured", ("messages",), consequence, old=roles_before, new=roles_after))
    else:
        places = [number for number, message in enumerate(new.messages) if isinstance(message, Message)]
        sampler = Sampler(old, new, cases)
        for number, was, now in zip(places, before, after, strict=True):
            found += _wording(sampler, old, new, was, now, number)
    yield from found
    if any(each.rule.slug in ("wording-changed", "messages-restructured") for each in found):
        yield from _obligations(old, new)
    if [_shown(example) for example in old.examples] != [_shown(example) for example in new.examples]:
        consequence = f"the model is shown {len(new.examples)} examples; before {len(old.examples)}"
        if len(new.examples) == len(old.examples):
            consequence = "the model is shown other examples"
        yield change("examples-changed", ("examples",), consequence)


def _wording(sampler: Sampler, old: Prompt, new: Prompt, was: Message, now: Message, number: int) -> Iterator[Change]:
    at: Pointer = ("messages", number, "content")
    before, after = was.content, now.content
    same_source = before == after and old.template_format == new.template_format and old.partials == new.partials
    if same_source:
        return
    one = normal_form(before, old.template_format, old.partials)
    other = normal_form(after, new.template_format, new.partials)
    message = f"message {number + 1} ({now.role})"
    if one is not None and one == other:
        if before != after:
            yield change("template-refactored", at, f"{message} is proved to render the same bytes")
        return
    file = _changed_partial(old, new) if before == after else None
    trimmed = _trimmed_form(before, old)
    if trimmed is not None and trimmed == _trimmed_form(after, new):
        yield change("trailing-space-changed", at, f"only white space at line ends of {message} changed", file=file)
        return
    seen = sampler.compare(was, now)
    if seen.failure:
        call, why = seen.failure
        told = f"a call that was rendered is now refused: {why}{shown((call.inputs,))}"
        yield change("rendering-fails", at, told, witness=(call.inputs,), rendered=call, file=file)
    if seen.trailing:
        told = f"only white space at line ends of {message} changed, on all of {_calls(seen.samples)}"
        yield change("trailing-space-changed", at, told, rendered=seen.difference, file=file)
    elif seen.difference is None and seen.samples and not seen.failure:
        told = f"{message} was rewritten, and renders the same bytes on all of {_calls(seen.samples)}"
        yield change("refactor-sampled", at, told, file=file)
    elif not (seen.failure and seen.difference is None):
        through = f" through {', '.join(_changed_partials(old, new))}" if before == after else ""
        told = f"the text of {message} changed{through}"
        yield change("wording-changed", at, told, old=before, new=after, rendered=seen.difference, file=file)


def _calls(count: int) -> str:
    return "the one call there is" if count == 1 else f"{count} sampled calls"


def _changed_partials(old: Prompt, new: Prompt) -> list[str]:
    names = old.partials.keys() | new.partials.keys()
    return sorted(name for name in names if old.partials.get(name) != new.partials.get(name))


def _changed_partial(old: Prompt, new: Prompt) -> tuple[str, int] | None:
    """The first partial that changed, and the first line of it that did."""
    for name in _changed_partials(old, new):
        if name in new.partials:
            was, now = old.partials.get(name, "").split("\n"), new.partials[name].split("\n")
            same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(was, now, strict=False)))
            return folder_of(new) + name, min(same, len(now) - 1) + 1
    return None


def _obligations(old: Prompt, new: Prompt) -> Iterator[Change]:
    """What the model was held to and no longer is, or less strictly, each with its line."""
    for each in lost(_texts(old), _texts(new)):
        # Where the new text still has something, that is where to look; else where the old one had it.
        slug, side, place = "obligation-removed", old, each.old
        told = f"no longer asked: {_quoted(each.old.text)}"
        if each.now is not None:
            slug, side, place = "obligation-weakened", new, each.now
            told = f"was {_quoted(each.old.text)}, is {_quoted(each.now.text)}"
        at, offset, file = _placed(side, place)
        now = each.now.text if each.now else None
        yield change(slug, at, told, old=each.old.text, new=now, removed=now is None, offset=offset, file=file)


def _texts(prompt: Prompt) -> dict[object, str]:
    contents = enumerate(prompt.messages)
    texts: dict[object, str] = {n: message.content for n, message in contents if isinstance(message, Message)}
    texts.update(prompt.partials)
    return texts


def _placed(prompt: Prompt, sentence: Sentence) -> tuple[Pointer, int | None, tuple[str, int] | None]:
    if isinstance(sentence.source, int):
        return ("messages", sentence.source, "content"), sentence.offset, None
    name = str(sentence.source)
    line = prompt.partials[name].count("\n", 0, sentence.offset) + 1
    return ("messages",), None, (folder_of(prompt) + name, line)


def _quoted(text: str) -> str:
    return f'"{text}"' if len(text) <= _SENTENCE else f'"{text[: _SENTENCE - 3]}..."'


def folder_of(prompt: Prompt) -> str:
    """The prompts folder, with a slash: what stands before the id in the prompt's path."""
    ends = (prompt.id + suffix for suffix in SUFFIXES)
    return next((prompt.path.removesuffix(end) for end in ends if prompt.path.endswith(end)), "")


def _shown(example: Example) -> list[object]:
    """An example as it is rendered: 1 and true differ, and within a value the order of keys does."""
    values = sorted((name, json.dumps(value)) for name, value in example.inputs.items())
    return [values, json.dumps(example.output)]


def _trimmed_form(text: str, prompt: Prompt) -> object | None:
    partials = {name: _trimmed(part) for name, part in prompt.partials.items()}
    # The end of a message is the end of a line; the end of a partial may stand in the middle of one.
    return normal_form(_trimmed(text).rstrip(" \t"), prompt.template_format, partials)


def _trimmed(text: str) -> str:
    """A template without white space at line ends. After a tag it stays: there it decides if a line is rendered."""
    return _LINE_END.sub("", text)


def _slots(old: Prompt, new: Prompt) -> Iterator[Change]:
    was, now = _slot(old), _slot(new)
    if was is None and now is not None:
        yield change("history-slot-added", ("messages", now))
    elif was is not None and now is None:
        yield change("history-slot-moved", ("messages",), "a call that sends a history is now rejected", removed=True)
    elif was is not None and now is not None and _moved(old, was, new, now):
        yield change("history-slot-moved", ("messages", now), "earlier messages now stand elsewhere")


def _slot(prompt: Prompt) -> int | None:
    return next((number for number, message in enumerate(prompt.messages) if isinstance(message, Slot)), None)


def _moved(old: Prompt, was: int, new: Prompt, now: int) -> bool:
    """Whether the slot has other roles both before and after it; messages added on one side only do not move it."""
    before, after = _roles(old), _roles(new)
    return before[:was] != after[:now] and before[was + 1 :] != after[now + 1 :]


def _roles(prompt: Prompt) -> list[str]:
    return [message.role if isinstance(message, Message) else "" for message in prompt.messages]


def compare_model(old: Prompt, new: Prompt) -> Iterator[Change]:
    """Model, provider and sampling parameters."""
    if old.model != new.model:
        slug, bump = _model_rule(old.model, new.model)
        consequence = f"{new.model or 'no model'} answers; before {old.model or 'no model'}"
        if new.model is None:
            consequence = f"an application that takes the model from the prompt finds none; before {old.model}"
        yield change(slug, ("model",), consequence, old=old.model, new=new.model, bump=bump, removed=new.model is None)
    for name in sorted(old.parameters.keys() | new.parameters.keys()):
        was, now = ([p.parameters[name]] if name in p.parameters else [] for p in (old, new))
        if not same(was, now):
            told = [dump(value[0]) if value else "not set" for value in (was, now)]
            yield change(
                "parameter-changed",
                ("modelParameters", name),
                f"{name} was {told[0]} and is {told[1]}",
                old=was[0] if was else None,
                new=now[0] if now else None,
                removed=not now,
            )


def _model_rule(old: str | None, new: str | None) -> tuple[str, Bump | None]:
    """The rule for another model; a name without a provider may be anybody's, but the same name is the same model."""
    if new is None:
        return "model-changed", Bump.MAJOR
    if old is None:
        return "model-changed", None
    (before, _, was), (after, _, now) = old.rpartition("/"), new.rpartition("/")
    if bool(before) != bool(after):
        return "model-changed" if was == now else "provider-changed", None
    return "provider-changed" if old.split("/")[0] != new.split("/")[0] and before else "model-changed", None


def compare_tools(old: Prompt, new: Prompt) -> Iterator[Change]:
    """Tools by the name of their function."""
    had, has = _tools(old), _tools(new)
    for name in sorted(had.keys() - has.keys()):
        at = ("tools", had[name][0])
        yield change("tool-removed", at, f"the model no longer calls `{name}`", old=name, removed=True)
    for name in sorted(has.keys() - had.keys()):
        consequence = f"the model may call `{name}`, which the application must know"
        yield change("tool-added", ("tools", has[name][0]), consequence, new=name)
    sent, now_sent = tools_of(old), tools_of(new)
    for name in sorted(had.keys() & has.keys()):
        (before, was), (after, now) = had[name], has[name]
        # As sent, byte for byte: the order of arguments moves answers.
        if json.dumps(sent[before]) != json.dumps(now_sent[after]):
            yield from _tool(name, was, now, ("tools", after))
    kept = [[name for name in tools if name in had and name in has] for tools in (had, has)]
    if kept[0] != kept[1]:
        yield change("tool-changed", ("tools",), "the model is told of its tools in another order")


def _tool(name: str, old: Json, new: Json, at: Pointer) -> Iterator[Change]:
    before, after = _arguments(old), _arguments(new)
    if not same(strip_annotations(before), strip_annotations(after)):
        # An application knows the arguments that are declared: one more is one that it has not met.
        handled = covering(closed(before, wide=True), closed(after, wide=False))
        if handled.verdict is Containment.NO:
            told = f"`{name}` may be called with arguments that it has not met before{shown(handled.witness)}"
            yield change("tool-arguments-widened", at, told, old=before, new=after, witness=handled.witness)
            return
        if handled.verdict is Containment.UNKNOWN:
            told = f"whether `{name}` is called only with arguments that it knows could not be proved"
            yield change("tool-unproven", at, told, old=before, new=after)
            return
    yield change("tool-changed", at, f"the model is told something else about `{name}`")


def _tools(prompt: Prompt) -> dict[str, tuple[int, Json]]:
    found = {}
    for number, tool in enumerate(prompt.tools):
        function = tool.get("function")
        if isinstance(function, Mapping):
            found[str(function.get("name"))] = (number, tool)
    return found


def _arguments(tool: Json) -> Json:
    function = tool["function"]
    parameters = function.get("parameters") if isinstance(function, Mapping) else None
    return parameters if isinstance(parameters, Mapping) else {"type": "object", "properties": {}}


def compare_metadata(old: Prompt, new: Prompt) -> Iterator[Change]:
    """What is for people: no bump."""
    for name in ("name", "description", "metadata"):
        was, now = getattr(old, name), getattr(new, name)
        if was != now:
            yield change("metadata-changed", (name,), f"{name} changed", removed=not now)
