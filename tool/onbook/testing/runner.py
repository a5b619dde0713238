"""Running the cases of prompts: by replay, or by asking the models for what is not recorded.

Replay needs no key, no network and no money, and gives the same verdict on every machine: nothing here imports a
model library unless an answer has to be asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from onbook.call import Caller, parameters_of, response_format_of, tools_of
from onbook.errors import InputError
from onbook.project import Source
from onbook.project.cases import RECORDINGS_SUFFIX, stem
from onbook.prompt import Case, Json, Prompt
from onbook.report import Check, Finding, Report, Severity, Status
from onbook.testing.assertions import AssertionUseError, Subject, check, decide, requests, weight
from onbook.testing.models import ModelError, Request, Response, ask_all
from onbook.testing.recordings import Recording, Recordings, what_changed

Progress = Callable[[int, int], None]

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
}


@dataclass(slots=True)
class Attempt:
    """One case on one model, one repeat.

    Attributes:
        state: ``passed``, ``failed``, ``error`` (no usable answer), or ``missing`` (no recording).
        reasons: why not, one line each.
    """

    case: Case
    request: Request
    state: str = "missing"
    reasons: list[str] = field(default_factory=list)
    score: float = 0.0


@dataclass(slots=True)
class _Run:
    """One prompt's run on one model."""

    source: Source
    prompt: Prompt
    model: str
    attempts: list[Attempt]
    recordings: Recordings
    wrong: list[Finding] = field(default_factory=list)
    failures: dict[str, ModelError] = field(default_factory=dict)


def run(
    sources: Iterable[Source],
    *,
    record: bool = False,
    root: Path | None = None,
    progress: Progress | None = None,
    head: str | None = None,
) -> Report:
    """Run the cases of prompts and judge the answers.

    Args:
        record: ask the models for answers that are not recorded, and write them below ``root`` as they arrive.
        root: the top of the work tree; only recording needs it.
        progress: called with the answers that have arrived and those that were asked for.

    Raises:
        UsageError: a prompt cannot be read.
        OnbookError: a model cannot be asked at all (its library is missing).
    """
    checks, rows = [], []
    for source in sources:
        prompt = source.usable()
        if not source.cases and not source.tests.problems:
            finding = _finding("no-cases", "this prompt has no cases, so nothing was tested", source)
            checks.append(Check(f"test/{source.id}", Status.SKIPPED, source.id, (finding,)))
            rows.append(_row(source, prompt.model or "", [], Status.SKIPPED))
            continue
        recordings = _read_recordings(source)
        for model in source.suite.models or ((prompt.model,) if prompt.model else ("",)):
            unit = _plan(source, prompt, model, recordings)
            if record and not unit.wrong and root is not None:
                _record(unit, root / (stem(source.path) + RECORDINGS_SUFFIX), progress)
            found, row = _judge(unit)
            checks.append(found)
            rows.append(row)
    return Report("test", tuple(checks), head=head, data={"prompts": rows})


def summary(report: Report) -> str:
    """A test report in a few words: ``11 passed, 1 xfailed``, summed over prompts and models."""
    rows = report.data["prompts"]
    assert isinstance(rows, list)
    counts = {key: sum(row[key] for row in rows) for key in ("passed", "failed", "errors", "missing", "xfailed")}
    return ", ".join(f"{count} {key}" for key, count in counts.items() if count) or "no cases"


def _read_recordings(source: Source) -> Recordings:
    path = stem(source.path) + RECORDINGS_SUFFIX
    if source.snapshot.entry(path) is None:
        return Recordings()
    return Recordings.read(source.snapshot.read(path), path)


def _plan(source: Source, prompt: Prompt, model: str, recordings: Recordings) -> _Run:
    """Every request of a run. Nothing is asked before all of them, and all assertions, are known to mean something."""
    unit = _Run(source, prompt, model, [], recordings)
    wrong = unit.wrong
    if not model:
        wrong.append(_finding("case-wrong", "the prompt names no model, so its cases cannot be run", source))
        return unit
    for problem in (*source.tests.problems, *recordings.problems):
        wrong.append(_at("case-wrong", problem.message, problem.path, problem.line, hint=problem.hint))
    for assertion in source.suite.assertions:
        if message := check(assertion):
            wrong.append(_at("case-wrong", f"the suite's assertion means nothing: {message}", source.path))
    caller = Caller(prompt)
    for case in source.cases:
        messages = _messages(case, caller, wrong)
        for assertion in case.assertions:
            if message := check(assertion):
                wrong.append(_at("case-wrong", f"case {case.id!r}: {message}", case.path, case.line))
        for repeat in range(source.suite.repeats if messages else 0):
            unit.attempts.append(Attempt(case, request_for(prompt, messages, model=model, repeat=repeat)))
    return unit


