"""Results -> Report. The only place that counts cases, so that one run and the merged shards of it say the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from onbook.project import Source
from onbook.prompt import Case
from onbook.report import Check, Finding, Report, Rows, Severity, Status
from onbook.testing.metrics import Measured, measure
from onbook.testing.results import CaseResult, RepeatResult, UnitResult

# What a finding of a test run is called. They are no lint rules: a case is a fact about a prompt, not about its text.
FINDINGS = {
    "case-failed": ("OT101", Severity.ERROR),
    "case-below-threshold": ("OT102", Severity.WARNING),
    "unexpected-pass": ("OT103", Severity.ERROR),
    "answer-unusable": ("OT104", Severity.ERROR),
    "verdict-drifted": ("OT105", Severity.WARNING),
    "answer-drifted": ("OT106", Severity.INFO),
    "metric-below": ("OT107", Severity.ERROR),
    "judge-measured": ("OT108", Severity.INFO),
    "judge-unmeasured": ("OT109", Severity.INFO),
    "judge-doubted": ("OT110", Severity.WARNING),
    "recording-missing": ("OT201", Severity.ERROR),
    "not-recorded": ("OT202", Severity.ERROR),
    "not-run": ("OT203", Severity.ERROR),
    "case-wrong": ("OT301", Severity.ERROR),
    "no-cases": ("OT302", Severity.INFO),
    "proxy-model": ("OT303", Severity.INFO),
    "nothing-asserted": ("OT304", Severity.WARNING),
    "prompt-unusable": ("OT305", Severity.ERROR),
}

_MISSED = {"unrecorded": "recording-missing", "in-vain": "not-recorded", "not-run": "not-run"}

# How many of a list are told by name.
_NAMED = 5

# A share of cases is a float: 0.7 of ten is not to ask for eight.
_ROUNDING = 1e-9


def report_of(results: Iterable[UnitResult], *, head: str | None = None, detail: bool = False) -> Report:
    """The report of a test run.

    Args:
        detail: also give each case's own row, with its state and the rate of its repeats that passed.
    """
    judged = [judge(result, detail=detail) for result in results]
    checks = _once([check for check, _ in judged])
    return Report("test", tuple(checks), head=head, data={"prompts": [row for _, row in judged]})


def judge(result: UnitResult, *, detail: bool = False) -> tuple[Check, dict[str, object]]:
    """One prompt's check on one model, and its row of numbers."""
    name = f"test/{result.prompt}@{result.model}" if result.named else f"test/{result.prompt}"
    seen = _see(result)
    if wrong := [*result.wrong, *seen.faults]:
        return Check(name, Status.UNCHECKED, result.prompt, tuple(wrong)), _row(
            result, None, Status.UNCHECKED, detail=detail
        )
    if result.kind == "run" and not result.cases:
        # They are all in other shards.
        return Check(name, Status.SKIPPED, result.prompt), _row(result, seen, Status.SKIPPED, detail=detail)
    if result.kind == "skipped":
        found = at("no-cases", "this prompt has no cases, so nothing was tested", result.path)
        return Check(name, Status.SKIPPED, result.prompt, (found,)), _row(result, None, Status.SKIPPED, detail=detail)
    bad = [case for case in seen.told if case.xfail is None and case.state in ("failed", "error") and not case.doubts]
    surprising = [case for case in seen.told if case.xfail is not None and case.state == "passed" and not case.doubts]
    unsaid = [case for case in seen.told if case.xfail is not None and case.undecided]
    enough = seen.expected - len(bad) >= result.threshold * seen.expected - _ROUNDING
    missing = [case for case in seen.told if case.state == "missing"]
    findings = [*_proxy(result), *_nothing_asserted(result, seen), *_not_run(result, missing)]
    findings += [_missed(result, case) for case in missing if not _is_not_run(case)]
    findings += [_passed_unexpectedly(case) for case in surprising]
    findings += [_failed(result, case, forgiven=False) for case in unsaid]
    findings += [_failed(result, case, forgiven=enough) for case in bad]
    findings += [_doubted(result, case) for case in seen.told if _is_doubted(case)]
    findings += [
        at("judge-measured" if j.gates else "judge-unmeasured", j.sentence, result.path, hint=j.advice(result.prompt))
        for j in result.judges
    ]
    findings += _drifted(result, seen)
    measured = _measured(result)
    below = [] if missing or seen.count < result.total else list(_below(result, measured))
    findings += below
    status = Status.PASSED
    if surprising or unsaid or not enough or below:
        status = Status.FAILED  # whatever those that are missing will say
    elif missing:
        status = Status.UNCHECKED
    row = _row(result, seen, status, measured, detail=detail)
    return Check(name, status, result.prompt, tuple(findings)), row


