"""Results -> Report. The only place that counts cases, so that one run and the merged shards of it say the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from onbook.project import Source
from onbook.prompt import Case
from onbook.report import Check, Finding, Report, Severity, Status
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
    wrong = [*result.wrong, *(fault for case in result.cases for fault in case.faults)]
    if wrong:
        return _judged(name, result, Status.UNCHECKED, wrong, (), detail)
    if result.kind == "run" and not result.cases:
        return _judged(name, result, Status.SKIPPED, [], (), detail)  # they are all in other shards
    if result.kind == "skipped":
        message = "this prompt has no cases, so nothing was tested"
        return _judged(name, result, Status.SKIPPED, [at("no-cases", message, result.path)], (), detail)
    expected = [case for case in result.cases if case.xfail is None]
    bad = [case for case in expected if case.state in ("failed", "error") and not case.doubts]
    passing = [case for case in result.cases if case.xfail is not None and case.state == "passed"]
    surprising = [case for case in passing if not case.doubts]
    enough = len(expected) - len(bad) >= result.threshold * len(expected) - _ROUNDING
    findings = [*_proxy(result), *_nothing_asserted(result), *_not_run(result)]
    findings += [_missed(result, case) for case in result.cases if case.state == "missing" and not _is_not_run(case)]
    findings += [_passed_unexpectedly(case) for case in surprising]
    findings += [_failed(result, case, forgiven=enough) for case in bad]
    findings += [_doubted(result, case) for case in result.cases if _is_doubted(case)]
    findings += [
        at("judge-measured" if j.gates else "judge-unmeasured", j.sentence, result.path, hint=j.advice)
        for j in result.judges
    ]
    findings += _drifted(result)
    measured = _measured(result)
    below = list(_below(result, measured))
    findings += below
    status = Status.PASSED
    if surprising or not enough or below:
        status = Status.FAILED  # whatever those that are missing will say
    elif any(case.state == "missing" for case in result.cases):
        status = Status.UNCHECKED
    return _judged(name, result, status, findings, result.cases, detail)


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
        pairs = [
            (case.expected[name], [repeat.labels.get(name) for repeat in case.repeats if repeat.state != "missing"])
            for case in result.cases
            if name in case.expected
        ]
        if measured := measure(pairs):
            found[name] = measured
    return found


def _below(result: UnitResult, measured: Mapping[str, Measured]) -> Iterator[Finding]:
    """What a metric falls short of; nothing while answers are missing, and nothing of a part of the set."""
    if any(case.state == "missing" for case in result.cases) or len(result.cases) < result.total:
        return
    for name, found in measured.items():
        for key, value in (("accuracy", found.accuracy), ("macro-f1", found.macro_f1)):
            least = result.metrics[name].get(key)
            if isinstance(least, int | float) and value < least - _ROUNDING:
                message = f"{key} of {name!r} on {result.model} is {value:.3f} over {found.cases} cases"
                yield at("metric-below", f"{message}; at least {least:g} is wanted", result.path)


def _judged(
    name: str,
    result: UnitResult,
    status: Status,
    findings: Iterable[Finding],
    cases: Sequence[CaseResult],
    detail: bool,
) -> tuple[Check, dict[str, object]]:
    return Check(name, status, result.prompt, tuple(findings)), _row(result, cases, status, detail)


def _row(result: UnitResult, cases: Sequence[CaseResult], status: Status, detail: bool) -> dict[str, object]:
    """The numbers of cases; a case that is repeated is still one."""

    measured = _measured(result) if cases else {}
    counted = Counter((case.state, case.xfail is not None) for case in cases)

    # A case whose state rests on a judge that may not gate counts neither as passed nor as failed.
    doubted = [case for case in cases if _is_doubted(case)]
    counted.subtract((case.state, case.xfail is not None) for case in doubted)

    def count(*wanted: str, known: bool = False) -> int:
        return sum(counted[state, known] for state in wanted)

    drifts = [repeat.drift for case in cases for repeat in case.repeats if repeat.drift]
    return {
        "id": result.prompt,
        "model": result.model,
        "proxy": result.proxy,
        "cases": len(result.cases),
        "passed": count("passed"),
        "failed": count("failed") + count("passed", known=True),
        "errors": count("error"),
        "doubted": len(doubted),
        "missing": count("missing") + count("missing", known=True),
        # Of those that are missing: the ones that the run ended before.
        "not_run": sum(1 for case in cases if case.state == "missing" and _is_not_run(case)),
        "xfailed": count("failed", "error", known=True),
        "status": str(status),
        # Worse or only noise: what a comparison with the last release will say.
        "verdict": None,
        **({"drift": {kind: drifts.count(kind) for kind in ("same", "text", "verdict", "new")}} if drifts else {}),
        **({"judges": [judge.row() for judge in result.judges]} if result.judges else {}),
        **({"metrics": {name: found.row() for name, found in measured.items()}} if measured else {}),
        **({"results": [_case_row(case) for case in cases]} if detail else {}),
    }


def _case_row(case: CaseResult) -> dict[str, object]:
    return {"case": case.id, "state": case.state, "rate": case.rate, "score": case.score, "repeats": len(case.repeats)}


def _proxy(result: UnitResult) -> Iterator[Finding]:
    if result.proxy:
        own = result.own or "a model that the prompt does not name"
        message = f"{result.model} stands in for {own}: a proxy's answers are not the prompt's own"
        yield at("proxy-model", message, result.path)


def _nothing_asserted(result: UnitResult) -> Iterator[Finding]:
    if bare := [case.id for case in result.cases if case.bare]:
        message = f"nothing is asserted of the answers to {_listed(bare)}: they pass whatever the answer is"
        hint = "add `assert` to the case, or to the suite for all cases"
        yield at("nothing-asserted", message, result.path, hint=hint)


def _not_run(result: UnitResult) -> Iterator[Finding]:
    if unfinished := [case for case in result.cases if case.state == "missing" and _is_not_run(case)]:
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


def _drifted(result: UnitResult) -> Iterator[Finding]:
    for case in result.cases:
        moved = [repeat for repeat in case.repeats if repeat.drift == "verdict"]
        if moved:
            message = f"the verdict is not that of the recording: now {moved[0].state}"
            yield _told(result, case, "verdict-drifted", moved, "moved", (message,), hint=None)
    other = [case.id for case in result.cases if any(repeat.drift == "text" for repeat in case.repeats)]
    if other:
        count = "1 answer reads" if len(other) == 1 else f"{len(other)} answers read"
        message = f"{count} otherwise than recorded, with the same verdict: {_listed(other)}"
        yield at("answer-drifted", message, result.path)
    steps: dict[str, list[str]] = {}
    for case in result.cases:
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
