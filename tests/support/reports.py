"""The reports of tests/reporters/reports.yml: one of each kind that a reporter can meet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from onbook.report import Check, Finding, Report, Severity, Status


def _finding(row: dict[str, Any]) -> Finding:
    return Finding(**{**row, "severity": Severity(row["severity"])})


def _report(row: dict[str, Any]) -> Report:
    checks = (
        Check(check["id"], Status(check["status"]), check["prompt"], tuple(map(_finding, check["findings"])))
        for check in row.get("checks", ())
    )
    return Report(row["verb"], tuple(checks), data=row.get("data", {}))


REPORTS = {
    name: _report(row)
    for name, row in yaml.load(
        (Path(__file__).parent.parent / "reporters" / "reports.yml").read_text("utf-8"), yaml.CSafeLoader
    ).items()
}