@dataclass(slots=True)
class _Seen:
    """What one look at all cases brings; the cases themselves are not held, but for those that are told of.

    Attributes:
        count: all; expected: those that are not marked as known to fail.
        states: how many by state, and whether they are so marked, without those whose state a judge that may not gate
            decides: those are ``doubted``.
        told: the cases that a finding may speak of.
        bare: the ids of those of whose answer nothing is asserted.
        drifts: how many answers of a live run by how they compare.
    """

    count: int = 0
    expected: int = 0
    doubted: int = 0
    states: Counter[tuple[str, bool]] = field(default_factory=Counter)
    told: list[CaseResult] = field(default_factory=list)
    bare: list[str] = field(default_factory=list)
    faults: list[Finding] = field(default_factory=list)
    drifts: Counter[str] = field(default_factory=Counter)


def _see(result: UnitResult) -> _Seen:
    seen = _Seen()
    for case in result.cases:
        seen.count += 1
        state, known = case.state, case.xfail is not None
        seen.expected += not known
        undecided = state == "error" and case.undecided
        moved = False
        for repeat in case.repeats:
            if repeat.drift or repeat.steps:
                moved = True
                seen.drifts.update([repeat.drift] if repeat.drift else [])
        if _is_doubted(case):
            seen.doubted += 1
        else:
            # Of what nobody can say it is not known that it fails.
            seen.states[state, known and not undecided] += 1
        if case.bare:
            seen.bare.append(case.id)
        seen.faults += case.faults
        if moved or state == "missing" or (state == "passed") == known or undecided:
            seen.told.append(case)
    return seen


def at(
    slug: str, message: str, path: str, line: int | None = None, column: int | None = None, *, hint: str | None = None
) -> Finding:
    """A finding of a test run."""
    rule, severity = FINDINGS[slug]
    return Finding(rule, slug, severity, message, path or None, line, column, hint)


def of_case(case: Case, slug: str, message: str, *, hint: str | None = None) -> Finding:
    """A finding at a case's row."""
    return at(slug, f"case {case.id!r}: {message}", case.path, case.line, hint=hint)


def of_source(slug: str, message: str, source: Source, *, hint: str | None = None) -> Finding:
    """A finding at a prompt's file."""
    return at(slug, message, source.path, hint=hint)


def _measured(result: UnitResult) -> dict[str, Measured]:
    found = {}
    for name in result.metrics:
        pairs = (
            (case.expected[name], [repeat.labels.get(name) for repeat in case.repeats if repeat.state != "missing"])
            for case in result.cases
            if name in case.expected
        )
        if measured := measure(pairs):
            found[name] = measured
    return found


def _below(result: UnitResult, measured: Mapping[str, Measured]) -> Iterator[Finding]:
    """What a metric falls short of; it is not asked while answers are missing, nor of a part of the set."""
    for name, found in measured.items():
        for key, value in (("accuracy", found.accuracy), ("macro-f1", found.macro_f1)):
            least = result.metrics[name].get(key)
            if isinstance(least, int | float) and value < least - _ROUNDING:
                message = f"{key} of {name!r} on {result.model} is {value:.3f} over {found.cases} cases"
                yield at("metric-below", f"{message}; at least {least:g} is wanted", result.path)


