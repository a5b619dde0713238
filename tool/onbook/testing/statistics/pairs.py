"""One case on both sides, and many of them in little room."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import overload


@dataclass(frozen=True, slots=True)
class Pair:
    """One case on both sides.

    Attributes:
        old, new: a score for each repeat, 0 to 1; at least one.
        cluster: cases that rise and fall together (one customer, one document) share it; None stands alone.
    """

    case: str
    old: tuple[float, ...]
    new: tuple[float, ...]
    cluster: str | None = None

    @property
    def difference(self) -> float:
        """The mean of the new scores minus the mean of the old ones."""
        return fmean(self.new) - fmean(self.old)

    @property
    def binary(self) -> bool:
        """Whether each side is a single yes or no."""
        return len(self.old) == len(self.new) == 1 and {*self.old, *self.new} <= {0.0, 1.0}

    @property
    def flaky(self) -> bool:
        """Whether repeats of one side disagree."""
        return len(set(self.old)) > 1 or len(set(self.new)) > 1


# The bytes of the case's id, the cluster's number (0: none), and how many scores each side has; id and scores follow.
_HEAD = struct.Struct("=IIHH")


class Pairs(Sequence[Pair]):
    """Pairs in the order in which they came, some 50 bytes each and no object."""

    def __init__(self, pairs: Iterable[Pair] = ()) -> None:
        self._data = bytearray()
        self._starts = array("Q")
        self._clusters: dict[str, int] = {}
        self._names: list[str | None] = [None]
        for pair in pairs:
            self.add(pair)

    def add(self, pair: Pair) -> None:
        """One more."""
        number = 0
        if pair.cluster is not None:
            number = self._clusters.setdefault(pair.cluster, len(self._names))
            if number == len(self._names):
                self._names.append(pair.cluster)
        name = pair.case.encode("utf-8", "surrogatepass")
        self._starts.append(len(self._data))
        self._data += _HEAD.pack(len(name), number, len(pair.old), len(pair.new)) + name
        self._data += array("d", (*pair.old, *pair.new)).tobytes()

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, index: int) -> Pair: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Pair]: ...
    def __getitem__(self, index: int | slice) -> Pair | Sequence[Pair]:
        if isinstance(index, slice):
            return [self._at(start) for start in self._starts[index]]
        return self._at(self._starts[index])

    def __iter__(self) -> Iterator[Pair]:
        return map(self._at, self._starts)

    def _at(self, start: int) -> Pair:
        length, cluster, old, new = _HEAD.unpack_from(self._data, start)
        start += _HEAD.size
        case = self._data[start : start + length].decode("utf-8", "surrogatepass")
        scores = struct.unpack_from(f"={old + new}d", self._data, start + length)
        return Pair(case, scores[:old], scores[old:], self._names[cluster])
