"""Rendering by evidence: both versions of a message, rendered for the same calls.

Where two templates are not proved equal, they are rendered for every case of the prompt, for its examples, and for
inputs made up from the contracts of both sides. A call counts where both contracts accept it: what one of them
refuses is the business of the contract's own rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from onbook.call import closed
from onbook.contract import Contract, ContractError, dump
from onbook.diff.changes import Rendered
from onbook.diff.generate import MAX_EFFORT, Space, Values, inputs, measure
from onbook.errors import InputError
from onbook.prompt import Message, Prompt
from onbook.render import Renderer, analyse, literals, normal_form

Json = Mapping[str, object]

# Bounds of one message; none of them is a clock, so that every machine says the same.
MAX_CHARACTERS = 40_000_000
MAX_TRIALS = 300  # of the search for a smaller input
_EFFORT = 20_000_000
_SHARE = 40  # one rendering may do this part of the work that a real one may
# Only from the beginning of what is white: from each place within it, a long one would be looked through again.
_LINE_END = re.compile(r"(?<![ \t])[ \t]+(?=\r?\n|\Z)")

Cases = Callable[[], Iterable[Json]]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What rendering one message for the same calls has shown.

    Attributes:
        samples: the calls that both versions rendered.
        difference: a call for which the texts differ, the smallest that was found.
        trailing: they differ, and on every call in white space at line ends only.
        failure: a call that the old version rendered and the new one cannot, with the reason.
    """

    samples: int
    difference: Rendered | None = None
    trailing: bool = False
    failure: tuple[Rendered, str] | None = None


@dataclass(frozen=True, slots=True)
class _Call:
    """One call as each side takes it; ``known`` where no doubt is possible that it is one that people make."""

    chosen: Json
    old: Json
    new: Json
    typed: bool


