"""The machine report: stable, published as schemas/report.schema.json."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any

from onbook.errors import OnbookError
from onbook.report import Check, Finding, Report, Severity, Status


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


def read_json(raw: bytes, verbs: Collection[str], place: str) -> Report:
    """The report that :func:`write_json` wrote; nothing of it is believed but its shape.

    Args:
        verbs: whose reports are taken; place: what a person knows the bytes by.

    Raises:
        OnbookError: it is none.
    """
    from onbook.contract import Contract
    from onbook.resources import schema

    try:
        # Halves of characters, which escapes can bring, have no UTF-8: the validator takes none.
        data = json.loads(json.dumps(json.loads(raw), ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict) or data.get("verb") not in verbs or Contract(schema("report")).violations(data):
        named = ", ".join(f"`onbook {verb}`" for verb in verbs)
        raise OnbookError(f"this is no report of {named}", place=place)
    checks = (
        Check(str(row["id"]), Status(row["status"]), row["prompt"], tuple(map(_finding, row["findings"])))
        for row in data["checks"]
    )
    return Report(data["verb"], tuple(checks), data["base"], data["head"], data["data"])


def _finding(row: Mapping[str, Any]) -> Finding:
    known = {name: row.get(name) for name in ("rule", "slug", "message", "path", "line", "column", "hint")}
    return Finding(**known, severity=Severity(row["severity"]), waived=bool(row.get("waived")))  # type: ignore[arg-type]


def dump(data: object) -> str:
    """JSON for machines that a person may look at: readable, and nothing in it steers a terminal."""
    text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


# Halves of characters have no UTF-8, and the others may steer a terminal: JSON has an escape for each.
_ESCAPED = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
