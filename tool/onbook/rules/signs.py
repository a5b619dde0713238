"""What a text shows at a glance of the secrets and the personal data that may stand in it: most texts show nothing."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from onbook.formats.shape import CAPITAL, DIGIT, WORD, shape_of
from onbook.patterns import later


class Signs(NamedTuple):
    """What there may be in a text. What is False is certain, what is True is to be looked for.

    Attributes:
        secret: something as long as secrets are, or shaped as those that may be shorter.
        number: as many digits together as every card and every North American telephone number has, or two capitals
            and two digits, as every IBAN begins.
        email, plus: the character that every address has, and that every number with its country's code begins with.
    """

    secret: bool
    number: bool
    email: bool
    plus: bool


SHORTEST = 20
"""Characters of a secret with its literal, where both stand in one word; most texts have few words as long."""


def signs(text: str, shape: bytes | None = None) -> Signs | None:
    """What there may be in a text, whose shape may be known; None for nothing."""
    if shape is None:
        shape = shape_of(text.encode("utf-8", "surrogatepass"))
    email, plus = "@" in text, "+" in text
    number = _NUMBERS.search(shape) is not None
    secret = ((email or "~" in text) and _is_otherwise(text)) or _has_long(text, shape)
    return Signs(secret, number, email, plus) if secret or number or email or plus else None


shared_signs = lru_cache(maxsize=512)(signs)
"""The same of a text that belongs to many prompts."""


# --- personal data

# In a shape, three digits and then four, with at most a blank, a dot or a hyphen between them; or two capitals and two
# digits. It begins with plain characters, which ``re`` finds quickly.
_NUMBERS = later(b"00(?:0[ w]?0000|(?<=AA00))")


# --- secrets

# All but two kinds of secrets are letters, digits and the signs of words without anything else between, so many at
# least. Of the two, which may be shorter or have other signs, one of these lists stands near every secret.
_OTHERWISE = (("Q~",), ("@", "://"), ("@", r":\/\/"))
_RUN = WORD * SHORTEST
_WHOLE_RUN = later(WORD + b"+")
# As long, and in most files that hold a schema.
_KEYWORDS = (b"additionalProperties", b"unevaluatedProperties")


def _is_otherwise(text: str) -> bool:
    return any(all(part in text for part in parts) for parts in _OTHERWISE)


def _has_long(text: str, shape: bytes) -> bool:
    """Whether there is a run that is long enough for a secret."""
    # There are few of these in a text: to replace them is quicker than to make another shape.
    runs, end = shape.replace(DIGIT, WORD).replace(CAPITAL, WORD), 0
    raw = b""
    while (start := runs.find(_RUN, end)) >= 0:
        raw = raw or text.encode("utf-8", "surrogatepass")
        run = _WHOLE_RUN.match(runs, start)
        assert run
        end = run.end()
        if raw[start:end] not in _KEYWORDS:
            return True
    return False
