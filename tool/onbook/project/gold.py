"""A gold set of many cases: where each stands, and nothing of what it says. A case is read again when it is wanted."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import overload

from onbook.errors import OnbookError
from onbook.prompt import Case, Json
from onbook.repo.stored import Stored

MakeCase = Callable[[Json, int | None], Case]


class Lines(Sequence[Case]):
    """The cases of one file of JSON lines that has been read and found sound.

    Args:
        path: where they stand; stored: the file's bytes; make: a case of a row and its line.
    """

    def __init__(self, path: str, stored: Stored, make: MakeCase) -> None:
        self._path = path
        self._stored = stored
        self._make = make
        self._starts = array("Q")
        self._numbers = array("L")

    def note(self, start: int, line: int) -> None:
        """One more case, which begins at a place."""
        self._starts.append(start)
        self._numbers.append(line)

    def drop(self, index: int) -> None:
        """One case less."""
        del self._starts[index], self._numbers[index]

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, index: int) -> Case: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Case]: ...
    def __getitem__(self, index: int | slice) -> Case | Sequence[Case]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        number = self._numbers[index]
        try:
            return self._make(json.loads(self._stored.line(self._starts[index]).decode("utf-8-sig")), number)
        except (ValueError, KeyError, TypeError, AttributeError):
            hint = "run the same command again"
            raise OnbookError(
                "the file was changed while it was read", place=f"{self._path}:{number}", hint=hint
            ) from None


class Gold(Sequence[Case]):
    """The cases of several files, one after another."""

    def __init__(self, parts: Iterable[Sequence[Case]]) -> None:
        self._parts = tuple(parts)

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __iter__(self) -> Iterator[Case]:
        for part in self._parts:
            yield from part

    @overload
    def __getitem__(self, index: int) -> Case: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Case]: ...
    def __getitem__(self, index: int | slice) -> Case | Sequence[Case]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        left = index + len(self) if index < 0 else index
        for part in self._parts:
            if 0 <= left < len(part):
                return part[left]
            left -= len(part)
        raise IndexError(index)


def repeated(parts: Iterable[Sequence[Case]]) -> frozenset[int]:
    """Hashes of the ids that may stand more than once: all that do are among them."""
    hashes = array("q", (hash(case.id) for part in parts for case in part))
    ordered = sorted(hashes)
    return frozenset(one for one, other in pairwise(ordered) if one == other)
