"""The machine report: stable, published as schemas/report.schema.json."""

from __future__ import annotations

import json
from dataclasses import asdict

from onbook.report import Report


def write_json(report: Report, color: bool = False) -> str:
    """The report as JSON, every key always there."""
    data = {
        "verb": report.verb,
        "status": report.status,
        "base": report.base,
        "head": report.head,
        "checks": [asdict(check) for check in report.checks],
        "data": report.data,
    }
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"
