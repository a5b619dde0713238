"""Recordings: the answers that models really gave, one line a case, model and repeat, sorted so.

A recording answers one exact request, whose hash is its key. An unchanged key is never rewritten, so that a reviewer
sees in the pull request's own diff which answers moved.
"""

from __future__ import annotations

import heapq
import json
from array import array
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import compress, islice
from pathlib import Path

from onbook import __version__, resources
from onbook.contract import Contract
from onbook.errors import OnbookError
from onbook.files import write_atomic
from onbook.formats import read_rows, write_json_line
from onbook.formats.compose import MAX_DEPTH, MAX_FLAWS
from onbook.formats.rows import BOM, MAX_LINE_BYTES
from onbook.repo.stored import Laid, Stored
from onbook.report import Problem
from onbook.testing.models import Request, Response, key_of
from onbook.testing.places import Numbers, Places, number_of

Slot = tuple[str, str, int, str | None]


class RecordingError(OnbookError):
    """An answer that cannot be recorded, because nobody could read it back."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded answer.

    Attributes:
        case: the case's id; model, repeat: which of its answers.
        key: of the request; request: the canonical request itself, so that a miss can say what changed.
        assertion: the assertion whose judge gave this answer, None for the answer of the prompt itself.
        step: the step of the case's chain that this answers, None for the last, which is the prompt itself.
    """

    case: str
    model: str
    repeat: int
    key: str
    request: Mapping[str, object]
    response: Response
    onbook: str = __version__
    assertion: str | None = None
    step: str | None = None

    @staticmethod
    def of(
        case: str, request: Request, response: Response, assertion: str | None = None, step: str | None = None
    ) -> Recording:
        """The recording of an answer that has just arrived."""
        return Recording(
            case,
            request.model,
            request.repeat,
            request.key(),
            request.canonical(),
            response,
            assertion=assertion,
            step=step,
        )

    def row(self) -> dict[str, object]:
        """The line as it is written; see schemas/recording.schema.json."""
        answer = self.response
        return {
            "case": self.case,
            **({"assertion": self.assertion} if self.assertion else {}),
            **({"step": self.step} if self.step else {}),
            "model": self.model,
            "repeat": self.repeat,
            "key": self.key,
            "request": self.request,
            "response": {
                "text": answer.text,
                "tool_calls": list(answer.tool_calls),
                "finish": answer.finish,
                "model": answer.model,
            },
            "usage": dict(answer.usage),
            "latency_ms": answer.latency_ms,
            "cost": answer.cost,
            "onbook": self.onbook,
            "engine": answer.engine,
        }

    def line(self) -> bytes:
        """The line as bytes, without its end, proved by reading it.

        Raises:
            RecordingError: it could not be written, or nobody could read it again.
        """
        try:
            line = write_json_line(self.row()).encode()
        except UnicodeEncodeError:
            raise RecordingError("it holds half a character (a lone surrogate), which no file can") from None
        except ValueError as error:
            raise RecordingError(str(error)) from None
        try:
            _read(line, ".jsonl", 1)
        except _WrongLineError as wrong:
            raise RecordingError(wrong.problem.message) from None
        return line

    @property
    def slot(self) -> Slot:
        """Whose answer it is: a case's, on a model, in a repeat, or of an assertion's judge of that."""
        return self.case, self.model, self.repeat, f"step {self.step}" if self.step else self.assertion

    @property
    def order(self) -> tuple[str, str, str, int, str]:
        """By case, then the answer before its judges, then model and repeat."""
        return self.case, self.step or self.assertion or "", self.model, self.repeat, self.key


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
                    yield _number_of(_read(line, path, number).key), start
                except _WrongLineError as wrong:
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
            return _recording(json.loads(line))
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


_BY_HAND = "recordings are written by `onbook test --record`, never by hand: delete the line and record again"


_TORN = "a run was ended here: `onbook test --record` drops the line and asks again"


class _WrongLineError(Exception):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def _read(line: bytes, path: str, number: int) -> Recording:
    """Raises _WrongLineError."""
    row = _as_written(line)
    if row is None:
        rows, problems = read_rows(line, ".jsonl")
        if problems:
            raise _WrongLineError(replace(problems[0], path=path, line=number))
        row = rows[0].data
    if not _contract().accepts(row):
        wrong = _contract().violations(row)[0]
        message = f"this recording is wrong: {'/'.join(map(str, wrong.pointer))}: {wrong.message}"
        raise _WrongLineError(Problem("row-shape", message, path, number, hint=_BY_HAND))
    recording = _recording(row)
    if not _belongs(recording):
        message = f"this recording of case {recording.case!r} does not belong to the request that it shows"
        raise _WrongLineError(Problem("recording-forged", message, path, number, hint=_BY_HAND))
    return recording


def _as_written(line: bytes) -> dict[str, object] | None:
    """The row of a line exactly as onbook writes it, or None. That it is written back the same proves that it holds
    nothing which the careful reader looks for, such as a key that stands twice."""
    if line.count(b"{") + line.count(b"[") > MAX_DEPTH or len(line) > MAX_LINE_BYTES:
        return None
    try:
        row = json.loads(line)
        return row if isinstance(row, dict) and write_json_line(row).encode() == line else None
    except (ValueError, RecursionError):
        return None


def _belongs(recording: Recording) -> bool:
    request = recording.request
    labels = (request.get("model", recording.model), request.get("repeat", 0))
    return key_of(request) == recording.key and labels == (recording.model, recording.repeat)


def _said(recording: Recording) -> tuple[object, ...]:
    answer = recording.response
    return answer.text, answer.tool_calls, answer.finish


@cache
def _contract() -> Contract:
    return Contract(resources.schema("recording"))


def _recording(row: Mapping[str, object]) -> Recording:
    # The schema has been checked; json gives plain data, which the casts below only name.
    response, usage, request = row["response"], row.get("usage") or {}, row["request"]
    assert isinstance(response, Mapping)
    assert isinstance(usage, Mapping)
    assert isinstance(request, Mapping)
    cost = row.get("cost")
    return Recording(
        case=str(row["case"]),
        model=str(row["model"]),
        repeat=int(_number(row["repeat"])),
        key=str(row["key"]),
        request=request,
        response=Response(
            text=str(response.get("text") or ""),
            tool_calls=tuple(response.get("tool_calls") or ()),
            finish=str(response.get("finish") or ""),
            model=str(response.get("model") or ""),
            usage={name: int(count) for name, count in usage.items() if isinstance(count, int | float)},
            latency_ms=round(_number(row.get("latency_ms"))),
            cost=None if cost is None else float(_number(cost)),
            engine=str(row.get("engine") or ""),
        ),
        onbook=str(row.get("onbook") or ""),
        assertion=None if row.get("assertion") is None else str(row["assertion"]),
        step=None if row.get("step") is None else str(row["step"]),
    )


def _number(value: object) -> int | float:
    return value if isinstance(value, int | float) else 0
