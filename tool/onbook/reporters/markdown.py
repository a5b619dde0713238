"""The report as a comment on a pull request: a table first, details folded."""

from __future__ import annotations

from collections.abc import Iterator

from onbook.report import Check, Report, Status
from onbook.reporters.gfm import STATUS, code, finding_line, plain
from onbook.reporters.markdown_check import gate_parts, tested
from onbook.reporters.markdown_diff import diff_parts
from onbook.reporters.markdown_rows import PARTS
from onbook.reporters.parts import rows_of

# GitHub refuses a comment of more than 65,536 characters.
MAX_COMMENT = 60_000
_MAX_ROWS = 100
_MAX_FINDINGS = 200


def markdown_pieces(report: Report, color: bool = False) -> Iterator[str]:
    """The report as a comment, in one piece."""
    yield write_markdown(report)


def write_markdown(report: Report) -> str:
    """The report as GitHub-flavoured Markdown, of at most MAX_COMMENT characters."""
    parts = {"check": gate_parts, "diff": diff_parts, **PARTS}
    head, folded = parts.get(report.verb, checked_parts)(report)
    text = ""
    left = 0
    for number, part in enumerate((*(f"{line}\n" for line in head), *folded)):
        if left or len(text) + len(part) > MAX_COMMENT:
            left += number >= len(head) or not part.isspace()  # an empty line between others is nothing more
        else:
            text += part
    if left:
        text += f"\n{left} more are not shown here: `onbook {report.verb}` prints them all.\n"
    return text


def checked_parts(report: Report) -> tuple[list[str], list[str]]:
    """What is always shown of a report that is a list of checks, and the folded rest."""
    mark = STATUS[report.status]
    head = [f"### onbook {plain(report.verb)}: {mark} {report.status}", ""]
    checks = [check for check in report.checks if check.findings or check.status is not Status.PASSED]
    passed = len(report.checks) - len(checks)
    if checks:
        head += ["| check | status | findings |", "|---|---|---|"]
        head += [
            f"| {code(check.prompt or check.id)} | {STATUS[check.status]} {check.status} | {len(check.findings)} |"
            for check in checks[:_MAX_ROWS]
        ]
    head += [f"\n{passed} passed without a finding.", ""] if passed else [""]
    if report.verb == "test":
        head += tested(rows_of(report))
    folded: list[str] = []
    size = 0
    for check in checks:
        if check.findings:
            # What is beyond the end of the comment is counted, and of thousands of checks that is nearly all.
            folded.append(_folded(check) if size <= MAX_COMMENT else "")
            size += len(folded[-1])
    return head, folded


def _folded(check: Check) -> str:
    lines = [finding_line(finding) for finding in check.findings[:_MAX_FINDINGS]]
    summary = f"{STATUS[check.status]} {code(check.prompt or check.id)}"
    return "\n".join(["<details>", f"<summary>{summary}</summary>", "", *lines, "", "</details>", ""])
