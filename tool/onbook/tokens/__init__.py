"""How many tokens a text or a call has, and what it costs: offline, exact for the GPT families, else a stated estimate.

Nothing here asks the network. A text of n bytes in UTF-8 has at most n tokens in any byte-level tokenizer
(:func:`at_most`), so whoever only asks whether a limit is kept seldom needs to count.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from onbook.tokens.models import COMPLETE, Model, cost, is_other, model, names, source

__all__ = [
    "COMPLETE", "Count", "Model", "at_most", "cost", "count", "count_messages", "is_other", "model", "names",
    "source",
]  # fmt: skip

# A message costs these beside its role and content, and the answer's beginning costs as many, as OpenAI publishes for
# gpt-3.5-turbo, gpt-4 and gpt-4o ("How to count tokens with tiktoken", OpenAI Cookbook).
PER_MESSAGE = 3
PER_ANSWER = 3
# Other chat formats: the most that a message is taken to cost beside its content. SmolLM2's ChatML costs 5.
MOST_PER_MESSAGE = 8


@dataclass(frozen=True, slots=True)
class Count:
    """A number of tokens.

    Attributes:
        tokens: the count; for an estimate a number that is rather too high.
        exact: whether the model's own tokenizer counted.
        method: how it was counted, in words.
        at_least, at_most: the bounds of an estimate; both are the count where it is exact.
    """

    tokens: int
    exact: bool
    method: str
    at_least: int
    at_most: int


@dataclass(frozen=True, slots=True)
class _Family:
    """How one family of models is counted: by which tokenizer, and by how much others use more or fewer tokens."""

    encoding: str
    who: str = ""
    low: float = 1.0
    factor: float = 1.0
    high: float = 1.0

    @property
    def exact(self) -> bool:
        return self.high == self.low


# As tiktoken's model.py has them, without their provider.
_GPT = re.compile(
    r"(?:ft:)?(?P<name>chatgpt-4o|gpt-4o|gpt-4\.[15]|gpt-5|gpt-oss|o1|o3|o4-mini|gpt-4|gpt-3\.5|gpt-35)(?![0-9])"
)
_CL100K = frozenset({"gpt-4", "gpt-3.5", "gpt-35"})
# Families for which the overhead of a message is published.
_CHAT_PUBLISHED = _CL100K | {"gpt-4o", "chatgpt-4o", "gpt-4.1"}

# Ratios to o200k's count: low, told, high. SmolLM2's are measured on the 129 recorded calls of this repository's own
# prompts (1.08 to 1.25). The others are rules of thumb from what providers and others publish, on the safe side; no
# tokenizer of theirs can be had offline.
_FAMILIES = (
    (re.compile(r"claude"), "Claude", 0.9, 1.5, 2.2),
    (re.compile(r"gemini|gemma|learnlm"), "Gemini", 0.7, 1.2, 1.6),
    (re.compile(r"llama-?[34]|llama3"), "Llama 3 and 4", 0.8, 1.2, 2.0),
    (re.compile(r"smollm"), "SmolLM2", 0.9, 1.3, 2.5),
    (re.compile(r"gpt-[6-9]|gpt-\d\d"), "newer GPT", 0.7, 1.2, 1.6),
)
_OTHER = ("other models", 0.7, 1.5, 3.0)


def count(text: str, model: str | None) -> Count:
    """The tokens of one text.

    Args:
        model: as litellm names it; None, like a name that is not known, gives an estimate.

    Raises:
        OnbookError: this installation's tokenizer data are incomplete.
    """
    family = _family(model)
    return _count(family, _encode(family, text), len(text.encode("utf-8", "replace")), 0)


def count_messages(messages: Iterable[Mapping[str, object]], model: str | None) -> Count:
    """The tokens that a chat call of ``{"role", "content"}`` messages is billed for, its tools and schema left out.

    The overhead of a message is 3 tokens and its role, of the answer 3: exact for gpt-3.5-turbo, gpt-4, gpt-4o and
    gpt-4.1; for the families after them the texts are counted exactly and the overhead is bounded.

    Raises:
        OnbookError: this installation's tokenizer data are incomplete.
    """
    family, listed = _family(model), list(messages)
    texts = [str(message.get("content") or "") for message in listed]
    plain = sum(_encode(family, text) for text in texts)
    size = sum(len(text.encode("utf-8", "replace")) for text in texts)
    roles = sum(_encode(family, str(message.get("role", ""))) for message in listed)
    overhead = PER_MESSAGE * len(listed) + roles + PER_ANSWER
    if family.exact and _name(model) in _CHAT_PUBLISHED:
        total = plain + overhead
        return Count(total, True, f"{family.encoding} and the chat format's own tokens", total, total)
    most = MOST_PER_MESSAGE * (len(listed) + 1)
    found = _count(family, plain, size, most)
    method = f"{found.method}, the chat format's own tokens estimated"
    return Count(max(found.tokens, found.at_least) + overhead, False, method, found.at_least, found.at_most)


def at_most(text: str) -> int:
    """A bound that costs nothing to find: no byte-level tokenizer makes more tokens than there are bytes."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _count(family: _Family, plain: int, size: int, extra: int) -> Count:
    if family.exact:
        return Count(plain, True, family.encoding, plain, plain + extra)
    low, high = math.floor(plain * family.low), min(math.ceil(plain * family.high), size + 1) + extra
    told = min(math.ceil(plain * family.factor), high)
    method = f"estimate for {family.who}: {family.encoding}'s count times {family.factor:g}"
    return Count(told, False, f"{method} (between {family.low:g} and {family.high:g})", low, high)


def _encode(family: _Family, text: str) -> int:
    from onbook.tokens.bpe import encoding

    return encoding(family.encoding).count(text)


def _name(model: str | None) -> str | None:
    found = _GPT.match((model or "").rpartition("/")[2].lower())
    return found["name"] if found else None


def _family(model: str | None) -> _Family:
    if name := _name(model):
        return _Family("cl100k_base" if name in _CL100K else "o200k_base")
    text = (model or "").lower()
    for pattern, who, low, factor, high in _FAMILIES:
        if pattern.search(text):
            return _Family("o200k_base", who, low, factor, high)
    return _Family("o200k_base", *_OTHER)
