"""Annotations for GitHub Actions: workflow commands on standard output, which the runner hangs on the right lines.

The runner shows ten errors and ten warnings of a step and drops the rest, so what weighs most comes first.
https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from collections.abc import Iterator

from onbook.report import Finding, Report, Severity, Status

_COMMAND = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
_ORDER = tuple(Severity)


def github_pieces(report: Report, color: bool = False) -> Iterator[str]:
    """One workflow command a finding, errors first, and a last line for whoever reads the log."""
    told = [finding for finding in report.findings if not finding.waived]
    told.sort(key=lambda finding: _ORDER.index(finding.severity))
    for finding in told:
        yield f"{_annotation(finding)}\n"
    for line in _unchecked(report):
        yield f"{line}\n"
    yield f"{_plain(f'onbook {report.verb}: {report.status}, {len(report.checks)} looked at, {len(told)} found')}\n"


def _annotation(finding: Finding) -> str:
    places = {"file": finding.path, "line": finding.line, "col": finding.column}
    properties = [f"{name}={_property(str(value))}" for name, value in places.items() if value is not None]
    properties.append(f"title={_property(f'{finding.rule} {finding.slug}')}")
    text = f"{finding.message}\n{finding.hint}" if finding.hint else finding.message
    return f"::{_COMMAND[finding.severity]} {','.join(properties)}::{_data(text)}"


def _unchecked(report: Report) -> Iterator[str]:
    """What could not be checked and says no error of its own would look like nothing found."""
    for check in report.checks:
        errors = any(finding.severity is Severity.ERROR for finding in check.findings)
        if check.status is Status.UNCHECKED and not errors:
            yield f"::error title=not checked::{_data(f'{check.id} could not be checked')}"


def _data(text: str) -> str:
    return _sound(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _plain(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ")


def _sound(text: str) -> str:
    """Halves of characters have no UTF-8; an escape code would colour the log."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(
        character if character in "\r\n\t" or character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
