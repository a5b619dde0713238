"""The tests of what a change touches: replayed, and where answers were recorded anew, compared with the old ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from onbook.project import Catalog, Config, Source
from onbook.project.cases import RECORDINGS_SUFFIX, stem
from onbook.report import Check, Finding, Report, Severity, Status
from onbook.testing.baseline import against, judge, settle
from onbook.testing.details import Details
from onbook.testing.runner import replay, report_of
from onbook.testing.verdicts import with_verdicts

Old = Callable[[Source], tuple[Source | None, str]]


def run_affected(
    sources: Sequence[Source], old: Old, catalog: Catalog, *, fork: bool = False, details: Details | None = None
) -> Report:
    """Replay the cases of these prompts; no key, no network, no code of theirs.

    Args:
        old: a prompt as it was at its base, and what that is called.
        fork: answers that were recorded with the change are labelled as testimony.
        details: takes the answers themselves, and the old ones beside them.
    """
    report = report_of(replay(sources, seen=details.seen if details else None), head=catalog.snapshot.name)
    recorded = {source.id: source for source in sources if _recorded(source, old(source)[0])}
    matches = []
    for source in sources if details else recorded.values():
        before, label = old(source)
        if before is not None and source.cases:
            laid_out = against(before, source, label)
            if details:
                for match in laid_out:
                    details.compared(match)
            if source.id in recorded:
                matches += laid_out
    if matches:
        report = with_verdicts(report, settle([judge(match) for match in matches]), base=report.base)
    if catalog.config.gate("inconclusive"):
        report = replace(report, checks=tuple(map(_decided, report.checks)))
    report = _as_testimony(report, recorded) if fork else report
    return details.added(report) if details else report


def _recorded(source: Source, before: Source | None) -> bool:
    """Whether the recordings are other than they were."""
    path = stem(source.path) + RECORDINGS_SUFFIX
    if before is None:
        return source.snapshot.entry(path) is not None
    return source.snapshot.identity(path) != before.snapshot.identity(stem(before.path) + RECORDINGS_SUFFIX)


def _decided(check: Check) -> Check:
    """A check that fails where the answers cannot be told to be no worse."""
    slug = "inconclusive"
    if not any(finding.slug == slug for finding in check.findings):
        return check
    findings = [each._replace(severity=Severity.ERROR) if each.slug == slug else each for each in check.findings]
    # What failed or could not be checked before stays so.
    failed = Check.of(check.id, findings, prompt=check.prompt).status if check.status is Status.PASSED else check.status
    return replace(check, status=failed, findings=tuple(findings))


def held(check: Check, config: Config) -> Check:
    """A check as far as the gates hold it: each for its own findings, and what another gate lets pass is a warning."""
    if check.status not in (Status.FAILED, Status.UNCHECKED):
        return check
    findings, kept = [], set[str]()
    for each in check.findings:
        if each.severity is Severity.ERROR and not each.waived:
            if any(config.gate(name) for name in _GATES.get(each.slug, ("tests",))):
                kept.add(each.slug)
            else:
                each = each._replace(severity=Severity.WARNING)  # noqa: PLW2901
        findings.append(each)
    if not kept:
        return passed(check)
    unchecked = check.status is Status.UNCHECKED or kept <= _UNKNOWN
    return replace(check, status=Status.UNCHECKED if unchecked else Status.FAILED, findings=tuple(findings))


# What is no answer that fails: which gates hold it, as at a release. All else is what the gate ``tests`` holds.
_GATES = {
    "regressed": ("verdict",),
    "inconclusive": ("inconclusive",),
    "not-comparable": ("verdict", "unchecked"),
    **dict.fromkeys(("recording-missing", "not-recorded", "not-run"), ("unchecked",)),
    **dict.fromkeys(("case-wrong", "prompt-unusable"), ("tests", "unchecked")),
}
_UNKNOWN = _GATES.keys() - {"regressed", "inconclusive"}


def passed(check: Check) -> Check:
    """A check that no gate holds: its errors are warnings."""
    findings = tuple(
        each._replace(severity=Severity.WARNING) if each.severity is Severity.ERROR else each for each in check.findings
    )
    status = Status.SKIPPED if check.status is Status.SKIPPED else Status.PASSED
    return replace(check, status=status, findings=findings)


def _as_testimony(report: Report, recorded: dict[str, Source]) -> Report:
    checks = []
    for check in report.checks:
        source = recorded.get(check.prompt or "")
        if source is not None:
            message = f"the answers of {source.id} were recorded in a fork: a green replay of them is testimony"
            hint = f"a maintainer runs `onbook test {source.id} --record` on a copy without these recordings"
            told = Finding(
                "OC201", "testimony", Severity.WARNING, message, stem(source.path) + RECORDINGS_SUFFIX, hint=hint
            )
            checks.append(replace(check, findings=(*check.findings, told)))
        else:
            checks.append(check)
    rows = report.data["prompts"]
    assert isinstance(rows, list)
    labelled = [{**row, "testimony": row["id"] in recorded} for row in rows]
    return replace(report, checks=tuple(checks), data={**report.data, "prompts": labelled})
