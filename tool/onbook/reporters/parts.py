"""A report of ``onbook check`` as its parts, and each of them in a few words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from onbook.report import Check, Finding, Report, Severity, Status

Row = Mapping[str, Any]

PARTS = ("lint", "diff", "test")


def split(report: Report) -> tuple[list[Check], dict[str, Report]]:
    """What ``check`` says itself, and each of its parts as the report that the part's own verb would print."""
    own = [check for check in report.checks if check.id.partition("/")[0] not in PARTS]
    parts = {}
    for name in PARTS:
        data = report.data.get(name)
        checks = tuple(check for check in report.checks if check.id.startswith(f"{name}/"))
        parts[name] = replace(report, verb=name, checks=checks, data=data if isinstance(data, Mapping) else {})
    return own, parts


def begins(own: Sequence[Check]) -> bool:
    """Whether the parts have looked at all; without a base none does."""
    return all(check.status is not Status.UNCHECKED for check in own)


def summary(name: str, part: Report) -> str:
    """One part in a few words."""
    if name == "lint":
        return _counted(part.findings, len(part.checks))
    rows = rows_of(part)
    if name == "diff":
        counts = {bump: sum(row["bump"] == bump for row in rows) for bump in ("major", "minor", "patch", "none")}
        told = ", ".join(f"{count} {bump}" for bump, count in counts.items() if count) or "no prompt changed"
        broken = sum(check.status is Status.UNCHECKED for check in part.checks)
        return f"{told}; {broken} could not be compared" if broken else told
    if not rows:
        return "nothing that is tested changed" if not part.checks else _counted(part.findings, len(part.checks))
    cases, passed = (sum(row[key] for row in rows) for key in ("cases", "passed"))
    verdicts = [str(row["verdict"]) for row in rows if row.get("verdict")]
    told = f"{passed} of {cases} cases pass"
    return f"{told}; {', '.join(dict.fromkeys(verdicts))}" if verdicts else told


def breaks(part: Report) -> tuple[list[Row], str]:
    """The prompts whose callers a change breaks, or may break, and that in words; ``major: callers break``."""
    rows = [row for row in rows_of(part) if row["bump"] == "major"]
    majors = [change for row in rows for change in row["changes"] if change["bump"] == "major"]
    proved = any(not change.get("waivable") for change in majors)
    return rows, f"major: callers {'break' if proved else 'may break'}" if rows else ""


def rows_of(part: Report) -> list[Row]:
    """The rows of a part's data, one a prompt; of a report that others wrote, those that are rows."""
    found = part.data.get("prompts")
    return [row for row in found if isinstance(row, Mapping)] if isinstance(found, list) else []


def _counted(findings: Sequence[Finding], looked: int) -> str:
    words = []
    for severity in Severity:
        number = sum(each.severity is severity and not each.waived for each in findings)
        words += (
            [f"{number} {severity}{'s' if number != 1 and severity is not Severity.INFO else ''}"] if number else []
        )
    waived = sum(each.waived for each in findings)
    words += [f"{waived} waived"] if waived else []
    return ", ".join(words) or f"nothing found in {looked}"
