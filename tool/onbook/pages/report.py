"""The page of a report: the verdict first, what changed, then every case. It reads nothing but the Report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from onbook import __version__
from onbook.errors import OnbookError
from onbook.pages.answers import KINDS, Answer, answers_of, packed, units_of
from onbook.pages.changes import changed
from onbook.pages.templating import page
from onbook.report import Check, Finding, Report, Severity, Status
from onbook.reporters.parts import begins, breaks, split, summary

VERBS = ("check", "test", "compare", "diff", "lint")
"""Whose reports have a page."""

_MAX_FINDINGS = 100
_MAX_OTHERS = 500
_MAX_LISTED = 200
_MAX_PROMPTS = 200
_MAX_HINTS = 3

# Findings of single cases: the table of cases has them, with the answers.
_OF_CASES = {
    "case-failed", "answer-unusable", "recording-missing", "not-recorded", "unexpected-pass", "judge-doubted",
    "case-below-threshold",
}  # fmt: skip

_LOOKS = {Status.PASSED: "good", Status.FAILED: "bad", Status.UNCHECKED: "warn", Status.SKIPPED: "plain"}
_TITLES = {
    "check": ("The check passed", "The check failed", "The check could not be made in full"),
    "test": ("The tests pass", "The tests fail", "The tests could not all be run"),
    "diff": ("What changed", "The change is not allowed", "What changed could not be told in full"),
    "lint": ("Nothing wrong was found", "Lint found faults", "Not everything could be looked at"),
}
_VERDICTS = {
    "REGRESSED": ("It is worse", "bad"),
    "NOT WORSE": ("It is not worse", "good"),
    "INCONCLUSIVE": ("Whether it is worse cannot be told", "warn"),
    None: ("It could not be compared", "warn"),
}
_HEAVIEST = ("REGRESSED", None, "INCONCLUSIVE", "NOT WORSE")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a check in a line."""

    name: str
    status: str
    look: str
    told: str


def report_page(report: Report) -> str:
    """One self-contained HTML file of a report, whatever its texts hold.

    Raises:
        OnbookError: the report has the shape of one, and still cannot be shown.
    """
    try:
        return page("report.html", styles=("style.css", "report.css"), scripts=("report.js",), **_shown(report))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise OnbookError(f"this report cannot be shown: {error!r}") from None


def _shown(report: Report) -> dict[str, Any]:
    own, parts = _parts(report)
    rows = _rows(parts.get("test") or parts.get("compare"))
    answers = answers_of(rows)
    carried = any("answers" in row for row in rows)
    findings = list(_findings(report))
    stopping = [each for check, each in findings if _stops(check, each)]
    single = [each for each in stopping if answers and each.slug in _OF_CASES]
    stopping = [each for each in stopping if not answers or each.slug not in _OF_CASES]
    others = [each for check, each in findings if not _stops(check, each) and not (answers and each.slug in _OF_CASES)]
    title, look = _title(report, rows)
    diff_rows = _rows(parts.get("diff"))
    broken, told = breaks(parts["diff"]) if "diff" in parts else ([], "")
    bad = [each for each in answers if KINDS[each.kind][1] in ("bad", "warn")]
    known = [each for each in answers if each.kind == "known"]
    units = list(units_of(rows, answers, _said(report)))
    return {
        "title": title,
        "look": look,
        "verb": report.verb,
        "breaking": told,
        "broken": [row["id"] for row in broken[:_MAX_LISTED]],
        "facts": list(_facts(report, rows)),
        "parts": [
            Part(name, str(part.status), _LOOKS[part.status], summary(name, part))
            for name, part in parts.items()
            if report.verb == "check" and begins(own)
        ],
        "single": _single(bad) if single else "",
        "single_hints": list(dict.fromkeys(each.hint for each in single if each.hint))[:_MAX_HINTS],
        "stopping": stopping[:_MAX_FINDINGS],
        "stopping_more": max(len(stopping) - _MAX_FINDINGS, 0),
        "changed": [changed(row) for row in diff_rows[:_MAX_PROMPTS]],
        "changed_more": max(len(diff_rows) - _MAX_PROMPTS, 0),
        "units": [unit for unit in units if not unit.empty],
        "without_cases": [unit.prompt for unit in units if unit.empty],
        "answers": len(answers),
        "carried": carried,
        "compared": any(each.row.get("old") for each in answers),
        "testimony": [row["id"] for row in rows if row.get("testimony")],
        "bad": bad[:_MAX_LISTED],
        "bad_more": max(len(bad) - _MAX_LISTED, 0),
        "known": known[:_MAX_LISTED],
        "known_more": max(len(known) - _MAX_LISTED, 0),
        "kinds": KINDS,
        "others": others[:_MAX_OTHERS],
        "others_more": max(len(others) - _MAX_OTHERS, 0),
        "packed": packed(answers, rows, _sides(report)),
        "labels": any(each.row.get("key") and each.row.get("answer") is not None for each in answers),
        "version": __version__,
    }


