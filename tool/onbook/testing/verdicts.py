"""What a comparison says, in words and numbers, as part of a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from onbook.report import Check, Finding, Report, Severity, Status, parted
from onbook.testing.baseline import ACCURACY, NOT_RECORDED, Compared
from onbook.testing.preference import PAIRWISE, Preferences
from onbook.testing.statistics import Comparison, Verdict

FINDINGS = {
    Verdict.REGRESSED: ("OT401", "regressed", Severity.ERROR),
    Verdict.INCONCLUSIVE: ("OT402", "inconclusive", Severity.INFO),
    Verdict.NOT_WORSE: ("OT403", "not-worse", Severity.INFO),
    None: ("OT404", "not-comparable", Severity.ERROR),
}

_NAMED = 5

_MEASURES = {ACCURACY: "passed", PAIRWISE: "preferred"}


def compare_report(compared: Iterable[Compared], *, base: str, head: str) -> Report:
    """The report of comparisons alone: one check and one row each."""
    every = list(compared)
    checks = [check_of(f"compare/{_name(each)}", each) for each in every]
    rows = [{"id": each.prompt, "model": each.model, **row_of(each)} for each in every]
    return Report("compare", tuple(checks), base, head, {"prompts": rows})


def preference_report(compared: Compared, told: Preferences, *, base: str, head: str) -> Report:
    """The report of a pairwise comparison. What a judge prefers is told, and fails nothing: nobody has measured it."""
    report = compare_report([compared], base=base, head=head)
    (check,) = report.checks
    findings = [
        finding._replace(severity=Severity.WARNING) if finding.slug == "regressed" else finding
        for finding in check.findings
    ]
    rate = told.flip_rate
    if rate is not None:
        words = f"judge {told.judge} preferred {base} {told.old} times and {head} {told.new} times, {told.ties} ties"
        words += f"; it changed its mind with the order in {told.flipped} of {told.asked} pairs ({_share(rate)})"
        hint = (
            "a judge that goes by the order says little: name a larger one with --judge-model" if rate > _MANY else None
        )
        rule, slug, severity = _PREFERRED
        findings.append(Finding(rule, slug, severity, words, compared.path, hint=hint))
    rows = report.data["prompts"]
    assert isinstance(rows, list)
    numbers = {name: getattr(told, name) for name in ("judge", "asked", "flipped", "flip_rate", "new", "old", "ties")}
    status = check.status if check.status is Status.UNCHECKED else Status.PASSED
    checks = (Check(check.id, status, check.prompt, tuple(findings)),)
    return replace(report, checks=checks, data={"prompts": [{**rows[0], "preference": numbers}]})


_PREFERRED = ("OT405", "preferred", Severity.INFO)

# One pair in five: as many as that and the order says as much as the answers do.
_MANY = 0.2


def with_verdicts(report: Report, compared: Iterable[Compared], *, base: str | None) -> Report:
    """The report of a test run with what comparisons say: their findings join the checks, their numbers the rows."""
    by_name: dict[tuple[str, str], Compared] = {(each.prompt, each.model): each for each in compared}
    by_prompt = {each.prompt: each for each in by_name.values()}
    rows = report.data["prompts"]
    assert isinstance(rows, list)
    checks, told = [], []
    for check, row in zip(report.checks, rows, strict=True):
        found = by_name.get((row["id"], row["model"])) or by_prompt.get(row["id"])
        if found is None or check.status is Status.SKIPPED:
            checks.append(check)
            told.append(row)
            continue
        joined = check_of(check.id, found)
        status = max(check.status, joined.status, key=_WEIGHT.index)
        checks.append(replace(check, status=status, findings=(*check.findings, *joined.findings)))
        told.append({**row, "status": str(status), **row_of(found)})
    return replace(report, checks=tuple(checks), base=base, data={**report.data, "prompts": told})


_WEIGHT = (Status.SKIPPED, Status.PASSED, Status.UNCHECKED, Status.FAILED)


def check_of(id: str, compared: Compared) -> Check:
    """One comparison as a check: failed where it regressed, unchecked where nobody can say."""
    rule, slug, severity = FINDINGS[compared.verdict]
    if compared.trouble is not None:
        trouble = compared.trouble
        place = parted(trouble.place or compared.path)
        finding = Finding(rule, slug, severity, trouble.message, *place, hint=trouble.hint)
        return Check(id, Status.UNCHECKED, compared.prompt, (finding,))
    finding = Finding(rule, slug, severity, sentence(compared), compared.path, hint=_advice(compared))
    return Check.of(id, [finding], prompt=compared.prompt)


def sentence(compared: Compared) -> str:
    """A comparison in one line for people."""
    where = f"than {compared.base}"
    if compared.model != compared.old_model:
        where += f" on {compared.old_model}"
    if compared.same:
        return f"not worse {where}: the same requests have the same outcomes{_left_out(compared)}"
    found = compared.comparison
    if found is None:
        return f"whether it is worse {where} cannot be told: no case has answers on both sides{_left_out(compared)}"
    words = {
        Verdict.REGRESSED: f"worse {where}",
        Verdict.NOT_WORSE: f"not worse {where}",
        Verdict.INCONCLUSIVE: f"whether it is worse {where} cannot be told from {_cases(found.cases)}",
    }[found.verdict]
    measure = _MEASURES.get(compared.measure, compared.measure)
    numbers = (
        f"{measure} {_share(found.old)} before and {_share(found.new)} now, "
        f"{_points(found.difference)} points [{_points(found.interval.low)}, {_points(found.interval.high)}]"
    )
    return f"{words}: {numbers}{_moved(found)}{_left_out(compared)}"


def row_of(compared: Compared) -> dict[str, object]:
    """A comparison as data: the verdict, and the numbers that it rests on."""
    found = compared.comparison
    return {
        "verdict": str(compared.verdict) if compared.verdict else None,
        "comparison": None if found is None else _numbers(compared, found),
        "left_out": dict(compared.left_out or {}),
    }


def _numbers(compared: Compared, found: Comparison) -> dict[str, object]:
    return {
        "measure": compared.measure,
        "old_model": compared.old_model,
        "cases": found.cases,
        "groups": found.groups,
        "repeats": found.repeats,
        "old": found.old,
        "new": found.new,
        "difference": found.difference,
        "interval": list(found.interval),
        "method": found.method,
        "test": found.test,
        "p": found.p,
        "adjusted_p": found.adjusted,
        "margin": found.margin,
        "gained": list(found.gained),
        "lost": list(found.lost),
        "flaky": list(found.flaky),
        "detectable": found.detectable,
        "more_cases": found.more,
    }


def _advice(compared: Compared) -> str | None:
    found = compared.comparison
    if found is None and NOT_RECORDED in (compared.left_out or {}).values():
        return (
            "`onbook test --record` records what the work tree asks; `onbook compare ID A B --live` asks both sides now"
        )
    if found is None or found.verdict is not Verdict.INCONCLUSIVE:
        return None
    words = []
    if found.detectable is None:
        words.append("so few cases show no drop at all, however large")
    else:
        words.append(f"so many cases show a drop of {_points(found.detectable, sign=False)} points or more")
    if found.more:
        words.append(f"about {found.more} more like these would decide it")
    return "; ".join(words)


def _moved(found: Comparison) -> str:
    parts = []
    for ids, word in ((found.lost, "fell"), (found.gained, "rose")):
        if ids:
            more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
            parts.append(f"{', '.join(ids[:_NAMED])}{more} {word}")
    if found.flaky:
        parts.append(f"{_cases(len(found.flaky))} flaky")
    return f"; {'; '.join(parts)}" if parts else ""


def _left_out(compared: Compared) -> str:
    reasons = Counter((compared.left_out or {}).values())
    if not reasons:
        return ""
    told = ", ".join(f"{count} ({reason})" for reason, count in reasons.most_common(3))
    return f"; left out: {told}"


def _name(compared: Compared) -> str:
    return f"{compared.prompt}@{compared.model}" if compared.model else compared.prompt


def _cases(count: int) -> str:
    return "1 case" if count == 1 else f"{count} cases"


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"


def _points(value: float, *, sign: bool = True) -> str:
    return f"{100 * value:+.1f}" if sign else f"{100 * value:.1f}"
