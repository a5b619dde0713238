"""The machine report: stable, published as schemas/report.schema.json."""

from __future__ import annotations

import json
import re
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
    return dump(data)


def dump(data: object) -> str:
    """JSON for machines that a person may look at: readable, and nothing in it steers a terminal."""
    text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


# Halves of characters have no UTF-8, and the others may steer a terminal: JSON has an escape for each.
_ESCAPED = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