def _parts(report: Report) -> tuple[list[Check], dict[str, Report]]:
    if report.verb == "check":
        return split(report)
    return [], {report.verb: report}


def _title(report: Report, rows: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    if report.verb == "compare":
        said = {row.get("verdict") for row in rows} or {None}
        return _VERDICTS[next(each for each in _HEAVIEST if each in said)]
    passed, failed, unchecked = _TITLES[report.verb]
    told = {Status.FAILED: failed, Status.UNCHECKED: unchecked}.get(report.status, passed)
    return told, "plain" if report.verb == "diff" and report.status is Status.PASSED else _LOOKS[report.status]


def _facts(report: Report, rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """What is told below the verdict: pairs of a name and a text."""
    base = report.data.get("base") if report.verb == "check" else report.base
    if isinstance(base, str):
        at = f" ({report.base[:12]})" if report.verb == "check" and report.base else ""
        yield "Against" if report.verb == "compare" else "Compared with", f"{base}{at}"
    if report.head:
        yield "Measured" if report.verb == "compare" else "Looked at", report.head
    counted = [row for row in rows if "cases" in row]
    if counted:
        cases, passed = (sum(int(row[key]) for row in counted) for key in ("cases", "passed"))
        several = len(counted) > len({row["id"] for row in counted})
        known = sum(int(row.get("xfailed", 0)) for row in counted)
        told = f", {known:,} are known to fail" if known else ""
        yield "Cases", f"{passed:,} of {cases:,} pass{told}{', each on each model' if several else ''}"


def _sides(report: Report) -> tuple[str, str] | None:
    """What a comparison calls its two sides, neither of which need be the older one."""
    return (str(report.base), str(report.head)) if report.verb == "compare" else None


def _single(bad: Sequence[Answer]) -> str:
    """How many cases do not pass and how they do not, a case on several models once."""
    found: dict[tuple[str, str], str] = {}
    for each in bad:  # the worst first
        if each.kind != "doubted":
            found.setdefault((each.prompt, each.row["case"]), each.kind)
    counts = Counter(found.values())
    told = ", ".join(f"{counts[kind]:,} {word}" for kind, (word, _) in KINDS.items() if counts[kind])
    return f"{'1 case does' if len(found) == 1 else f'{len(found):,} cases do'} not pass ({told})"


def _findings(report: Report) -> Iterator[tuple[Check, Finding]]:
    for check in report.checks:
        for finding in check.findings:
            yield check, finding


def _stops(check: Check, finding: Finding) -> bool:
    failing = check.status in (Status.FAILED, Status.UNCHECKED)
    return failing and finding.severity is Severity.ERROR and not finding.waived


def _said(report: Report) -> dict[str, str]:
    """What a comparison says of each prompt and model, in words."""
    said = {}
    for check in report.checks:
        prompt, _, model = check.id.partition("/")[2].partition("@")
        for finding in check.findings:
            if finding.slug in ("regressed", "inconclusive", "not-worse", "not-comparable"):
                text = f"{finding.message} ({finding.hint})" if finding.hint else finding.message
                said[f"{prompt} {model}"] = text
    for row in _rows(_tested(report)):
        # A prompt whose suite names no models has a check without one.
        said.setdefault(f"{row['id']} {row['model']}", said.get(f"{row['id']} ", ""))
    return said


def _tested(report: Report) -> Report | None:
    _, parts = _parts(report)
    return parts.get("test") or parts.get("compare")


def _rows(part: Report | None) -> list[Mapping[str, Any]]:
    found = part.data.get("prompts") if part is not None else None
    return [row for row in found if isinstance(row, Mapping)] if isinstance(found, list) else []
