"""The length of the longest common subsequence, in one step for each item.

H. Hyyrö, Bit-parallel LCS-length computation revisited, AWOCA 2004.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence


def common_length(one: Sequence[str]) -> Callable[[Sequence[str]], int]:
    """What tells of any other sequence how many items it has in common with this one, in order and with gaps.

    This one is looked at once, for as many others as there are: one bit for each of its items.
    """
    size = len(one)
    everywhere = (1 << size) - 1
    places: dict[str, int] = {}
    for index, item in enumerate(one):
        places[item] = places.get(item, 0) | 1 << index

    def length(other: Sequence[str]) -> int:
        row = everywhere
        for item in other:
            matched = row & places.get(item, 0)
            # Without the bits that are carried beyond the last item, or a row would grow with every step.
            row = ((row + matched) | (row - matched)) & everywhere
        return size - row.bit_count()

    return length
