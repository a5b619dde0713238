"""A prompt that can be called."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from onbook.errors import InputError, UsageError
from onbook.prompt import Prompt

# Inputs and a history -> messages: Caller.render. Its module is not needed for its name in an annotation.
Render = Callable[[Mapping[str, object], Sequence[Mapping[str, str]]], list[dict[str, str]]]

_OPENAI = "openai/"


class Confirmation:
    """When a remote last said that something is so. Shared by all that rests on it.

    Attributes:
        at: on the monotonic clock, in seconds.
    """

    __slots__ = ("at",)

    def __init__(self, age: float = 0.0) -> None:
        self.at = time.monotonic() - age

    @property
    def age(self) -> float:
        """Seconds since then."""
        return max(0.0, time.monotonic() - self.at)


@dataclass(frozen=True)
class LoadedPrompt:
    """A prompt that can be called.

    Attributes:
        id: ``support/triage``; version: ``1.4.0``, or the place it was read from (``worktree``, a commit).
        tag: the release tag; commit: what it points at; both empty where it was not fetched by tag.
        digest: ``sha256:<hex>`` of all files that its rendering and its contract read.
        definition: the prompt as data: model, parameters, schemas, metadata.
        notes: what a person should know: that it was withdrawn or is deprecated, where it came from.
    """

    id: str
    version: str
    tag: str
    commit: str
    digest: str
    definition: Prompt
    _render: Render = field(repr=False, compare=False)
    notes: tuple[str, ...] = ()
    _confirmed: Confirmation = field(default_factory=Confirmation, repr=False, compare=False)

    @property
    def age(self) -> float:
        """Seconds since the remote last said that this is the release for what was asked.

        For an exact version it tells when it was loaded or refreshed, and limits nothing: it never changes.
        """
        return self._confirmed.age

    def render(self, history: Sequence[Mapping[str, str]] = (), /, **inputs: object) -> list[dict[str, str]]:
        """The messages for some inputs: a list of ``{"role", "content"}``, as model libraries take it.

        Args:
            history: earlier user and assistant messages, for a prompt with a history slot.

        Raises:
            InputError: the contract refuses the inputs; the error names the input.
        """
        if isinstance(history, Mapping | str):
            # The likeliest slip: inputs as one mapping, which would be said to be missing.
            told = "inputs are given by name; what is given without one is a history of messages"
            raise InputError(told, place=self.definition.path, hint="call render(**inputs), or render(ticket=...)")
        return self._render(inputs, history)

    def request(self, history: Sequence[Mapping[str, str]] = (), /, **inputs: object) -> dict[str, Any]:
        """Keyword arguments for ``litellm.completion``: model, messages, parameters, response_format, tools.

        A model, a response format and tools that the prompt does not have are left out. All of it is the caller's own:
        what is changed there, by a library that sends it for example, changes no other call.

        Raises:
            InputError: as :meth:`render`.
        """
        from onbook.call import parameters_of, response_format_of, tools_of

        found: dict[str, Any] = {**deepcopy(parameters_of(self.definition)), "messages": self.render(history, **inputs)}
        if self.definition.model is not None:
            found["model"] = self.definition.model
        if (wanted := response_format_of(self.definition)) is not None:
            found["response_format"] = deepcopy(wanted)
        if tools := tools_of(self.definition):
            found["tools"] = [deepcopy(dict(tool)) for tool in tools]
        return found

    def openai_request(self, history: Sequence[Mapping[str, str]] = (), /, **inputs: object) -> dict[str, Any]:
        """Keyword arguments for ``client.chat.completions.create`` of OpenAI's library, which knows no ``openai/``.

        Raises:
            InputError: as :meth:`render`.
            UsageError: the prompt's model is another provider's.
        """
        model = self.definition.model
        if model is not None and "/" in model and not model.startswith(_OPENAI):
            raise UsageError(
                f"{self.id} {self.version} asks {model}, which is not OpenAI's",
                place=self.definition.path,
                hint="send prompt.request(...) with litellm.completion, or set the model yourself",
            )
        found = self.request(history, **inputs)
        if model is not None:
            found["model"] = model.removeprefix(_OPENAI)
        return found

    def parse(self, text: str | None) -> Any:
        """An answer as the prompt's output schema promises it: JSON as data, or the text where it promises text.

        One code fence around the whole answer is passed over, as models add it.

        Args:
            text: the answer's content; None is an empty one.

        Raises:
            TruncatedAnswerError: the JSON is cut off: the model may have reached its limit of tokens.
            MalformedAnswerError: it is no JSON.
            AnswerContractError: it is JSON that the schema refuses; the error names the place.
        """
        from onbook.client.answers import parse

        return parse(text or "", self.definition)
