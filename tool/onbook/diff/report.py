"""The result of diff as a Report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from onbook.diff.changes import Change
from onbook.diff.compare import PromptDiff, next_version
from onbook.errors import OnbookError, UsageError
from onbook.report import Check, Finding, Report, Severity, Status
from onbook.versions import Bump

FAIL_ON = ("major", "unproven", "undeclared")


def diff_report(
    diffs: Iterable[PromptDiff],
    *,
    base: str | None,
    head: str,
    fail_on: Iterable[str] = (),
    broken: Mapping[str, OnbookError] | None = None,
) -> Report:
    """One check a prompt that changed, one finding a change.

    Args:
        fail_on: what makes a change an error instead of a piece of information; see FAIL_ON.
        broken: prompts that could not be compared, with the reason.
    """
    failing = frozenset(fail_on)
    checks, rows = [], []
    for found in diffs:
        findings = [_finding(found, change, failing) for change in found.changes]
        following = None
        try:
            following = next_version(found)
        except UsageError as error:
            following = found.required
            findings.append(_undeclared(found, error, failing))
        checks.append(Check.of(f"diff/{found.id}", findings, prompt=found.id))
        rows.append(
            {
                "id": found.id,
                "base_version": str(found.base) if found.base else None,
                "next_version": str(following) if following else None,
                "bump": str(found.bump),
                "proved": found.proved,
                "changes": [_row(change) for change in found.changes],
            }
        )
    for id, trouble in (broken or {}).items():
        finding = Finding("OD001", "not-comparable", Severity.ERROR, trouble.message, trouble.place, hint=trouble.hint)
        checks.append(Check(f"diff/{id}", Status.UNCHECKED, id, (finding,)))
    return Report("diff", tuple(checks), base, head, {"prompts": rows})


def json_pointer(pointer: Iterable[str | int]) -> str:
    """RFC 6901: ``/messages/0/content``."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in pointer)


def _finding(found: PromptDiff, change: Change, failing: frozenset[str]) -> Finding:
    unproven = change.rule.unproven
    fails = (change.bump is Bump.MAJOR and "major" in failing) or (unproven and "unproven" in failing)
    source = found.old if change.removed or found.new is None else found.new
    line = column = None
    if source and source.document and change.pointer:
        line, column = source.document.place(change.pointer)
    return Finding(
        change.rule.id,
        change.rule.slug,
        Severity.ERROR if fails else Severity.INFO,
        f"{change.bump}: {change.consequence}",
        source.path if source else None,
        line,
        column,
    )


def _undeclared(found: PromptDiff, error: UsageError, failing: frozenset[str]) -> Finding:
    severity = Severity.ERROR if "undeclared" in failing else Severity.WARNING
    line = column = None
    if found.new and found.new.document:
        line, column = found.new.document.place(("version",))
    path = found.new.path if found.new else None
    return Finding("OD002", "version-too-small", severity, error.message, path, line, column, error.hint)


def _row(change: Change) -> dict[str, object]:
    return {
        "rule": change.rule.id,
        "slug": change.rule.slug,
        "bump": str(change.bump),
        "pointer": json_pointer(change.pointer),
        "old": change.old,
        "new": change.new,
        "consequence": change.consequence,
        "witness": change.witness[0] if change.witness else None,
    }