class Sampler:
    """The calls that both versions of a prompt accept, made up once and used for each of its messages.

    Args:
        cases: the inputs of both sides' cases, read when they are needed.
    """

    def __init__(self, old: Prompt, new: Prompt, cases: Cases = tuple) -> None:
        self._old, self._new = old, new
        self._aliases = _aliases(old, new)
        self._cases = cases
        self._sides = [_Side(old), _Side(new)]
        self._space: Space | None = None
        self._untyped: frozenset[str] = frozenset()
        self._calls: list[_Call] = []
        self._more: Iterator[_Call] | None = None

    def compare(self, was: Message, now: Message) -> Evidence:
        """Render one message of each side until they differ in more than white space at line ends."""
        pair = _Pair(replace(self._old, messages=(was,), examples=()), replace(self._new, messages=(now,), examples=()))
        samples, characters = 0, 0
        trailing: _Call | None = None
        difference: Rendered | None = None
        failure: tuple[Rendered, str] | None = None
        may_fail = self._logic(self._old, was) != self._logic(self._new, now)
        for call in self.calls():
            before, after, why = pair.render(call)
            if before is None and after is None:
                continue
            if after is None:
                # A value of any type is no call that anybody has promised to render.
                if failure is None and call.typed:
                    smallest = self._shrink(call, lambda c: c.typed and pair.fails(c))
                    _, _, why = pair.render(smallest, full=True)
                    failure = Rendered(smallest.new, pair.render(smallest, full=True)[0], None), why
                continue
            samples += 1
            characters += len(before or "") + len(after)
            if characters > MAX_CHARACTERS:
                break
            if before == after or difference:
                continue
            if before is None or trimmed(before) != trimmed(after):
                smallest = self._shrink(call, pair.differs)
                old, new, _ = pair.render(smallest, full=True)
                difference = Rendered(smallest.new, old, new)
                # Only other tags can refuse a call: with the same ones there is nothing more to look for.
                if failure or not may_fail:
                    break
            else:
                trailing = trailing or call
        if difference:
            return Evidence(samples, difference, failure=failure)
        if trailing:
            old, new, _ = pair.render(trailing, full=True)
            return Evidence(samples, Rendered(trailing.new, old, new), trailing=True, failure=failure)
        return Evidence(samples, failure=failure)

    def calls(self) -> Iterator[_Call]:
        """The calls that both sides accept, the smallest first."""
        number = 0
        while True:
            if number == len(self._calls):
                self._more = self._more or self._make()
                following = next(self._more, None)
                if following is None:
                    return
                self._calls.append(following)
            yield self._calls[number]
            number += 1

    def _make(self) -> Iterator[_Call]:
        self._space = self._values()
        renamed = {old: new for new, olds in self._aliases.items() for old in olds}
        people = [*self._cases(), *(e.inputs for prompt in (self._old, self._new) for e in prompt.examples)]
        known = ({renamed.get(name, name): value for name, value in each.items()} for each in people)
        effort = 0
        for chosen in inputs(self._space, known):
            call, cost = self._call(chosen)
            effort += cost
            if call is not None:
                yield call
            if effort > _EFFORT:
                return

    def _call(self, chosen: Json) -> tuple[_Call | None, int]:
        """A call as each side takes it, or None if one of them does not; and what it took to ask."""
        back = {old: chosen[new] for new, olds in self._aliases.items() if new in chosen for old in olds}
        old = self._sides[0].known({**chosen, **back})
        new = self._sides[1].known(chosen)
        cost = max(side.cost(call) for side, call in zip(self._sides, (old, new), strict=True))
        if cost > MAX_EFFORT or not (self._sides[0].accepts(old) and self._sides[1].accepts(new)):
            return None, min(cost, MAX_EFFORT)
        typed = all(isinstance(value, str) for name, value in new.items() if name in self._untyped)
        return _Call(chosen, old, new, typed), cost

    def _values(self) -> Space:
        constants, keys = _literals((self._old, self._new))
        made: dict[str, dict[str, object]] = {}
        optional: set[str] = set()
        untyped: set[str] = set()
        taken = {old for olds in self._aliases.values() for old in olds}
        for side in reversed(self._sides):
            values = Values(side.prompt.inputs or {}, constants, keys)
            for name in side.names:
                if name in taken and side is self._sides[0]:
                    continue
                schema = side.prompt.input_properties.get(name, {})
                found = made.setdefault(name, {})
                found.update((dump(value), value) for value in values.of(schema) if dump(value) not in found)
                if not schema.keys() & _SAYS_TYPE:
                    untyped.add(name)
                if name not in side.required:
                    optional.add(name)
        self._untyped = frozenset(untyped)
        # An input that one side requires may still be left out of a call to the other, which the contracts decide.
        values_by_name = {name: list(values.values()) for name, values in made.items() if values}
        return Space(values_by_name, frozenset(optional & values_by_name.keys()))

    @staticmethod
    def _logic(prompt: Prompt, message: Message) -> object:
        """What a message does besides its words, or something that equals nothing where that is not known."""
        form = normal_form(message.content, prompt.template_format, prompt.partials)
        return [event for event in form if event[0] != "text"] if isinstance(form, tuple) else object()

    def _shrink(self, call: _Call, holds: Callable[[_Call], bool]) -> _Call:
        """A smaller call of which the same holds: fewer inputs first, then shorter values."""
        assert self._space
        trials = MAX_TRIALS
        for name in list(call.chosen):
            if name in self._space.optional and trials > 0:
                trials -= 1
                call = self._try(call, {key: v for key, v in call.chosen.items() if key != name}, holds)
        for name in list(call.chosen):
            simpler = sorted(self._space.values.get(name, ()), key=_size)
            for value in simpler:
                if trials <= 0 or _size(value) >= _size(call.chosen[name]):
                    break
                trials -= 1
                found = self._try(call, {**call.chosen, name: value}, holds)
                if found is not call:
                    call = found
                    break
        return call

    def _try(self, call: _Call, chosen: Json, holds: Callable[[_Call], bool]) -> _Call:
        smaller, _ = self._call(chosen)
        return smaller if smaller is not None and holds(smaller) else call


