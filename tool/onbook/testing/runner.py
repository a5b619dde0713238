"""Running the cases of prompts: by replay, or by asking the models for what is not recorded.

Replay needs no key, no network and no money, and gives the same verdict on every machine: nothing here imports a
model library unless an answer has to be asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from onbook.call import Caller, parameters_of, response_format_of, tools_of
from onbook.errors import InputError, UsageError
from onbook.project import Source
from onbook.project.cases import RECORDINGS_SUFFIX, stem
from onbook.prompt import Case, Prompt
from onbook.repo import SnapshotError
from onbook.report import Check, Finding, Problem, Report, Severity, Status
from onbook.testing.asking import Progress, record_missing
from onbook.testing.assertions import AssertionUseError, Subject, check, requests
from onbook.testing.models import Request
from onbook.testing.recordings import Recordings, what_changed
from onbook.testing.unit import STATES, Attempt, Unit, grade

__all__ = ["Progress", "request_for", "run", "summary"]

# What a finding of a test run is called. They are no lint rules: a case is a fact about a prompt, not about its text.
_FINDINGS = {
    "case-failed": ("OT101", Severity.ERROR),
    "case-below-threshold": ("OT102", Severity.WARNING),
    "unexpected-pass": ("OT103", Severity.ERROR),
    "answer-unusable": ("OT104", Severity.ERROR),
    "recording-missing": ("OT201", Severity.ERROR),
    "not-recorded": ("OT202", Severity.ERROR),
    "case-wrong": ("OT301", Severity.ERROR),
    "no-cases": ("OT302", Severity.INFO),
    "proxy-model": ("OT303", Severity.INFO),
    "nothing-asserted": ("OT304", Severity.WARNING),
    "prompt-unusable": ("OT305", Severity.ERROR),
}

# A share of cases is a float: 0.7 of ten is not to ask for eight.
_ROUNDING = 1e-9


def run(
    sources: Iterable[Source],
    *,
    record: bool = False,
    root: Path | None = None,
    progress: Progress | None = None,
    head: str | None = None,
) -> Report:
    """Run the cases of prompts and judge the answers. What cannot be run is unchecked and hides no other prompt.

    Args:
        record: ask the models for answers that are not recorded, and write them below ``root`` as they arrive.
        root: the top of the work tree; only recording needs it.
        progress: called with the answers that have arrived and those that were asked for.

    Raises:
        OnbookError: a model cannot be asked at all (its library is missing), or the recordings cannot be written.
    """
    found: list[tuple[Check, dict[str, object]]] = []
    for source in sources:
        prompt = source.prompt
        if prompt is None or source.problems:
            found.append(_unusable(source))
            continue
        if not source.cases and not source.tests.problems:
            finding = _finding("no-cases", "this prompt has no cases, so nothing was tested", source)
            row = _row(source, prompt.model, {}, Status.SKIPPED)
            found.append((Check(f"test/{source.id}", Status.SKIPPED, source.id, (finding,)), row))
            continue
        recordings = _read_recordings(source)
        models = source.suite.models or (prompt.model or "",)
        units = [_plan(source, prompt, model, recordings) for model in models]
        if record and root is not None:
            record_missing(units, root / (stem(source.path) + RECORDINGS_SUFFIX), progress)
        found += [_judge(unit) for unit in units]
    return Report("test", tuple(check for check, _ in found), head=head, data={"prompts": [row for _, row in found]})


def summary(report: Report) -> str:
    """A test report in a few words: ``11 passed, 1 xfailed``, summed over prompts and models."""
    rows = report.data["prompts"]
    assert isinstance(rows, list)
    counts = {key: sum(row[key] for row in rows) for key in ("passed", "failed", "errors", "missing", "xfailed")}
    told = [f"{count} {key}" for key, count in counts.items() if count]
    if any(row["status"] == Status.UNCHECKED and not row["missing"] for row in rows):
        told.append("not run")
    return ", ".join(told) or "no cases"


def request_for(prompt: Prompt, messages: Sequence[Mapping[str, str]], *, model: str, repeat: int = 0) -> Request:
    """The request for one rendering of a prompt on one model."""
    return Request(
        model=model,
        messages=tuple(messages),
        parameters=parameters_of(prompt),
        response_format=response_format_of(prompt),
        tools=tools_of(prompt),
        repeat=repeat,
    )


def _unusable(source: Source) -> tuple[Check, dict[str, object]]:
    findings = [
        _at("prompt-unusable", problem.message, problem.path, problem.line, problem.column, hint=problem.hint)
        for problem in source.problems
    ]
    row = _row(source, source.prompt.model if source.prompt else None, {}, Status.UNCHECKED)
    return Check(f"test/{source.id}", Status.UNCHECKED, source.id, tuple(findings)), row


def _read_recordings(source: Source) -> Recordings:
    path = stem(source.path) + RECORDINGS_SUFFIX
    if source.snapshot.entry(path) is None:
        return Recordings()
    try:
        return Recordings.read(source.snapshot.read(path), path)
    except SnapshotError as error:
        return Recordings([Problem("not-a-file", error.message, path)])


# --- planning: nothing is asked before all requests, and all assertions, are known to mean something


def _plan(source: Source, prompt: Prompt, model: str, recordings: Recordings) -> Unit:
    unit = Unit(source, prompt, model, recordings)
    wrong = unit.wrong
    if not model:
        message = "the prompt names no model, so its cases cannot be run"
        wrong.append(_finding("case-wrong", message, source, hint="add the key 'model' to the prompt"))
        return unit
    for problem in (*source.tests.problems, *recordings.problems):
        wrong.append(_at("case-wrong", problem.message, problem.path, problem.line, problem.column, hint=problem.hint))
    for assertion in source.suite.assertions:
        if fault := check(assertion):
            wrong.append(_finding("case-wrong", f"the suite's assertion means nothing: {fault}", source))
    shared = not wrong
    caller = Caller(prompt)
    for case in source.cases:
        if faults := _faults(unit, case, suite=shared):
            wrong += faults
            continue
        try:
            messages = caller.render(case.inputs)
            for repeat in range(source.suite.repeats):
                request = request_for(prompt, messages, model=model, repeat=repeat)
                unit.attempts.append(Attempt(case, request, request.key()))
        except (InputError, UsageError) as error:
            wrong.append(_of(case, "case-wrong", error.message, hint=error.hint))
            continue
        if not messages:
            wrong.append(_of(case, "case-wrong", "the prompt renders no message, so there is nothing to ask"))
    return unit


def _faults(unit: Unit, case: Case, *, suite: bool) -> list[Finding]:
    """What is wrong with a case's assertions as they are written, or with this row's values in them."""
    if faults := [_of(case, "case-wrong", message) for each in case.assertions if (message := check(each))]:
        return faults
    try:
        requests(unit.assertions(case) if suite else case.assertions, Subject("", unit.prompt, case, {}))
    except AssertionUseError as error:
        return [_of(case, "case-wrong", error.message, hint=error.hint)]
    return []


# --- judging


def _judge(unit: Unit) -> tuple[Check, dict[str, object]]:
    source, suite = unit.source, unit.source.suite
    id = f"test/{source.id}" if not suite.models else f"test/{source.id}@{unit.model}"
    if unit.wrong:
        row = _row(source, unit.model or None, {}, Status.UNCHECKED, proxy=unit.proxy)
        return Check(id, Status.UNCHECKED, source.id, tuple(unit.wrong)), row
    states: dict[str, str] = {}
    for attempt in unit.attempts:
        grade(unit, attempt)
        states[attempt.case.id] = max(states.get(attempt.case.id, "passed"), attempt.state, key=STATES.index)
    findings = [*_proxy(unit), *_nothing_asserted(unit)]
    findings += [_missed(unit, attempt) for attempt in unit.attempts if attempt.state == "missing"]
    surprising = [case for case in source.cases if case.xfail is not None and states[case.id] == "passed"]
    findings += [_passed_unexpectedly(case) for case in surprising]
    expected = [case for case in source.cases if case.xfail is None]
    bad = [case for case in expected if states[case.id] in ("failed", "error")]
    enough = len(expected) - len(bad) >= suite.threshold * len(expected) - _ROUNDING
    for attempt in unit.attempts:
        if attempt.case.xfail is None and attempt.state in ("failed", "error"):
            findings.append(_failed(attempt, unit.model, forgiven=enough))
    status = Status.PASSED
    if surprising or not enough:
        status = Status.FAILED  # whatever those that are missing will say
    elif "missing" in states.values():
        status = Status.UNCHECKED
    return Check(id, status, source.id, tuple(findings)), _row(source, unit.model, states, status, proxy=unit.proxy)


def _proxy(unit: Unit) -> list[Finding]:
    if not unit.proxy:
        return []
    own = unit.prompt.model or "a model that the prompt does not name"
    message = f"{unit.model} stands in for {own}: a proxy's answers are not the prompt's own"
    return [_finding("proxy-model", message, unit.source)]


def _nothing_asserted(unit: Unit) -> list[Finding]:
    bare = [case.id for case in unit.source.cases if not unit.assertions(case)]
    if not bare:
        return []
    told = ", ".join(map(repr, bare[:5])) + (f" and {len(bare) - 5} more" if len(bare) > 5 else "")
    message = f"nothing is asserted of the answers to {told}: they pass whatever the answer is"
    hint = "add `assert` to the case, or to the suite for all cases"
    return [_finding("nothing-asserted", message, unit.source, hint=hint)]


def _missed(unit: Unit, attempt: Attempt) -> Finding:
    slug, why = "recording-missing", "there is no recording of its answer"
    if attempt.reasons:
        slug, why = "not-recorded" if attempt.in_vain else slug, attempt.reasons[0]
    elif older := unit.recordings.nearest(attempt.case.id, attempt.request):
        why = f"the request changed since it was recorded: {what_changed(older.request, attempt.request.canonical())}"
    hint = attempt.hint or f"run `onbook test {unit.source.id} --record` and commit the recordings"
    return _told(attempt, slug, unit.model, why, hint=hint)


def _passed_unexpectedly(case: Case) -> Finding:
    message = f"passes, and is marked as known to fail ({case.xfail})"
    return _at("unexpected-pass", f"case {case.id!r} {message}", case.path, case.line, hint="delete its xfail")


def _failed(attempt: Attempt, model: str, *, forgiven: bool) -> Finding:
    slug = "answer-unusable" if attempt.state == "error" else "case-failed"
    if forgiven:
        slug = "case-below-threshold"
    return _told(attempt, slug, model, "; ".join(attempt.reasons), hint=attempt.hint)


def _told(attempt: Attempt, slug: str, model: str, message: str, *, hint: str | None) -> Finding:
    case, repeat = attempt.case, attempt.request.repeat
    again = f", repeat {repeat + 1}" if repeat else ""
    return _at(slug, f"case {case.id!r} on {model}{again}: {message}", case.path, case.line, hint=hint)


def _row(
    source: Source, model: str | None, states: Mapping[str, str], status: Status, *, proxy: bool = False
) -> dict[str, object]:
    """The numbers of cases; a case that is repeated is still one."""

    def count(*wanted: str, known: bool = False) -> int:
        return sum(1 for c in source.cases if states.get(c.id) in wanted and (c.xfail is not None) == known)

    return {
        "id": source.id,
        "model": model,
        "proxy": proxy,
        "cases": len(source.cases),
        "passed": count("passed"),
        "failed": count("failed") + count("passed", known=True),
        "errors": count("error"),
        "missing": count("missing") + count("missing", known=True),
        "xfailed": count("failed", "error", known=True),
        "status": str(status),
        # Worse or only noise: what a comparison with the last release will say.
        "verdict": None,
    }


def _of(case: Case, slug: str, message: str, *, hint: str | None = None) -> Finding:
    return _at(slug, f"case {case.id!r}: {message}", case.path, case.line, hint=hint)


def _finding(slug: str, message: str, source: Source, *, hint: str | None = None) -> Finding:
    return _at(slug, message, source.path, hint=hint)


def _at(
    slug: str, message: str, path: str, line: int | None = None, column: int | None = None, *, hint: str | None = None
) -> Finding:
    rule, severity = _FINDINGS[slug]
    return Finding(rule, slug, severity, message, path or None, line, column, hint)
