"""What a model is asked, what it answers, and why it may not. Nothing here knows how it is asked."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from onbook.errors import OnbookError, UsageError
from onbook.testing import local


@dataclass(frozen=True, slots=True)
class Request:
    """What a model is asked, before any translation. Its key is a recording's.

    Attributes:
        model: as litellm names it (``openai/gpt-5.4-mini-2026-03-17``), or one of :data:`local.WEIGHTS`.
        messages: ``{"role", "content"}`` each.
        parameters: under OpenAI's names (``max_completion_tokens``); see ``PARAMETERS``.
        response_format, tools: in OpenAI's shape.
        repeat: which repeat of the same question this is, from 0; never sent.
        texts: two texts whose embeddings are asked for; then there are no messages.
    """

    model: str
    messages: tuple[Mapping[str, str], ...]
    parameters: Mapping[str, object]
    response_format: Mapping[str, object] | None = None
    tools: tuple[Mapping[str, object], ...] = ()
    repeat: int = 0
    texts: tuple[str, ...] = ()

    def canonical(self) -> dict[str, object]:
        """Plain JSON data, empty parts left out; equal numbers are one number, as in RFC 8785 (``1.0`` is ``1``).

        Raises:
            UsageError: a number that JSON has no name for, or a ``local/`` model that is not known.
        """
        parts: dict[str, object] = {
            "model": self.model,
            "weights": local.WEIGHTS[self.model] if local.is_local(self.model) else None,
            "messages": self.messages,
            "texts": self.texts,
            "parameters": self.parameters,
            "response_format": self.response_format,
            "tools": self.tools,
            "repeat": self.repeat,
        }
        return {name: _plain(value) for name, value in parts.items() if value}

    def key(self) -> str:
        """The key of its recording; see :func:`key_of`."""
        return key_of(self.canonical())


def key_of(canonical: Mapping[str, object]) -> str:
    """``sha256:`` and the hash of a canonical request as compact JSON, keys sorted, UTF-8."""
    return "sha256:" + hashlib.sha256(_COMPACT.encode(canonical).encode("utf-8", "surrogatepass")).hexdigest()


_COMPACT = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)  # made once: keys are many


@dataclass(frozen=True, slots=True)
class Response:
    """What a model answered.

    Attributes:
        tool_calls: in OpenAI's shape, without the ids: those are chance.
        finish: why the answer ended: ``stop``, ``length``, ``tool_calls``, ``content_filter``.
        model: the name that the answer carries.
        usage: ``prompt_tokens`` and ``completion_tokens``.
        latency_ms: of the send that was answered, without waiting and earlier sends.
        cost: US dollars by litellm's bundled price map; 0.0 for the local model; None where no price is known.
        engine: what made the call or ran the model, with its version.
    """

    text: str
    tool_calls: tuple[Mapping[str, object], ...]
    finish: str
    model: str
    usage: Mapping[str, int]
    latency_ms: int
    cost: float | None
    engine: str


class ModelError(OnbookError):
    """A call that brought no usable answer: which model, why, and what to do. Never holds a credential."""


class NotAskedError(ModelError):
    """A request that was not sent, or not sent again, because the run ended before: a limit, or an interruption."""


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise UsageError(f"a request cannot hold the number {value}", hint="JSON has no such number.")
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    return value
