"""Where the lines of a text begin."""

from __future__ import annotations

from array import array
from functools import lru_cache
from itertools import accumulate, count
from operator import add


@lru_cache(maxsize=16)
def line_starts(text: str) -> array[int]:
    """The offset of the first character of each line; only ``\\n`` ends one, and the last may be empty.

    Whoever tells of one place in a text tells of others: the last few texts are remembered.
    """
    return array("L", map(add, accumulate(map(len, text.split("\n")[:-1]), initial=0), count()))