def _row(
    result: UnitResult,
    seen: _Seen | None,
    status: Status,
    measured: Mapping[str, Measured] | None = None,
    *,
    detail: bool = False,
) -> dict[str, object]:
    """The numbers of cases; a case that is repeated is still one. None of what was not run."""
    ran = seen is not None
    seen = seen or _Seen()

    def count(*wanted: str, known: bool = False) -> int:
        return sum(seen.states[state, known] for state in wanted)

    return {
        "id": result.prompt,
        "model": result.model,
        "proxy": result.proxy,
        "cases": len(result.cases),
        "passed": count("passed"),
        "failed": count("failed") + count("passed", known=True),
        "errors": count("error"),
        "doubted": seen.doubted,
        "missing": count("missing") + count("missing", known=True),
        # Of those that are missing: the ones that the run ended before.
        "not_run": sum(1 for case in seen.told if case.state == "missing" and _is_not_run(case)),
        "xfailed": count("failed", "error", known=True),
        "status": str(status),
        # Worse or only noise: what a comparison with the last release will say.
        "verdict": None,
        **({"drift": {kind: seen.drifts[kind] for kind in ("same", "text", "verdict", "new")}} if seen.drifts else {}),
        **({"judges": [judge.row() for judge in result.judges]} if result.judges else {}),
        **({"metrics": {name: found.row() for name, found in measured.items()}} if measured else {}),
        **({"results": Rows(_case_row, result.cases) if ran else []} if detail else {}),
    }


def _case_row(case: CaseResult) -> dict[str, object]:
    return {
        "case": case.id,
        "state": case.state,
        "rate": case.rate,
        "score": case.score,
        "repeats": len(case.repeats),
        **({"xfail": case.xfail} if case.xfail is not None else {}),
        **({"doubts": list(case.doubts)} if case.doubts else {}),
    }


def _proxy(result: UnitResult) -> Iterator[Finding]:
    if result.proxy:
        own = result.own or "a model that the prompt does not name"
        message = f"{result.model} stands in for {own}: a proxy's answers are not the prompt's own"
        yield at("proxy-model", message, result.path)


def _nothing_asserted(result: UnitResult, seen: _Seen) -> Iterator[Finding]:
    if seen.bare:
        message = f"nothing is asserted of the answers to {_listed(seen.bare)}: they pass whatever the answer is"
        hint = 'add `assert` to the case, or to the suite for all of them, as `assert: [{equals: "{{expected}}"}]`: '
        hint += "`expected` by itself is compared with nothing"
        yield at("nothing-asserted", message, result.path, hint=hint)


def _not_run(result: UnitResult, missing: Iterable[CaseResult]) -> Iterator[Finding]:
    if unfinished := [case for case in missing if _is_not_run(case)]:
        first = next(repeat for repeat in unfinished[0].repeats if repeat.missed == "not-run")
        names = _listed([case.id for case in unfinished])
        count = "1 case was" if len(unfinished) == 1 else f"{len(unfinished)} cases were"
        message = f"{count} not run on {result.model} ({names}): {'; '.join(first.reasons)}"
        yield at("not-run", message, result.path, hint=first.hint)


def _is_not_run(case: CaseResult) -> bool:
    return all(repeat.missed in (None, "not-run") for repeat in case.repeats)


def _missed(result: UnitResult, case: CaseResult) -> Finding:
    missing = [repeat for repeat in case.repeats if repeat.state == "missing"]
    first = next((repeat for repeat in missing if repeat.missed != "not-run"), missing[0])
    hint = first.hint or f"run `onbook test {result.prompt} --record` and commit the recordings"
    slug = _MISSED[first.missed or "unrecorded"]
    return _told(result, case, slug, missing, "missing", first.reasons, hint=hint)


def _passed_unexpectedly(case: CaseResult) -> Finding:
    message = f"passes, and is marked as known to fail ({case.xfail})"
    return at("unexpected-pass", f"case {case.id!r} {message}", case.path, case.line, hint="delete its xfail")


