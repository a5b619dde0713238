"""What later steps and other workflows read of a check: step outputs, the job's summary, the comment, files."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping

from onbook.report import Report
from onbook.reporters import formatted
from onbook.reporters.json import dump

MARKER = "<!-- onbook check -->"
"""The first line of our comment on a pull request: by it the comment is found again, and updated."""


def step_outputs(report: Report) -> dict[str, str]:
    """The outputs of the step: ``verdict``, ``bump``, ``bumps`` and ``changed`` (both JSON), ``base``, ``fork``."""
    data = report.data
    return {
        "verdict": str(data["verdict"]),
        "bump": str(data["bump"]),
        "bumps": json.dumps(data["bumps"], sort_keys=True),
        "changed": json.dumps(data["changed"]),
        "base": report.base or "",
        "fork": "true" if data["fork"] else "false",
    }


def output_lines(outputs: Mapping[str, str]) -> str:
    """Step outputs as GITHUB_OUTPUT takes them. No value can end its own block: its end is a word made up just now.

    https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions#multiline-strings
    """
    lines = []
    for name, value in outputs.items():
        end = f"onbook-{secrets.token_hex(16)}"
        lines.append(f"{name}<<{end}\n{value}\n{end}\n")
    return "".join(lines)


def comment(report: Report) -> str:
    """The body of a comment on the pull request: the marker, then the report in Markdown."""
    return f"{MARKER}\n{formatted('markdown', report)}"


def written(report: Report, format: str) -> str:
    """The report in one of the reporters' formats, or as ``comment``, ``outputs`` (JSON) or ``html``."""
    if format == "html":
        from onbook.pages.report import report_page

        return report_page(report)
    if format == "comment":
        return comment(report)
    if format == "outputs":
        return dump(step_outputs(report))
    return formatted(format, report)
