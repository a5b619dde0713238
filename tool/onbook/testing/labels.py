"""People's labels: which answers still want one, and adding one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from onbook.errors import OnbookError, UsageError
from onbook.files import write_atomic
from onbook.formats import write_json_line
from onbook.project import Source
from onbook.project.cases import LABELS_SUFFIX, stem
from onbook.prompt import Case
from onbook.report import Check, Report, Status
from onbook.testing.planning import plan, read_recordings, unit_of
from onbook.testing.recordings import Recording
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
    """Write one label at the end of the prompt's labels, in one step.

    Raises:
        UsageError: the file cannot be written.
    """
    path = root / (stem(source.path) + LABELS_SUFFIX)
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    told = {"by": by, "note": note, "at": at}
    row = {"case": recording.case, "key": recording.key, "label": "good" if good else "bad"}
    row |= {name: value for name, value in told.items() if value}
    try:
        held = path.read_bytes() if path.exists() else b""
        line_end = b"" if not held or held.endswith(b"\n") else b"\n"
        write_atomic(path, held + line_end + write_json_line(row).encode() + b"\n")
    except OSError as error:
        raise UsageError(f"the label cannot be written: {error.strerror}", place=str(path)) from None
    return path
