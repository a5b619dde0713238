"""How near two texts are in meaning: the cosine of their embeddings, which a model gives and a recording keeps."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from onbook.testing.request import Request
from onbook.testing.subject import AssertionUseError, shown

# What is recorded has nine digits: two equal texts may have a cosine a little beside 1.
_DIGITS = 6


def request_of(model: str, text: str, reference: str) -> Request:
    """What a model is asked: the embeddings of an answer and of a reference."""
    return Request(model, (), {}, texts=(text, reference))


def cosine(said: str) -> float:
    """The cosine of the angle between two embeddings, -1 to 1: ``a . b / (|a| |b|)``.

    Salton and McGill, Introduction to Modern Information Retrieval, 1983; of embeddings of sentences Reimers and
    Gurevych, Sentence-BERT, EMNLP 2019.

    Args:
        said: as :func:`onbook.testing.embedder.embedded` writes it.

    Raises:
        AssertionUseError: there is no angle: an embedding is zero, or a number is none. It never passes.
    """
    try:
        found = json.loads(said)
        dot, norms = float(found["dot"]), [float(norm) for norm in found["norms"]]
        value = dot / math.prod(norms)
        if len(norms) != 2 or not math.isfinite(value) or min(norms) <= 0 or round(abs(value), _DIGITS) > 1:
            raise ValueError
    except (ValueError, KeyError, TypeError, ZeroDivisionError, OverflowError, RecursionError):
        raise AssertionUseError(f"the model gave no embeddings that have an angle: {shown(said)}") from None
    return value


def best(said: Sequence[str]) -> float:
    """The greatest cosine, 0 to 1; what points away from each other is as far as can be."""
    return max(0.0, min(1.0, round(max(map(cosine, said)), _DIGITS)))
