"""The comment that a pull request gets of ``onbook check``.

The verdict first, then a table of the parts, what stops the change, what it means, and everything else folded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from onbook.report import Finding, Report, Severity, Status
from onbook.reporters.gfm import STATUS, code, finding_line, plain
from onbook.reporters.markdown_diff import diff_parts
from onbook.reporters.parts import Row, begins, breaks, rows_of, split, summary

_WORDS = {
    Status.PASSED: "passed",
    Status.FAILED: "failed",
    Status.UNCHECKED: "could not be checked, which is not the same as fine",
}
_MOST = 50


def gate_parts(report: Report) -> tuple[list[str], list[str]]:
    """The comment: what is always shown, and the folded rest."""
    own, parts = split(report)
    breaking, told = breaks(parts["diff"])
    head = [
        f"### onbook check: {STATUS[report.status]} {_WORDS[report.status]}" + (f"; 🔴 {told}" if told else ""),
        "",
    ]
    if report.data.get("base"):
        at = f" ({code(report.base[:12])})" if report.base else ""
        head += [f"Compared with {plain(str(report.data['base']))}{at}.", ""]
    if not begins(own):
        # No part has looked, so that nothing is said of any.
        return [*head, *_listed("What stops it", [finding for check in own for finding in check.findings])], []
    head += ["| part | status | found |", "|---|---|---|"]
    for name, part in parts.items():
        head.append(f"| {name} | {STATUS[part.status]} {part.status} | {plain(summary(name, part))} |")
    head += [""]
    head += _broken(breaking, told)
    loosened = [finding for check in own for finding in check.findings]
    head += _listed("What this change would have let pass by itself", loosened)
    stopping = [finding for part in parts.values() for finding in _errors(part)]
    head += _listed("What stops it", stopping)
    head += _testimony(parts["test"])
    changed, folded = diff_parts(parts["diff"])
    if rows_of(parts["diff"]):
        head += [f"#### What it means: {plain(summary('diff', parts['diff']))}", *changed[1:]]
    shown = stopping[:_MOST]
    folded += list(_folded("lint", parts["lint"], shown))
    folded += list(_folded("test", parts["test"], shown, tested(rows_of(parts["test"]))))
    return head, folded


def _broken(rows: Sequence[Row], told: str) -> list[str]:
    """Whom a major change concerns, before everything else."""
    if not rows:
        return []
    names = [
        f"{code(row['id'])} ({plain(row['base_version'] or 'unreleased')} → {plain(row['next_version'] or 'gone')})"
        for row in rows[:_MOST]
    ]
    more = [f"and {len(rows) - _MOST} more"] if len(rows) > _MOST else []
    return [f"🔴 **{told[0].upper()}{told[1:]}** where they are not changed as well: {', '.join([*names, *more])}.", ""]


def _errors(part: Report) -> Iterator[Finding]:
    for check in part.checks:
        if check.status in (Status.FAILED, Status.UNCHECKED):
            yield from (each for each in check.findings if each.severity is Severity.ERROR and not each.waived)


def _listed(title: str, findings: Sequence[Finding]) -> list[str]:
    if not findings:
        return []
    lines = [f"**{title}**", "", *_lines(findings[:_MOST])]
    return [*lines, *([f"- and {len(findings) - _MOST} more"] if len(findings) > _MOST else []), ""]


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    """A line a finding; many in a row may have one remedy, which is told once, after the last of them."""
    for finding, following in zip_longest(findings, findings[1:]):
        repeated = following is not None and following.hint == finding.hint
        yield finding_line(finding._replace(hint=None) if repeated else finding)


def _testimony(part: Report) -> list[str]:
    ids = [row["id"] for row in rows_of(part) if row.get("testimony")]
    if not ids:
        return []
    names = ", ".join(code(id) for id in ids[:_MOST])
    told = "the answers were recorded in a fork. That they pass is testimony until a maintainer records them again"
    return [f"⚠️ **Testimony:** {names}: {told}.", ""]


def tested(rows: Sequence[Row]) -> list[str]:
    """How the cases of each prompt came out, and what a comparison says: a table."""
    if not rows:
        return []
    columns = ["cases", "passed", "failed", "errors", "missing", "xfailed"]
    columns += ["doubted"] if any(row.get("doubted") for row in rows) else []
    lines = [f"| prompt | model | {' | '.join(columns)} | against the base |", "|---" * (len(columns) + 3) + "|"]
    for row in rows[:_MOST]:
        numbers = " | ".join(str(int(row.get(name) or 0)) for name in columns)
        lines.append(
            f"| {code(row['id'])} | {code(row['model'] or '-')} | {numbers} | {plain(str(row['verdict'] or '-'))} |"
        )
    return [*lines, *([f"\nand {len(rows) - _MOST} more"] if len(rows) > _MOST else []), ""]


def _folded(name: str, part: Report, shown: Sequence[Finding], table: Sequence[str] = ()) -> Iterator[str]:
    known = set(shown)
    findings = [finding for finding in part.findings if finding not in known]
    if not findings and not table:
        return
    lines = list(_lines(findings[: 4 * _MOST]))
    more = [f"- and {len(findings) - 4 * _MOST} more"] if len(findings) > 4 * _MOST else []
    told = f"{STATUS[part.status]} {name}: {plain(summary(name, part))}"
    yield "\n".join(["<details>", f"<summary>{told}</summary>", "", *table, *lines, *more, "", "</details>", ""])
