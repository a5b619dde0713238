"""One recording: the answer to one exact request, as a line of a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from onbook import __version__, resources
from onbook.contract import Contract
from onbook.errors import OnbookError
from onbook.formats import read_rows, write_json_line
from onbook.formats.bounds import MAX_DEPTH
from onbook.formats.rows import MAX_LINE_BYTES
from onbook.report import Problem
from onbook.testing.request import Request, Response, key_of

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
            read_line(line, ".jsonl", 1)
        except WrongLineError as wrong:
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


_BY_HAND = "recordings are written by `onbook test --record`, never by hand: delete the line and record again"


class WrongLineError(Exception):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def read_line(line: bytes, path: str, number: int) -> Recording:
    """Raises WrongLineError."""
    row = _as_written(line)
    if row is None:
        rows, problems = read_rows(line, ".jsonl")
        if problems:
            raise WrongLineError(replace(problems[0], path=path, line=number))
        row = rows[0].data
    if not _contract().accepts(row):
        wrong = _contract().violations(row)[0]
        message = f"this recording is wrong: {'/'.join(map(str, wrong.pointer))}: {wrong.message}"
        raise WrongLineError(Problem("row-shape", message, path, number, hint=_BY_HAND))
    recording = recording_of(row)
    if not _belongs(recording):
        message = f"this recording of case {recording.case!r} does not belong to the request that it shows"
        raise WrongLineError(Problem("recording-forged", message, path, number, hint=_BY_HAND))
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


@cache
def _contract() -> Contract:
    return Contract(resources.schema("recording"))


def recording_of(row: Mapping[str, object]) -> Recording:
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
