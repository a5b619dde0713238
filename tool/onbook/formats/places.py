"""Where each value of a YAML file stands, worked out as far as somebody asks: most files are asked about one or two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

Pointer = tuple[str | int, ...]


class Place(NamedTuple):
    """One value. ``key`` (of an item of a list: the item) and ``start`` are characters from the start of the text.

    Attributes:
        within: which of all starts of the file is the first of what is in the value.
    """

    key: int
    start: int
    value: object
    within: int


class Places:
    """The places of the values of one file.

    Args:
        data: dicts, lists and scalars.
        starts: where every key and value starts, in the order of the text.
    """

    __slots__ = ("_known", "_opened", "_sizes", "_starts")

    def __init__(self, data: object, starts: Sequence[int]) -> None:
        self._starts = starts
        self._known: dict[Pointer, Place] = {(): Place(starts[0], starts[0], data, 1)}
        self._opened: set[Pointer] = set()
        self._sizes: dict[int, int] = {}

    def nearest(self, pointer: Pointer) -> tuple[Pointer, Place]:
        """The place of a value, with its pointer; of a pointer that leads nowhere, those of its nearest ancestor."""
        known = self._known
        if pointer in known:
            return pointer, known[pointer]
        found: Pointer = ()
        for step in pointer:
            inner = (*found, step)
            if inner not in known:
                self._open(found)
                if inner not in known:
                    break
            found = inner
        return found, known[found]

    def _open(self, pointer: Pointer) -> None:
        """Work out where everything stands that is directly in a list or mapping."""
        if pointer in self._opened:
            return
        self._opened.add(pointer)
        known, starts = self._known, self._starts
        _, _, value, number = known[pointer]
        if isinstance(value, dict):
            for key, each in value.items():
                known[*pointer, key] = Place(starts[number], starts[number + 1], each, number + 2)
                number += 2 + self._size(each)
        elif isinstance(value, list):
            for index, each in enumerate(value):
                known[*pointer, index] = Place(starts[number], starts[number], each, number + 1)
                number += 1 + self._size(each)

    def _size(self, value: object) -> int:
        """How many starts there are within a value. Of a list or mapping it is counted once, however deep it stands."""
        if not isinstance(value, dict | list):
            return 0
        size = self._sizes.get(id(value))
        if size is None:
            parts = value.values() if isinstance(value, dict) else value
            size = len(value) * (2 if isinstance(value, dict) else 1)
            size += sum(self._size(part) for part in parts if isinstance(part, dict | list))
            self._sizes[id(value)] = size
        return size
