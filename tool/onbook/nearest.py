"""The nearest of many names, as :func:`difflib.get_close_matches` finds it, in a fraction of the time.

Its ratio is twice the matched characters by the length of both. What it matches is a common subsequence, so the longest
one bounds the ratio from above; its length takes a step for each letter, and nearly every name is passed over by it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from onbook.subsequence import common_length

if TYPE_CHECKING:
    from difflib import SequenceMatcher

CUTOFF = 0.6
_LONG = 200


def nearest(word: str, names: Iterable[str], cutoff: float = CUTOFF) -> str | None:
    """What ``get_close_matches(word, names, n=1, cutoff=cutoff)`` finds, or None."""
    matcher: SequenceMatcher[str] | None = None
    best, found = cutoff, None
    for name in names:
        total = len(word) + len(name)
        if total and 2.0 * min(len(word), len(name)) / total < best:
            continue
        # The prompts of a repository use the same names again and again; long ones are no names.
        common = _remembered(word, name) if total < _LONG else common_length(word)(name)
        if total and 2.0 * common / total < best:
            continue
        if matcher is None:
            from difflib import SequenceMatcher  # most names are passed over, and most runs are nearest to nothing

            matcher = SequenceMatcher()
            matcher.set_seq2(word)
        matcher.set_seq1(name)
        ratio = matcher.ratio()
        # Of two that are as near, difflib takes the greater.
        if ratio > best or (ratio == best and (found is None or name > found)):
            best, found = ratio, name
    return found


@lru_cache(maxsize=4096)
def _remembered(word: str, name: str) -> int:
    return common_length(word)(name)
