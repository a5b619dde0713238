"""How long a regular expression may search at worst, read off its parts.

Python's engine tries alternatives one after the other. What it can try at most is bounded by a product: one factor for
each place that leaves it a choice, and the text's length for where a match may begin. That holds as long as nothing
with a choice in it is repeated; where something is, no bound is given.
"""

from __future__ import annotations

import re
import warnings
from functools import lru_cache
from typing import Any

# Steps that the engine takes in a few hundredths of a second.
MAX_STEPS = 500_000
# A factor that depends on the text is written as this.
_LENGTH = -1


def cheap(pattern: str, length: int) -> bool:
    """Whether a search of ``length`` characters is certain to end at once."""
    factors = _factors(pattern)
    if factors is None:
        return False
    steps = 1
    for factor in factors:
        steps *= length + 1 if factor == _LENGTH else factor
        if steps > MAX_STEPS:
            return False
    return True


@lru_cache(maxsize=1024)
def _factors(pattern: str) -> tuple[int, ...] | None:
    try:
        from re import _parser  # type: ignore[attr-defined]

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed = list(_parser.parse(pattern))
    except (ImportError, re.error, RecursionError, OverflowError):
        return None
    anchored = bool(parsed) and str(parsed[0][0]) == "AT" and str(parsed[0][1]).startswith("AT_BEGINNING")
    found: list[int] = [] if anchored and not re.search(r"\(\?[a-z]*m", pattern) else [_LENGTH]
    return tuple(found) if _walk(parsed, found) else None


def _walk(items: Any, found: list[int]) -> bool:
    """Adds the factors of a sequence; False where there is something that has no bound here."""
    for kind, argument in items:
        name = str(kind)
        if name in ("LITERAL", "NOT_LITERAL", "ANY", "IN", "AT"):
            continue
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            least, most, body = argument
            if len(body) != 1 or str(body[0][0]) not in ("LITERAL", "NOT_LITERAL", "ANY", "IN"):
                return False
            unbounded = most > 1000  # the parser's own name for "any number"
            found.append(_LENGTH if unbounded else int(most) - int(least) + 1)
        elif name == "SUBPATTERN":
            if not _walk(argument[3], found):
                return False
        elif name == "BRANCH":
            found.append(len(argument[1]))
            if not all(_walk(branch, found) for branch in argument[1]):
                return False
        else:
            return False
    return True
