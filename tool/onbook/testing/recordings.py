"""Recordings: the answers that models really gave, one line a case, model and repeat, sorted so.

A recording answers one exact request, whose hash is its key. An unchanged key is never rewritten, so that a reviewer
sees in the pull request's own diff which answers moved.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from onbook import __version__, resources
from onbook.contract import Contract
from onbook.errors import OnbookError
from onbook.files import write_atomic
from onbook.formats import read_rows, write_json_line
from onbook.report import Problem
from onbook.testing.models import Request, Response, key_of


class RecordingError(OnbookError):
    """An answer that cannot be recorded, because nobody could read it back."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded answer.

    Attributes:
        case: the case's id; model, repeat: which of its answers.
        key: of the request; request: the canonical request itself, so that a miss can say what changed.
        assertion: the assertion whose judge gave this answer, None for the answer of the prompt itself.
    """

    case: str
    model: str
    repeat: int
    key: str
    request: Mapping[str, object]
    response: Response
    onbook: str = __version__
    assertion: str | None = None

    @staticmethod
    def of(case: str, request: Request, response: Response, assertion: str | None = None) -> Recording:
        """The recording of an answer that has just arrived."""
        return Recording(
            case, request.model, request.repeat, request.key(), request.canonical(), response, assertion=assertion
        )

    def row(self) -> dict[str, object]:
        """The line as it is written; see schemas/recording.schema.json."""
        answer = self.response
        return {
            "case": self.case,
            **({"assertion": self.assertion} if self.assertion else {}),
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
        if problems := Recordings.read(line, ".jsonl").problems:
            raise RecordingError(problems[0].message)
        return line

    @property
    def order(self) -> tuple[str, str, str, int, str]:
        """By case, then the answer before its judges, then model and repeat."""
        return self.case, self.assertion or "", self.model, self.repeat, self.key


class Recordings:
    """The recordings of one prompt, by key. A line that was read is written back as it stood."""

    def __init__(self, problems: Iterable[Problem] = ()) -> None:
        self._by_key: dict[str, Recording] = {}
        self._lines: dict[str, bytes] = {}
        self.problems = list(problems)

    @staticmethod
    def read(raw: bytes, path: str) -> Recordings:
        """Read a recordings file. Wrong lines are problems; one key with two answers is one, and neither counts."""
        rows, problems = read_rows(raw, path)
        lines = raw.split(b"\n")
        found = Recordings(problems)
        clashing: set[str] = set()
        for row in rows:
            wrong = _contract().violations(row.data)
            if wrong:
                message = f"this recording is wrong: {'/'.join(map(str, wrong[0].pointer))}: {wrong[0].message}"
                found.problems.append(Problem("row-shape", message, path, row.line, hint=_BY_HAND))
                continue
            recording = _recording(row.data)
            if not _belongs(recording):
                message = f"this recording of case {recording.case!r} does not belong to the request that it shows"
                found.problems.append(Problem("recording-forged", message, path, row.line, hint=_BY_HAND))
                continue
            first = found._by_key.get(recording.key)
            if first is None:
                line = lines[row.line - 1].removeprefix(b"\xef\xbb\xbf").strip()
                found._keep(recording, line)
            elif _said(first) != _said(recording):
                clashing.add(recording.key)
                message = f"case {recording.case!r} has two answers to one request (a bad merge?)"
                hint = "delete both lines and run `onbook test --record`"
                found.problems.append(Problem("recording-clash", message, path, row.line, hint=hint))
        for key in clashing:
            found._drop(key)
        return found

    def get(self, key: str) -> Recording | None:
        """The answer to one exact request, or None."""
        return self._by_key.get(key)

    def add(self, recording: Recording) -> bytes:
        """Keep an answer, and return its line. One that is kept already is never replaced.

        Raises:
            RecordingError: the line could not be read again.
        """
        if recording.key not in self._lines:
            self._keep(recording, recording.line())
        return self._lines[recording.key]

    def nearest(self, case: str, request: Request) -> Recording | None:
        """An older answer to the same case, model and repeat: what a miss is compared with."""
        wanted = (case, request.model, request.repeat, None)
        return next((r for r in self._by_key.values() if _slot(r) == wanted), None)

    def drop_stale(self, needed: Collection[str]) -> None:
        """Drop what a newer answer has replaced: not needed, while one of its case, model and repeat is.

        Args:
            needed: the keys that today's cases ask for, on every model of the suite.
        """
        renewed = {_slot(recording) for key, recording in self._by_key.items() if key in needed}
        for key, recording in list(self._by_key.items()):
            if key not in needed and _slot(recording) in renewed:
                self._drop(key)

    def __iter__(self) -> Iterator[Recording]:
        return iter(sorted(self._by_key.values(), key=lambda recording: recording.order))

    def __len__(self) -> int:
        return len(self._by_key)

    def write(self, path: Path) -> None:
        """Write all, sorted, in one step: a killed process leaves the old file or the new one."""
        write_atomic(path, b"".join(self._lines[recording.key] + b"\n" for recording in self))

    def _keep(self, recording: Recording, line: bytes) -> None:
        self._by_key[recording.key] = recording
        self._lines[recording.key] = line

    def _drop(self, key: str) -> None:
        del self._by_key[key], self._lines[key]


class Journal:
    """A recordings file while answers arrive. Each is appended at once, so that what has been paid for survives
    whatever comes next; at the end the file is sorted in one step. If nothing arrives the file stays as it is.

    Raises:
        OnbookError: the file cannot be written; on entering, before anything is asked.
    """

    def __init__(self, recordings: Recordings, path: Path) -> None:
        self.recordings = recordings
        self.path = path
        self.arrived = 0

    def __enter__(self) -> Journal:
        self._new = not self.path.exists()
        with self._told():
            self._file = self.path.open("ab+")
            size = self._file.seek(0, os.SEEK_END)
            self._file.seek(max(size - 1, 0))
            self._unended = self._file.read(1) not in (b"", b"\n")
        return self

    def keep(self, recording: Recording) -> None:
        """Keep an answer.

        Raises:
            RecordingError: it cannot be recorded; nothing was written.
            OnbookError: the file cannot be written.
        """
        line = self.recordings.add(recording)
        with self._told():
            size = self._file.seek(0, os.SEEK_END)
            try:
                self._file.write(b"\n" * self._unended + line + b"\n")
                self._file.flush()
            except OSError:
                self._file.truncate(size)  # half a line would make the file unreadable
                raise
        self._unended = False
        self.arrived += 1

    def __exit__(self, *_: object) -> None:
        with self._told():
            self._file.close()
            if self.arrived:
                self.recordings.write(self.path)
            elif self._new:
                self.path.unlink()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OnbookError(
                f"the recordings cannot be written: {error.strerror}",
                place=str(self.path),
                hint="make room or set its permissions, and run `onbook test --record` again: what arrived is kept",
            ) from None


_BY_HAND = "recordings are written by `onbook test --record`, never by hand: delete the line and record again"


def _belongs(recording: Recording) -> bool:
    request = recording.request
    labels = (request.get("model", recording.model), request.get("repeat", 0))
    return key_of(request) == recording.key and labels == (recording.model, recording.repeat)


def _slot(recording: Recording) -> tuple[str, str, int, str | None]:
    return recording.case, recording.model, recording.repeat, recording.assertion


def _said(recording: Recording) -> tuple[object, ...]:
    answer = recording.response
    return answer.text, answer.tool_calls, answer.finish


def what_changed(old: Mapping[str, object], new: Mapping[str, object]) -> str:
    """Which parts of a canonical request differ, for the person whose replay missed."""
    parts = []
    for name in sorted({*old, *new}):
        if old.get(name) == new.get(name):
            continue
        before, after = old.get(name), new.get(name)
        if isinstance(before, list) and isinstance(after, list) and name == "messages":
            numbers = [
                str(number + 1)
                for number in range(max(len(before), len(after)))
                if before[number : number + 1] != after[number : number + 1]
            ]
            parts.append(f"message {', '.join(numbers)}")
        elif isinstance(before, Mapping) and isinstance(after, Mapping):
            keys = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
            parts.append(f"{name} ({', '.join(keys)})")
        else:
            parts.append(name)
    return ", ".join(parts) or "nothing"


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
    )


def _number(value: object) -> int | float:
    return value if isinstance(value, int | float) else 0
