"""People's labels: which answers still want one, and adding one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from onbook.errors import OnbookError, UsageError
from onbook.formats import read_rows, write_json_line
from onbook.project import Source
from onbook.project.cases import LABELS_SUFFIX, stem
from onbook.project.shapes import contract, row_problems
from onbook.prompt import Case
from onbook.report import Check, Report, Status
from onbook.testing.locks import wait_for
from onbook.testing.planning import plan, read_recordings, unit_of
from onbook.testing.recording import Recording
from onbook.testing.selection import Selection


def unlabelled(source: Source, by: str | None, cases: Selection) -> Iterator[tuple[Case, Recording]]:
    """The recorded answers to what the cases ask today that a person has not labelled, in the order of the gold set.

    Args:
        by: the person; None stands for nobody in particular.

    Raises:
        OnbookError: the prompt, its cases or its labels cannot be read.
    """
    prompt = source.usable()
    if source.tests.problems:
        problem = source.tests.problems[0]
        where = f"{problem.path}:{problem.line}" if problem.line else problem.path
        raise OnbookError(problem.message, place=where, hint=problem.hint)
    recordings = read_recordings(source)
    done = {label.key for label in source.labels if label.by == by}
    for model in source.suite.models or (prompt.model or "",):
        for planned in plan(unit_of(source, prompt, model, recordings), cases):
            for attempt in planned.attempts:
                recording = recordings.get(attempt.key)
                if recording is not None and attempt.step is None and attempt.key not in done:
                    done.add(attempt.key)
                    yield planned.case, recording


def report_of(source: Source, by: str | None, cases: Selection, waiting: Iterable[tuple[Case, Recording]]) -> Report:
    """What has been said of a prompt's answers, and the answers that a person has not labelled.

    Args:
        by: the person; waiting: as :func:`unlabelled` says.
    """
    said = [
        {"case": each.case, "key": each.key, "label": "good" if each.good else "bad", "by": each.by}
        for each in source.labels
        if cases.cases is None or each.case in cases.cases
    ]
    unsaid = [
        {
            "case": case.id,
            "key": recording.key,
            "model": recording.model,
            "repeat": recording.repeat,
            "expected": case.expected,
            "answer": recording.response.text,
            "tool_calls": list(recording.response.tool_calls),
        }
        for case, recording in waiting
    ]
    data = {"prompts": [{"id": source.id, "by": by, "labels": said, "unlabelled": unsaid}]}
    return Report("label", (Check(f"label/{source.id}", Status.PASSED, source.id),), data=data)


def add(source: Source, root: Path, recording: Recording, *, good: bool, by: str | None, note: str | None) -> Path:
    """Write one label at the end of the prompt's labels.

    Raises:
        OnbookError: the file cannot be written.
    """
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    told = {"by": by, "note": note, "at": at}
    row: dict[str, object] = {"case": recording.case, "key": recording.key, "label": "good" if good else "bad"}
    row |= {name: value for name, value in told.items() if value}
    return _append(source, root, [row])


@dataclass(frozen=True, slots=True)
class Merged:
    """What came of labels that were merged.

    Attributes:
        path: where they stand now; None where none was new.
        added: how many; known: of how many nothing new is said; strange: of answers that are not recorded here.
    """

    path: Path | None
    added: int
    known: int
    strange: int


def merge(source: Source, root: Path, raw: bytes, name: str, by: str | None) -> Merged:
    """Add the labels of a file, such as one that a page saved, to the prompt's.

    What a person has said already is not said twice, and an older word of theirs does not come after a newer one.

    Args:
        name: what a person knows the file by; by: who says so where a line does not.

    Raises:
        OnbookError: a line is no label, or the prompt's own labels cannot be read.
        UsageError: the file has none of this prompt.
        OnbookError: the labels cannot be written.
    """
    rows = _labels(raw, name, hint="nothing was added")
    recordings, held = read_recordings(source), _held(source, root)
    found: list[dict[str, object]] = []
    strange = known = 0
    for row in rows:
        recording = recordings.get(str(row["key"]))
        if recording is None or recording.assertion or recording.step:
            strange += 1
            continue
        # Two cases may ask the same: the answer is recorded, and labelled, under one of them.
        label = {**row, "case": recording.case, **({"by": by} if by and "by" not in row else {})}
        place = (str(label["key"]), label.get("by"))
        if place in held and not _newer(label, held[place]):
            known += 1
            continue
        held[place] = label
        found.append(label)
    if strange and strange == len(rows):
        message = f"none of its {strange} labels is of an answer that is recorded for {source.id}"
        raise UsageError(message, place=name, hint="name the prompt that they are of, or record its answers first")
    return Merged(_append(source, root, found) if found else None, len(found), known, strange)


def _newer(label: Mapping[str, object], than: Mapping[str, object]) -> bool:
    if all(label.get(name) == than.get(name) for name in ("label", "note")):
        return False
    return _moment(label) >= _moment(than)


def _moment(label: Mapping[str, object]) -> datetime:
    """When it was said; what tells no time is older than what does."""
    try:
        told = datetime.fromisoformat(str(label.get("at")).upper())
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def _held(source: Source, root: Path) -> dict[tuple[str, object], Mapping[str, object]]:
    """The last word of each person on each answer, as it stands in the file."""
    path = root / (stem(source.path) + LABELS_SUFFIX)
    try:
        raw = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise UsageError(f"the labels cannot be read: {error.strerror}", place=str(path)) from None
    rows = _labels(raw, str(path), hint="mend the prompt's own labels first")
    return {(str(row["key"]), row.get("by")): row for row in rows}


def _labels(raw: bytes, name: str, *, hint: str) -> list[Mapping[str, object]]:
    rows, problems = read_rows(raw, name if name.endswith(".jsonl") else f"{name}.jsonl")
    for row in rows:
        problems += row_problems(contract("label"), row.data, "this label is wrong", name, row.line)
    if problems:
        place = f"{name}:{problems[0].line}" if problems[0].line else name
        raise OnbookError(problems[0].message, place=place, hint=hint)
    return [row.data for row in rows]


def _append(source: Source, root: Path, rows: list[dict[str, object]]) -> Path:
    """Add rows to the end of the file, after those that another person or process adds just now."""
    path = root / (stem(source.path) + LABELS_SUFFIX)
    lines = b"".join(write_json_line(row).encode() + b"\n" for row in rows)
    try:
        with path.open("ab+", buffering=0) as file:
            wait_for(file)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - 1, 0))
            data = lines if file.read(1) in (b"", b"\n") else b"\n" + lines
            try:
                while data:
                    data = data[file.write(data) :]
                os.fsync(file)
            except OSError:
                with contextlib.suppress(OSError):
                    file.truncate(size)  # half a line would make the file unreadable
                raise
    except OSError as error:
        hint = "make room or set its permissions, and say it again"
        raise OnbookError(f"the label cannot be written: {error.strerror}", place=str(path), hint=hint) from None
    return path