def _messages(case: Case, caller: Caller, wrong: list[Finding]) -> Sequence[Mapping[str, str]]:
    try:
        return caller.render(case.inputs)
    except InputError as error:
        wrong.append(_at("case-wrong", f"case {case.id!r}: {error.message}", case.path, case.line, hint=error.hint))
        return ()


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


def _record(unit: _Run, path: Path, progress: Progress | None) -> None:
    """Ask for what is missing: first the prompt's answers, then what judges say of them."""
    _ask(unit, _missing_answers(unit), path, progress)
    _ask(unit, _missing_verdicts(unit), path, progress)


_Wanted = list[tuple[str, str | None, Request]]


def _missing_answers(unit: _Run) -> _Wanted:
    return [
        (attempt.case.id, None, attempt.request)
        for attempt in unit.attempts
        if unit.recordings.get(attempt.request.key()) is None
    ]


def _missing_verdicts(unit: _Run) -> _Wanted:
    wanted: _Wanted = []
    for attempt in unit.attempts:
        recording = unit.recordings.get(attempt.request.key())
        if recording is None:
            continue
        subject = Subject(recording.response.text, unit.prompt, attempt.case, {})
        for assertion in _assertions(unit, attempt.case):
            name = next(key for key in assertion if key != "weight")
            wanted += [
                (attempt.case.id, name, request)
                for request in requests([assertion], subject)
                if unit.recordings.get(request.key()) is None
            ]
    return wanted


def _ask(unit: _Run, wanted: _Wanted, path: Path, progress: Progress | None) -> None:
    # Two cases may make the same request; it is asked once.
    by_key = {request.key(): (case, assertion, request) for case, assertion, request in reversed(wanted)}
    if not by_key:
        return
    arrived = 0

    def tell() -> None:
        if progress:
            progress(arrived, len(by_key))

    def keep(request: Request, response: Response) -> None:
        nonlocal arrived
        arrived += 1
        case, assertion, _ = by_key[request.key()]
        unit.recordings.add(Recording.of(case, request, response, assertion))
        if assertion is None:
            unit.recordings.without_stale(case, request)
        # Written after every answer: what has been paid for survives whatever comes next.
        unit.recordings.write(path)
        tell()

    def fail(request: Request, error: ModelError) -> None:
        nonlocal arrived
        arrived += 1
        unit.failures[request.key()] = error
        tell()

    import asyncio

    tell()
    ordered = [by_key[key][2] for key in reversed(by_key)]
    asyncio.run(ask_all(ordered, on_answer=keep, on_error=fail))


def _judge(unit: _Run) -> tuple[Check, dict[str, object]]:
    source, suite = unit.source, unit.source.suite
    id = f"test/{source.id}" if not suite.models else f"test/{source.id}@{unit.model}"
    if unit.wrong:
        row = _row(source, unit.model, [], Status.UNCHECKED)
        return Check(id, Status.UNCHECKED, source.id, tuple(unit.wrong)), row
    for attempt in unit.attempts:
        _grade(unit, attempt)
    findings: list[Finding] = []
    proxy = unit.model != unit.prompt.model
    if proxy:
        message = f"{unit.model} stands in for {unit.prompt.model}: a proxy's answers are not the prompt's own"
        findings.append(_finding("proxy-model", message, source))
    expected = [attempt for attempt in unit.attempts if attempt.case.xfail is None]
    known = [attempt for attempt in unit.attempts if attempt.case.xfail is not None]
    findings += [_missed(unit, attempt) for attempt in unit.attempts if attempt.state == "missing"]
    findings += [_passed_unexpectedly(attempt) for attempt in known if attempt.state == "passed"]
    wrong = [attempt for attempt in expected if attempt.state in ("failed", "error")]
    rate = 1 - len(wrong) / len(expected) if expected else 1.0
    enough = rate >= suite.threshold
    findings += [_failed(attempt, unit.model, forgiven=enough) for attempt in wrong]
    status = Check.of(id, findings).status
    if any(attempt.state == "missing" for attempt in unit.attempts):
        status = Status.UNCHECKED
    return Check(id, status, source.id, tuple(findings)), _row(source, unit.model, unit.attempts, status, proxy=proxy)