def _failed(result: UnitResult, case: CaseResult, *, forgiven: bool) -> Finding:
    worst = [repeat for repeat in case.repeats if repeat.state == case.state]
    slug = "answer-unusable" if case.state == "error" else "case-failed"
    if forgiven:
        slug = "case-below-threshold"
    word = "no usable answer" if case.state == "error" else "failed"
    return _told(result, case, slug, worst, word, worst[0].reasons, hint=worst[0].hint)


def _is_doubted(case: CaseResult) -> bool:
    """Whether it would fail the check if a judge that may not gate might."""
    wrong = case.state == "passed" if case.xfail is not None else case.state in ("failed", "error")
    return wrong and bool(case.doubts)


def _doubted(result: UnitResult, case: CaseResult) -> Finding:
    who = " and ".join(case.doubts)
    hint = f"{who} fails no check before its agreement with people is measured: see what is said of it below"
    if case.xfail is not None:
        message = f"passes by the word of {who}, and is marked as known to fail ({case.xfail})"
        return at("judge-doubted", f"case {case.id!r} {message}", case.path, case.line, hint=hint)
    worst = [repeat for repeat in case.repeats if repeat.state == case.state]
    word = "no usable verdict" if case.state == "error" else "would fail"
    return _told(result, case, "judge-doubted", worst, word, worst[0].reasons, hint=hint)


def _drifted(result: UnitResult, seen: _Seen) -> Iterator[Finding]:
    for case in seen.told:
        moved = [repeat for repeat in case.repeats if repeat.drift == "verdict"]
        if moved:
            message = f"the verdict is not that of the recording: now {moved[0].state}"
            yield _told(result, case, "verdict-drifted", moved, "moved", (message,), hint=None)
    other = [case.id for case in seen.told if any(repeat.drift == "text" for repeat in case.repeats)]
    if other:
        count = "1 answer reads" if len(other) == 1 else f"{len(other)} answers read"
        message = f"{count} otherwise than recorded, with the same verdict: {_listed(other)}"
        yield at("answer-drifted", message, result.path)
    steps: dict[str, list[str]] = {}
    for case in seen.told:
        for step in {name for repeat in case.repeats for name, drift in repeat.steps.items() if drift == "text"}:
            steps.setdefault(step, []).append(case.id)
    for step, ids in sorted(steps.items()):
        message = f"step {step!r} of the chain answers otherwise than recorded: {_listed(ids)}"
        yield at("answer-drifted", message, result.path)


def _told(
    result: UnitResult,
    case: CaseResult,
    slug: str,
    which: Sequence[RepeatResult],
    word: str,
    reasons: Iterable[str],
    *,
    hint: str | None,
) -> Finding:
    again = ""
    if len(case.repeats) > 1:
        numbers = ", ".join(str(repeat.repeat + 1) for repeat in which)
        again = f", {len(which)} of {len(case.repeats)} repeats {word} ({numbers})"
    message = f"case {case.id!r} on {result.model}{again}: {'; '.join(reasons)}"
    return at(slug, message, case.path, case.line, hint=hint)


def _listed(ids: Sequence[str]) -> str:
    return ", ".join(map(repr, ids[:_NAMED])) + (f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else "")


def _once(checks: Sequence[Check]) -> Iterator[Check]:
    """What keeps many prompts from being run, such as a partial that they share, is told at the first of them."""
    kept_from: dict[str, list[str]] = {}
    for check in checks:
        if check.status is Status.UNCHECKED:
            for finding in check.findings:
                if finding.slug == "prompt-unusable":
                    kept_from.setdefault(finding.fingerprint, []).append(check.prompt or check.id)
    told: set[str] = set()
    for check in checks:
        findings = []
        for finding in check.findings:
            prompts = kept_from.get(finding.fingerprint, [])
            if len(prompts) < 2 or check.status is not Status.UNCHECKED:
                findings.append(finding)
            elif finding.fingerprint not in told:
                told.add(finding.fingerprint)
                message = f"{finding.message} (it keeps {len(prompts)} prompts from being run: {_listed(prompts)})"
                findings.append(
                    at(finding.slug, message, finding.path or "", finding.line, finding.column, hint=finding.hint)
                )
        yield Check(check.id, check.status, check.prompt, tuple(findings))
