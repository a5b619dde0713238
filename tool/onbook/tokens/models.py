"""What is known of a model: its context, longest answer, prices and the day it retires, from a pinned table.

``data/models.json`` comes from litellm's bundled price map (``tool/refresh_tokens.py``); litellm is not imported.
Providers change prices and dates without a word here: the table says which day it is of, and :func:`source` tells it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from onbook.tokens.data import load

# Context, longest answer, US dollars per million tokens in, and out, the day it retires; then, where it does not always
# take temperature and topP, when it does.
Row = Sequence[Any]

LOCAL = "local"
# The embedded model; testing/local.py starts it with this context.
_LOCAL_MODELS: Mapping[str, Row] = {"smollm2-135m": (4096, None, 0.0, 0.0, None)}

COMPLETE = frozenset({"openai", "anthropic", "gemini", "mistral", "xai", "deepseek"})
"""Providers whose present models the table means to hold all of; the others host what their customers bring."""

# Where a bare name may belong, as litellm tries them.
_BARE = ("openai", "anthropic", "cohere", "deepseek", "vertex_ai", "mistral", "bedrock")
# Who publishes dated snapshots beside names that move. Azure's names are deployments: their owner says what they run.
_DATED = frozenset({"openai", "anthropic", "mistral", "xai"})
_SNAPSHOT = re.compile(r"-(?:20\d\d-\d\d-\d\d|20\d{6}|[01]\d[0-3]\d|2[4-9](?:0[1-9]|1[0-2]))$")
_FINE_TUNED = re.compile(r"(ft:[^:]+):.*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Model:
    """One model of the table.

    Attributes:
        name: as the table has it, without its provider.
        provider: what stands before the slash: ``openai``.
        context: the most tokens that it reads; None where it is not known, as for the numbers below.
        max_output: the longest answer, in tokens.
        input_price, output_price: US dollars per million tokens, without batch, cache or priority.
        retires: the day from which calls fail.
        snapshots: for a name that moves, the dated names beside it, oldest first.
        floating: whether the provider lets the name stand for another snapshot without anybody's commit.
        sampling: when it takes another temperature or topP than 1, where that is not always: ``never``,
            ``unless-reasoning`` (it does not reason unless it is told to), ``if-told-not-to-reason``.
    """

    name: str
    provider: str
    context: int | None = None
    max_output: int | None = None
    input_price: float | None = None
    output_price: float | None = None
    retires: date | None = None
    snapshots: tuple[str, ...] = ()
    floating: bool = False
    sampling: str | None = None

    def takes_sampling(self, effort: object) -> bool:
        """Whether it takes another temperature or topP than 1, as far as is known.

        Args:
            effort: the call's ``reasoningEffort``, None where it names none.
        """
        if self.sampling is None or self.sampling == "never":
            return self.sampling is None
        return effort == "none" or (effort is None and self.sampling == "unless-reasoning")


@cache
def model(name: str | None) -> Model | None:
    """A model by its name as litellm writes it (``openai/gpt-5.4-2026-03-05``, ``gpt-4o``); None if it is not known."""
    if not name:
        return None
    provider, slash, rest = name.partition("/")
    if provider == LOCAL:
        row = _LOCAL_MODELS.get(rest)
        return _model(LOCAL, rest, row) if row else None
    table = _table()
    if slash and provider in table:
        found = _named(table[provider], rest)
        return _model(provider, *found) if found else None
    for candidate in () if slash else _BARE:
        if found := _named(table[candidate], name):
            return _model(candidate, *found)
    return None


def cost(name: str | None, input_tokens: int, output_tokens: int = 0) -> float | None:
    """US dollars of one call, by the table's plain prices; None where no price is known."""
    found = model(name)
    if found is None or found.input_price is None or (output_tokens and found.output_price is None):
        return None
    return (input_tokens * found.input_price + output_tokens * (found.output_price or 0.0)) / 1_000_000


def names(provider: str) -> Mapping[str, object]:
    """The names that the table has of a provider."""
    return _table().get(provider, {})


def is_other(provider: str, name: str) -> bool:
    """Whether a provider has a model of that name that is none of chat: of speech, images, embeddings."""
    others: Mapping[str, list[str]] = _data()["others"]  # type: ignore[assignment]
    return name in others.get(provider, ())


@cache
def source() -> tuple[str, date]:
    """Where the table comes from (``litellm 1.106.2``), and the day it was written."""
    data = _data()
    return str(data["source"]), date.fromisoformat(str(data["date"]))


def _named(rows: Mapping[str, Row], name: str) -> tuple[str, Row] | None:
    if (row := rows.get(name)) is not None:
        return name, row
    if (tuned := _FINE_TUNED.fullmatch(name)) and (row := rows.get(tuned[1])) is not None:
        return name, row
    return None


def _model(provider: str, name: str, row: Row) -> Model:
    context, longest, price_in, price_out, retires, *more = row
    snapshots = _snapshots(provider).get(name, ()) if provider in _DATED else ()
    latest = provider != LOCAL and name.endswith(("-latest", "@latest"))
    return Model(
        name, provider, context, longest, price_in, price_out, date.fromisoformat(retires) if retires else None,
        snapshots, bool(snapshots) or latest, more[0] if more else None,
    )  # fmt: skip


@cache
def _snapshots(provider: str) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for name in sorted(_table().get(provider, {})):
        if dated := _SNAPSHOT.search(name):
            found.setdefault(name[: dated.start()], []).append(name)
    return {name: tuple(dated) for name, dated in found.items()}


def _table() -> Mapping[str, Mapping[str, Row]]:
    models: Mapping[str, Mapping[str, Row]] = _data()["models"]  # type: ignore[assignment]
    return models


@cache
def _data() -> Mapping[str, object]:
    import json

    return dict(json.loads(load("models.json")))
