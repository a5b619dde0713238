"""SARIF 2.1.0, the format of code scanning (https://docs.oasis-open.org/sarif/sarif/v2.1.0/)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache, partial
from typing import Any
from urllib.parse import quote

from onbook import __version__
from onbook.report import Finding, Report, Severity, Status
from onbook.reporters.json import dumped

_LEVEL = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def sarif_pieces(report: Report, color: bool = False) -> Iterator[str]:
    """The report as one SARIF run. What could not be checked makes the run unsuccessful, never merely empty."""
    rules: dict[str, dict[str, Any]] = {}
    for finding in report.findings:
        level = {"level": _LEVEL[finding.severity]}
        rules.setdefault(finding.rule, {"id": finding.rule, "name": finding.slug, "defaultConfiguration": level})
    places = {rule: index for index, rule in enumerate(rules)}
    unchecked = list(_unchecked(report))
    invocation: dict[str, Any] = {"executionSuccessful": not unchecked, "exitCode": report.exit_code()}
    if unchecked:
        invocation["toolExecutionNotifications"] = unchecked
    run = {
        "tool": {"driver": {"name": "onbook", "semanticVersion": __version__, "rules": list(rules.values())}},
        "automationDetails": {"id": f"onbook/{report.verb}/"},
        "columnKind": "unicodeCodePoints",
        "invocations": [invocation],
        "results": map(partial(_result, places), report.findings),
    }
    return dumped({"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]})


def _result(places: Mapping[str, int], finding: Finding) -> dict[str, Any]:
    text = f"{finding.message} ({finding.hint})" if finding.hint else finding.message
    found: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": places[finding.rule],
        "level": _LEVEL[finding.severity],
        "message": {"text": text},
        "partialFingerprints": {"onbook/v1": finding.fingerprint},
    }
    if finding.path:
        place: dict[str, Any] = {"artifactLocation": {"uri": _uri(finding.path)}}
        if finding.line is not None:
            column = {} if finding.column is None else {"startColumn": finding.column}
            place["region"] = {"startLine": finding.line, **column}
        found["locations"] = [{"physicalLocation": place}]
    if finding.waived:
        found["suppressions"] = [{"kind": "external", "status": "accepted"}]
    return found


@lru_cache(maxsize=16)
def _uri(path: str) -> str:
    """Findings of one file stand together, so that its path is asked for again and again."""
    return quote(path, errors="replace")


def _unchecked(report: Report) -> Iterator[dict[str, Any]]:
    for check in report.checks:
        if check.status is Status.UNCHECKED:
            yield {"level": "error", "message": {"text": f"{check.id} could not be checked"}}
