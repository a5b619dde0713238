"""Recordings: the answers that models really gave, one line a case, model and repeat, sorted so.

A recording answers one exact request, whose hash is its key. An unchanged key is never rewritten, so that a reviewer
sees in the pull request's own diff which answers moved.
"""

from __future__ import annotations

import heapq
import json
from array import array
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import replace
from itertools import compress, islice
from pathlib import Path

from onbook.errors import OnbookError
from onbook.files import write_atomic
from onbook.formats.bounds import MAX_FLAWS
from onbook.formats.rows import BOM
from onbook.repo.stored import Laid, Stored
from onbook.report import Problem
from onbook.testing.places import Numbers, Places, number_of
from onbook.testing.recording import Recording, Slot, WrongLineError, read_line, recording_of
from onbook.testing.request import Request


class Recordings:
    """The recordings of one prompt, by key. A line that was read is written back as it stood.

    Of the file only the place of each key's line is kept, and what is added is laid aside; a line is read again when
    it is asked for, so that memory does not grow with what the answers and requests say.

    Attributes:
        problems: what is wrong with the file.
        torn: a last line that was never ended, as a killed run may leave one; recording again drops it.
    """

    def __init__(self, problems: Iterable[Problem] = ()) -> None:
        self._stored = Stored()
        self._added = Laid()
        # By the beginning of each key's hash: the place in the file, or with _ADDED that of a line that was added.
        self._places = Places()
        self._slots: Places | None = None
        self._last: Recording | None = None
        self.problems = list(problems)
        self.torn: Problem | None = None

    @staticmethod
    def read(raw: bytes | Stored, path: str) -> Recordings:
        """Read a recordings file. Wrong lines are problems; one key with two answers is one, and neither counts."""
        found = Recordings()
        found._stored = stored = raw if isinstance(raw, Stored) else Stored(raw)

        def places() -> Iterator[tuple[int, int]]:
            for number, (start, line) in enumerate(stored.lines(), 1):
                if not line or line.isspace():
                    continue
                try:
                    yield _number_of(read_line(line, path, number).key), start
                except WrongLineError as wrong:
                    if (
                        start + len(line) == stored.size
                        and line.startswith(b"{")
                        and wrong.problem.code == "row-syntax"
                    ):
                        found.torn = replace(wrong.problem, hint=_TORN)
                    else:
                        found.problems.append(wrong.problem)
                    if len(found.problems) >= MAX_FLAWS:
                        break

        found._places = Places(places())
        found._settle(path)
        return found

    def _settle(self, path: str) -> None:
        """Of lines with the same key one counts if they say the same, and none if they do not."""
        lines: dict[int, Recording] = {}
        clashing: dict[int, Recording] = {}
        surplus: set[int] = set()
        for places in self._places.shared():
            first: dict[str, int] = {}
            for place in places:
                lines[place] = recording = self._at(place)
                before = first.setdefault(recording.key, place)
                if before == place:
                    continue
                surplus.add(place)
                if _said(lines[before]) != _said(recording):
                    clashing[place] = recording
                    surplus.add(before)
        self._drop(surplus)
        if clashing:
            for place, number in self._line_numbers(sorted(clashing)):
                message = f"case {clashing[place].case!r} has two answers to one request (a bad merge?)"
                hint = "delete both lines and run `onbook test --record`"
                self.problems.append(Problem("recording-clash", message, path, number, hint=hint))
            self.problems.sort(key=lambda problem: problem.line or 0)
            del self.problems[MAX_FLAWS:]

    def get(self, key: str) -> Recording | None:
        """The answer to one exact request, or None."""
        if self._last is not None and self._last.key == key:
            return self._last
        for place in self._places.of(_number_of(key)):
            found = self._at(place)
            if found.key == key:
                self._last = found
                return found
        return None

    def is_of(self, stored: Stored) -> bool:
        """Whether these are the bytes that were read."""
        return self._stored.is_of(stored)

    def line(self, key: str) -> bytes:
        """The line of a key that is recorded, without its end."""
        return next(
            line
            for place in self._places.of(_number_of(key))
            if (line := self._line(place)) and self._parsed(line).key == key
        )

    def numbered(self) -> Iterator[tuple[int, Recording]]:
        """What was read, each with the number of its line, in the order of the lines."""
        for place, number in self._line_numbers(place for place in self._places if place < _ADDED):
            yield number, self._at(place)

    def add(self, recording: Recording) -> bytes:
        """Keep an answer, and return its line. One that is kept already is never replaced.

        Raises:
            RecordingError: the line could not be read again.
        """
        if self.get(recording.key) is not None:
            return self.line(recording.key)
        line = recording.line()
        self._places.add(_number_of(recording.key), self._added.add(line) | _ADDED)
        self._slots = None
        return line

    def nearest(self, case: str, request: Request, step: str | None = None) -> Recording | None:
        """An older answer to the same case, model and repeat (of a step of a chain): what a miss is compared with."""
        slot: Slot = (case, request.model, request.repeat, f"step {step}" if step else None)
        if self._slots is None:
            self._slots = Places((number_of(self._at(place).slot), place) for place in self._places)
        found = (self._at(place) for place in self._slots.of(number_of(slot)))
        return next((recording for recording in found if recording.slot == slot), None)

    def drop_stale(self, needed: Container[str]) -> int:
        """Drop what a newer answer has replaced: not needed, while one of its case, model and repeat is.

        Args:
            needed: the keys that today's cases ask for, on every model of the suite.

        Returns:
            How many were dropped.
        """
        places, slots, asked = array("Q", self._places), array("Q"), bytearray()
        for place in places:
            held = self._at(place)
            slots.append(number_of(held.slot))
            asked.append(held.key in needed)
        answered = Numbers(compress(slots, asked))
        return self._drop(
            place
            for place, slot, is_asked in zip(places, slots, asked, strict=True)
            if not is_asked and slot in answered
        )

    def drop_orphans(self, needed: Container[str], waiting: Callable[[Recording], bool]) -> int:
        """Drop what nobody asks for. What waits for a newer answer stays: until then it says what changed.

        Args:
            needed: as for :meth:`drop_stale`; waiting: whether what is not needed belongs to something that there is.
        """
        every = ((place, self._at(place)) for place in self._places)
        return self._drop(place for place, held in every if held.key not in needed and not waiting(held))

    def __iter__(self) -> Iterator[Recording]:
        return map(self._at, self._in_order())

    def unsorted(self) -> Iterator[Recording]:
        """All of them as they stand, where their order is no matter."""
        return map(self._at, self._places)

    def __len__(self) -> int:
        return len(self._places)

    def write(self, path: Path) -> None:
        """Write all, sorted, in one step: a killed process leaves the old file or the new one."""
        write_atomic(path, (self._line(place) + b"\n" for place in self._in_order()))

    def _in_order(self) -> Iterator[int]:
        """All places, sorted by what stands there: some at a time, and then merged, so that few are held."""

        def ordered(places: Iterable[int]) -> Iterator[tuple[tuple[str, str, str, int, str], int]]:
            return ((self._at(place).order, place) for place in places)

        runs: list[array[int]] = []
        unsorted = iter(self._places)
        while some := list(islice(unsorted, _RUN)):
            runs.append(array("Q", (place for _, place in sorted(ordered(some)))))
        if len(runs) < 2:
            return iter(runs[0] if runs else ())
        return (place for _, place in heapq.merge(*map(ordered, runs)))

    def _line(self, place: int) -> bytes:
        if place & _ADDED:
            return self._added.line(place ^ _ADDED)
        return self._stored.line(place).removeprefix(BOM).strip()

    def _at(self, place: int) -> Recording:
        return self._parsed(self._line(place))

    def _parsed(self, line: bytes) -> Recording:
        try:
            return recording_of(json.loads(line))
        except (ValueError, KeyError, TypeError, AssertionError):
            hint = "run the same command again"
            raise OnbookError("the recordings were changed while they were read", hint=hint) from None

    def _line_numbers(self, wanted: Iterable[int]) -> Iterator[tuple[int, int]]:
        """These places, in the order of the file, each with the number of the line that begins there."""
        waiting = iter(wanted)
        next_one = next(waiting, None)
        for number, (start, _) in enumerate(self._stored.lines(), 1):
            if next_one is None:
                return
            if start == next_one:
                yield start, number
                next_one = next(waiting, None)

    def _drop(self, places: Iterable[int]) -> int:
        gone = Numbers(places)
        if len(gone):
            self._places.drop(gone)
            self._last = self._slots = None
        return len(gone)


def _number_of(key: str) -> int:
    """The first 64 bits of a key's hash; 0 for what is no key."""
    try:
        return int(key[7:23], 16) & _64_BITS
    except ValueError:
        return 0


_64_BITS = 2**64 - 1
_ADDED = 1 << 62
_RUN = 1024


class Keys:
    """The keys of requests that are wanted, 8 bytes for each."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._numbers = Numbers(map(_number_of, keys))

    def __contains__(self, key: object) -> bool:
        return _number_of(str(key)) in self._numbers


_TORN = "a run was ended here: `onbook test --record` drops the line and asks again"


def _said(recording: Recording) -> tuple[object, ...]:
    answer = recording.response
    return answer.text, answer.tool_calls, answer.finish