def _assertions(unit: _Run, case: Case) -> list[Json]:
    return [*unit.source.suite.assertions, *case.assertions]


def _grade(unit: _Run, attempt: Attempt) -> None:
    recording = unit.recordings.get(attempt.request.key())
    if recording is None:
        return
    answer = recording.response
    if answer.finish == "length":
        attempt.state, attempt.reasons = "error", ["the answer was cut at the limit of tokens"]
        return
    if not answer.text.strip() and not answer.tool_calls:
        attempt.state, attempt.reasons = "error", ["the answer is empty"]
        return
    subject = Subject(answer.text, unit.prompt, attempt.case, {})
    total = earned = 0.0
    attempt.state = "passed"
    for assertion in _assertions(unit, attempt.case):
        try:
            verdicts = {request.key(): unit.recordings.get(request.key()) for request in requests([assertion], subject)}
        except (AssertionUseError, InputError) as error:
            attempt.state = "error"
            attempt.reasons.append(error.message)
            return
        if any(found is None for found in verdicts.values()):
            attempt.state = "missing"
            attempt.reasons = ["a judge's verdict is not recorded"]
            return
        said = {key: found.response.text for key, found in verdicts.items() if found}
        outcome = decide(assertion, Subject(answer.text, unit.prompt, attempt.case, said))
        total += weight(assertion)
        earned += weight(assertion) * outcome.score
        if not outcome.passed:
            attempt.state = "failed"
            attempt.reasons.append(outcome.message)
    attempt.score = earned / total if total else 1.0


def _missed(unit: _Run, attempt: Attempt) -> Finding:
    case = attempt.case
    failure = unit.failures.get(attempt.request.key())
    if failure:
        message = f"case {case.id!r} on {unit.model} was not answered: {failure.message}"
        return _at("not-recorded", message, case.path, case.line, hint=failure.hint)
    why = "there is no recording of its answer"
    if attempt.reasons:
        why = attempt.reasons[0]
    elif older := unit.recordings.nearest(case.id, attempt.request):
        why = f"the request changed since it was recorded: {what_changed(older.request, attempt.request.canonical())}"
    hint = f"run `onbook test {unit.source.id} --record` and commit the recordings"
    return _at("recording-missing", f"case {case.id!r} on {unit.model}: {why}", case.path, case.line, hint=hint)


def _passed_unexpectedly(attempt: Attempt) -> Finding:
    case = attempt.case
    message = f"case {case.id!r} passes, and is marked as known to fail ({case.xfail})"
    return _at("unexpected-pass", message, case.path, case.line, hint="delete its xfail")


def _failed(attempt: Attempt, model: str, *, forgiven: bool) -> Finding:
    case = attempt.case
    slug = "answer-unusable" if attempt.state == "error" else "case-failed"
    if forgiven:
        slug = "case-below-threshold"
    repeat = f", repeat {attempt.request.repeat + 1}" if attempt.request.repeat else ""
    return _at(slug, f"case {case.id!r} on {model}{repeat}: {'; '.join(attempt.reasons)}", case.path, case.line)


def _row(
    source: Source, model: str, attempts: Iterable[Attempt], status: Status, *, proxy: bool = False
) -> dict[str, object]:
    found = list(attempts)

    def count(*states: str, known: bool = False) -> int:
        return sum(1 for a in found if a.state in states and (a.case.xfail is not None) == known)

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


def _finding(slug: str, message: str, source: Source) -> Finding:
    return _at(slug, message, source.path)


def _at(slug: str, message: str, path: str, line: int | None = None, *, hint: str | None = None) -> Finding:
    rule, severity = _FINDINGS[slug]
    return Finding(rule, slug, severity, message, path or None, line, None, hint)
