"""Where many things stand in a file, found by a key: 16 bytes for each, and none of the keys themselves. And whether
something is one of many: 8 bytes for each.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Container, Hashable, Iterable, Iterator, Sequence
from itertools import chain, compress


class Places:
    """Numbers of 64 bits (a part of a hash), each with places in a file, in the file's order.

    Several keys may share a number: whoever looks something up reads what stands there.
    """

    def __init__(self, found: Iterable[tuple[int, int]] = ()) -> None:
        self._numbers, self._places = array("Q"), array("Q")
        self._late: dict[int, list[int]] = {}
        self._order(found)

    def __len__(self) -> int:
        return len(self._places) + sum(map(len, self._late.values()))

    def __iter__(self) -> Iterator[int]:
        """All places, in the file's order."""
        self._settle()
        return iter(sorted(self._places))

    def add(self, number: int, place: int) -> None:
        """One more place."""
        self._late.setdefault(number, []).append(place)
        # Few at a time are taken in, so that their objects never are many, and sorting them never is often.
        if len(self._late) > _LATE:
            self._settle()

    def of(self, number: int) -> Sequence[int]:
        """The places of a number."""
        first = bisect_left(self._numbers, number)
        last = first
        while last < len(self._numbers) and self._numbers[last] == number:
            last += 1
        return [*self._places[first:last], *self._late.get(number, ())]

    def shared(self) -> Iterator[Sequence[int]]:
        """The places of each number that has several."""
        self._settle()
        first = 0
        while first < len(self._numbers):
            last = first + 1
            while last < len(self._numbers) and self._numbers[last] == self._numbers[first]:
                last += 1
            if last - first > 1:
                yield self._places[first:last]
            first = last

    def drop(self, places: Container[int]) -> None:
        """Forget these."""
        self._settle()
        kept = bytearray(place not in places for place in self._places)
        self._numbers = array("Q", compress(self._numbers, kept))
        self._places = array("Q", compress(self._places, kept))

    def _settle(self) -> None:
        if self._late:
            late = ((number, place) for number, places in self._late.items() for place in places)
            self._order(chain(zip(self._numbers, self._places, strict=True), late))
            self._late = {}

    def _order(self, found: Iterable[tuple[int, int]]) -> None:
        # One integer each, so that sorting many of them needs no tuple for each.
        ordered = sorted(number << 64 | place for number, place in found)
        self._numbers = array("Q", (both >> 64 for both in ordered))
        self._places = array("Q", (both & _LOW for both in ordered))


class Numbers:
    """Numbers of 64 bits, of which is asked whether one is among them."""

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        self._numbers = array("Q", sorted(array("Q", numbers)))

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, number: object) -> bool:
        assert isinstance(number, int)
        index = bisect_left(self._numbers, number)
        return index < len(self._numbers) and self._numbers[index] == number

    def __iter__(self) -> Iterator[int]:
        """Each of them once, the smallest first."""
        before = None
        for number in self._numbers:
            if number != before:
                yield number
            before = number


def number_of(value: Hashable) -> int:
    """A number of 64 bits that stands for a value in this process."""
    return hash(value) & _LOW


_LOW = 2**64 - 1
_LATE = 1024
