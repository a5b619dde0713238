"""Where many things stand in a file, found by a key: 16 bytes for each, and none of the keys themselves."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import compress


class Places:
    """Numbers of 64 bits (a part of a hash), each with places in a file, in the file's order.

    Several keys may share a number: whoever looks something up reads what stands there.
    """

    def __init__(self, found: Iterable[tuple[int, int]] = ()) -> None:
        # One integer each, so that sorting many of them needs no tuple for each.
        ordered = sorted(number << 64 | place for number, place in found)
        self._numbers = array("Q", (both >> 64 for both in ordered))
        self._places = array("Q", (both & _LOW for both in ordered))

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[int]:
        """All places, in the file's order."""
        return iter(sorted(self._places))

    def of(self, number: int) -> Sequence[int]:
        """The places of a number."""
        first = bisect_left(self._numbers, number)
        last = first
        while last < len(self._numbers) and self._numbers[last] == number:
            last += 1
        return self._places[first:last]

    def shared(self) -> Iterator[Sequence[int]]:
        """The places of each number that has several."""
        first = 0
        while first < len(self._numbers):
            last = first + 1
            while last < len(self._numbers) and self._numbers[last] == self._numbers[first]:
                last += 1
            if last - first > 1:
                yield self._places[first:last]
            first = last

    def drop(self, places: Collection[int]) -> None:
        """Forget these."""
        if places:
            kept = [place not in places for place in self._places]
            self._numbers = array("Q", compress(self._numbers, kept))
            self._places = array("Q", compress(self._places, kept))


_LOW = 2**64 - 1
