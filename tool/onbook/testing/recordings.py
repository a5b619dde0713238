"""Recordings: the answers that models really gave, one line a case, model and repeat, sorted so.

A recording answers one exact request, whose hash is its key. An unchanged key is never rewritten, so that a reviewer
sees in the pull request's own diff which answers moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from onbook import __version__, resources
from onbook.contract import Contract
from onbook.files import write_atomic
from onbook.formats import read_rows, write_json_line
from onbook.report import Problem
from onbook.testing.models import Request, Response, key_of


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

    @property
    def order(self) -> tuple[str, str, str, int, str]:
        """By case, then the answer before its judges, then model and repeat."""
        return self.case, self.assertion or "", self.model, self.repeat, self.key


class Recordings:
    """The recordings of one prompt, by key."""

    def __init__(self, recordings: Iterable[Recording] = (), problems: Iterable[Problem] = ()) -> None:
        self._by_key: dict[str, Recording] = {}
        self.problems = list(problems)
        for recording in recordings:
            self.add(recording)

    @staticmethod
    def read(raw: bytes, path: str) -> Recordings:
        """Read a recordings file. Wrong lines are problems; one key with two answers is one, and neither counts."""
        rows, problems = read_rows(raw, path)
        found: dict[str, Recording] = {}
        clashing: set[str] = set()
        for row in rows:
            wrong = _contract().violations(row.data)
            if wrong:
                message = f"this recording is wrong: {'/'.join(map(str, wrong[0].pointer))}: {wrong[0].message}"
                problems.append(Problem("row-shape", message, path, row.line))
                continue
            recording = _recording(row.data)
            if key_of(recording.request) != recording.key:
                message = f"this recording of case {recording.case!r} does not belong to the request that it shows"
                hint = "recordings are written by `onbook test --record`, never by hand"
                problems.append(Problem("recording-forged", message, path, row.line, hint=hint))
                continue
            first = found.setdefault(recording.key, recording)
            if _said(first) != _said(recording):
                clashing.add(recording.key)
                message = f"case {recording.case!r} has two answers to one request (a bad merge?)"
                hint = "delete both lines and run `onbook test --record`"
                problems.append(Problem("recording-clash", message, path, row.line, hint=hint))
        kept = (recording for key, recording in found.items() if key not in clashing)
        return Recordings(kept, problems)

    def get(self, key: str) -> Recording | None:
        """The answer to one exact request, or None."""
        return self._by_key.get(key)

    def add(self, recording: Recording) -> None:
        """Keep an answer; one that is kept already is never replaced."""
        self._by_key.setdefault(recording.key, recording)

    def nearest(self, case: str, request: Request) -> Recording | None:
        """An older answer to the same case, model and repeat: what a miss is compared with."""
        same = (r for r in self._by_key.values() if r.case == case and r.assertion is None)
        return next((r for r in same if (r.model, r.repeat) == (request.model, request.repeat)), None)

    def without_stale(self, case: str, request: Request) -> None:
        """Drop the answers to older requests of the same case, model and repeat, now that there is a newer one."""
        key = request.key()
        for old in list(self._by_key.values()):
            same = (old.case, old.model, old.repeat, old.assertion) == (case, request.model, request.repeat, None)
            if same and old.key != key:
                del self._by_key[old.key]

    def __iter__(self) -> Iterator[Recording]:
        return iter(sorted(self._by_key.values(), key=lambda recording: recording.order))

    def __len__(self) -> int:
        return len(self._by_key)

    def write(self, path: Path) -> None:
        """Write all, sorted, in one step: a killed process leaves the old file or the new one."""
        text = "".join(f"{write_json_line(recording.row())}\n" for recording in self)
        write_atomic(path, text.encode())


def _said(recording: Recording) -> tuple[str, object]:
    return recording.response.text, recording.response.tool_calls


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
    response, usage = row["response"], row.get("usage") or {}
    assert isinstance(response, Mapping)
    assert isinstance(usage, Mapping)
    request = row["request"]
    assert isinstance(request, Mapping)
    cost = row.get("cost")
    return Recording(
        case=str(row["case"]),
        model=str(row["model"]),
        repeat=int(str(row["repeat"])),
        key=str(row["key"]),
        request=request,
        response=Response(
            text=str(response.get("text") or ""),
            tool_calls=tuple(response.get("tool_calls") or ()),
            finish=str(response.get("finish") or ""),
            model=str(response.get("model") or ""),
            usage=usage,
            latency_ms=int(str(row.get("latency_ms") or 0)),
            cost=None if cost is None else float(str(cost)),
            engine=str(row.get("engine") or ""),
        ),
        onbook=str(row.get("onbook") or ""),
        assertion=None if row.get("assertion") is None else str(row["assertion"]),
    )