class _Side:
    """What one version takes: the names that it declares or uses, and whether it accepts a call."""

    def __init__(self, prompt: Prompt) -> None:
        self.prompt = prompt
        used = dict.fromkeys(_used(prompt))
        # With a contract only what it declares can be sent; without one every variable must be.
        self.names = list(prompt.input_properties) if prompt.inputs is not None else list(used)
        declared = (prompt.inputs or {}).get("required")
        self.required = frozenset(map(str, declared)) if isinstance(declared, list) else frozenset()
        if prompt.inputs is None:
            self.required = frozenset(self.names)
        self._contract: Contract | None = None
        self._effort = 1
        if prompt.inputs is not None:
            try:
                self._contract = Contract(closed(prompt.inputs))
                self._effort = self._contract.effort
            except ContractError:
                self._effort = MAX_EFFORT + 1

    def known(self, call: Json) -> dict[str, object]:
        """The part of a call that this version knows."""
        names = set(self.names)
        return {name: value for name, value in call.items() if name in names}

    def cost(self, call: Json) -> int:
        """Schemas that may be asked about a call."""
        return 1 if self._effort <= 1 else int(min(self._effort ** measure(call), MAX_EFFORT + 1))

    def accepts(self, call: Json) -> bool:
        """Whether the contract takes a call, or there is none and nothing lacks."""
        if self._contract is None:
            return self.required <= call.keys()
        return self._contract.accepts(call)


class _Pair:
    """One message of each side, compiled."""

    def __init__(self, old: Prompt, new: Prompt) -> None:
        self._quick = [Renderer(prompt, share=_SHARE) for prompt in (old, new)]
        self._patient = [Renderer(prompt) for prompt in (old, new)]

    def render(self, call: _Call, *, full: bool = False) -> tuple[str | None, str | None, str]:
        """Both texts, None where one cannot be rendered, and why the new one cannot."""
        renderers = self._patient if full else self._quick
        texts: list[str | None] = []
        why = ""
        for renderer, values in zip(renderers, (call.old, call.new), strict=True):
            try:
                texts.append(renderer.messages(values)[0]["content"])
            except InputError as error:
                texts.append(None)
                why = error.message
        if not full and (texts[0] is None) != (texts[1] is None):
            # It may be that it only took more work than a sample is given.
            return self.render(call, full=True)
        return texts[0], texts[1], why

    def differs(self, call: _Call) -> bool:
        """Whether the texts differ in more than white space at line ends."""
        before, after, _ = self.render(call)
        return after is not None and (before is None or trimmed(before) != trimmed(after))

    def fails(self, call: _Call) -> bool:
        """Whether the new version cannot render what the old one rendered."""
        before, after, _ = self.render(call)
        return before is not None and after is None


_SAYS_TYPE = frozenset({"type", "enum", "const", "$ref", "anyOf", "oneOf", "allOf", "properties", "items"})


def trimmed(text: str) -> str:
    """A text without white space at the ends of its lines."""
    return _LINE_END.sub("", text)


def _used(prompt: Prompt) -> Iterator[str]:
    """The variables that a prompt's messages and partials use."""
    for text, template_format in _templates(prompt):
        yield from (use.name for use in analyse(text, template_format).variables)


def _templates(prompt: Prompt) -> Iterator[tuple[str, str]]:
    for message in prompt.messages:
        if isinstance(message, Message):
            yield message.content, prompt.template_format
    for text in prompt.partials.values():
        yield text, "jinja2"


def _literals(prompts: Iterable[Prompt]) -> tuple[list[object], list[str]]:
    constants: dict[str, object] = {}
    keys: dict[str, None] = {}
    for prompt in prompts:
        for text, template_format in _templates(prompt):
            found, named = literals(text, template_format)
            constants.update((f"{type(value).__name__} {value!r}", value) for value in found)
            keys.update(dict.fromkeys(named))
    return list(constants.values())[:100], list(keys)[:100]


def _aliases(old: Prompt, new: Prompt) -> dict[str, list[str]]:
    """New name -> the old names that are still accepted for it."""
    found = {}
    for name, schema in new.input_properties.items():
        aliases = schema.get("x-aliases")
        before = [
            alias
            for alias in (aliases if isinstance(aliases, list) else ())
            if alias in old.input_properties and alias not in new.input_properties
        ]
        if before and name not in old.input_properties:
            found[name] = before
    return found


def _size(value: object) -> int:
    """Smaller is better to read; nothing at all is not better than one letter, for it shows nothing."""
    return len(dump(value)) + 3 * dump(value).count('""') if value not in ("", None, [], {}) else 6
