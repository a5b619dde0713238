"""Where the lines of a text begin."""

from __future__ import annotations

from itertools import accumulate, count
from operator import add


def line_starts(text: str) -> list[int]:
    """The offset of the first character of each line; only ``\\n`` ends one, and the last may be empty."""
    return list(map(add, accumulate(map(len, text.split("\n")[:-1]), initial=0), count()))
