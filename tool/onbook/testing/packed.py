"""The results of many cases, small: a case that passed as thousands of others did takes some 70 bytes and no object."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import overload

from onbook.testing.results import CaseResult, RepeatResult

# The case's place and line (0 where it has none), its shape, and the bytes of its id; then for each repeat its number,
# the bytes of its key, and its score.
_HEAD = struct.Struct("=QQQI")
_REPEAT = struct.Struct("=I32sd")

_Shape = tuple[object, ...]


class Packed(Sequence[CaseResult]):
    """Results in the order in which they came. What differs from case to case is packed; what many have in common (all
    that has nothing to tell) is held once.
    """

    def __init__(self, results: Iterable[CaseResult] = ()) -> None:
        self._data = bytearray()
        self._starts = array("Q")
        self._shapes: dict[_Shape, int] = {}
        self._models: list[CaseResult] = []
        for result in results:
            self._add(result)

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[CaseResult]:
        for start in self._starts:
            yield self._at(start)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return False
        return all(one == another for one, another in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    @overload
    def __getitem__(self, index: int) -> CaseResult: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[CaseResult]: ...
    def __getitem__(self, index: int | slice) -> CaseResult | Sequence[CaseResult]:
        if isinstance(index, slice):
            return [self._at(start) for start in self._starts[index]]
        return self._at(self._starts[index])

    def _add(self, result: CaseResult) -> None:
        shape = _shape(result)
        number = self._shapes.get(shape)
        if number is None:
            number = self._shapes[shape] = len(self._models)
            self._models.append(result)
        name = result.id.encode("utf-8", "surrogatepass")
        self._starts.append(len(self._data))
        self._data += _HEAD.pack(result.number, result.line or 0, number, len(name)) + name
        for repeat in result.repeats:
            self._data += _REPEAT.pack(repeat.repeat, _digest(repeat.key), repeat.score)

    def _at(self, start: int) -> CaseResult:
        number, line, shape, length = _HEAD.unpack_from(self._data, start)
        start += _HEAD.size
        id = self._data[start : start + length].decode("utf-8", "surrogatepass")
        start += length
        model = self._models[shape]
        repeats = []
        for like in model.repeats:
            repeat, digest, score = _REPEAT.unpack_from(self._data, start)
            start += _REPEAT.size
            key = _PREFIX + digest.hex() if _is_hash(like.key) else like.key
            repeats.append(
                RepeatResult(
                    repeat, key, like.state, score, like.reasons, like.hint, like.missed, like.drift, like.doubts,
                    like.labels, like.steps, like.undecided,
                )
            )  # fmt: skip
        return CaseResult(
            id, number, model.path, line or None, model.cluster, model.xfail, model.bare, tuple(repeats), model.faults,
            model.expected,
        )  # fmt: skip


_PREFIX = "sha256:"


def _is_hash(key: str) -> bool:
    return key.startswith(_PREFIX) and len(key) == len(_PREFIX) + 64


def _digest(key: str) -> bytes:
    return bytes.fromhex(key.removeprefix(_PREFIX)) if _is_hash(key) else b""


def _shape(result: CaseResult) -> _Shape:
    """All of a result but what is packed."""
    return (
        result.path, result.cluster, result.xfail, result.bare, result.faults, _items(result.expected),
        tuple(
            (
                repeat.state, repeat.reasons, repeat.hint, repeat.missed, repeat.drift, repeat.doubts,
                _items(repeat.labels), _items(repeat.steps), "" if _is_hash(repeat.key) else repeat.key,
                repeat.undecided,
            )
            for repeat in result.repeats
        ),
    )  # fmt: skip


def _items(mapping: Mapping[str, str | None]) -> tuple[tuple[str, str | None], ...]:
    return tuple(mapping.items()) if mapping else ()
