"""The machine report: stable, published as schemas/report.schema.json."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from json.encoder import encode_basestring
from operator import attrgetter

from onbook.errors import OnbookError
from onbook.report import Check, Finding, Report, Rows, Status


def write_json(report: Report) -> str:
    """The report as one text."""
    return "".join(json_pieces(report))


def json_pieces(report: Report, color: bool = False) -> Iterator[str]:
    """The report as JSON, every key always there."""
    data = {
        "verb": report.verb,
        "status": report.status,
        "base": report.base,
        "head": report.head,
        "checks": map(_check, report.checks),
        "data": report.data,
    }
    return dumped(data)


def _check(check: Check) -> dict[str, object]:
    findings = map(_ROW, check.findings)
    return {"id": check.id, "status": check.status, "prompt": check.prompt, "findings": findings}


_ROW = attrgetter("row")


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
        Check(str(row["id"]), Status(row["status"]), row["prompt"], tuple(map(Finding.of_row, row["findings"])))
        for row in data["checks"]
    )
    return Report(data["verb"], tuple(checks), data["base"], data["head"], data["data"])


def dump(data: object) -> str:
    """JSON for machines that a person may look at: readable, and nothing in it steers a terminal."""
    return "".join(dumped(data))


def dumped(data: object) -> Iterator[str]:
    """What :func:`dump` gives, a piece at a time."""
    yield from map(_harmless, _pieces(data, "\n", _LEVELS))
    yield "\n"


def _harmless(text: str) -> str:
    if text.isascii() and "\x7f" not in text:
        return text
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


# What stands deeper is written at once, unless it is long: a finding of a check is, and a result of a SARIF run.
_LEVELS = 4
_LONG = 64


def _pieces(value: object, line: str, levels: int) -> Iterator[str]:
    """What :func:`_written` gives, a piece at a time."""
    inner = f"{line}  "
    empty = True
    if isinstance(value, dict) and levels > 0:
        for key, each in value.items():
            yield f"{'{' if empty else ','}{inner}{encode_basestring(str(key))}: "
            empty = False
            yield from _pieces(each, inner, levels - 1)
        yield "{}" if empty else f"{line}}}"
    elif isinstance(value, map | Rows) or (isinstance(value, list | tuple) and (levels > 0 or len(value) > _LONG)):
        for each in value:
            begin = f"{'[' if empty else ','}{inner}"
            empty = False
            if levels <= 1 and isinstance(each, dict):
                yield begin + _written(each, inner)
            else:
                yield begin
                yield from _pieces(each, inner, levels - 1)
        yield "[]" if empty else f"{line}]"
    else:
        yield _written(value, line)


def _written(value: object, line: str) -> str:
    """What ``json.dumps(value, indent=2, ensure_ascii=False)`` writes, in a fraction of its time and memory.

    Args:
        value: JSON data. A ``map`` and ``Rows`` are written as lists.
        line: a line end with the indentation of the value.
    """
    if isinstance(value, str):
        return encode_basestring(value)
    inner = f"{line}  "
    if isinstance(value, dict):
        pairs = [f"{encode_basestring(str(key))}: {_written(each, inner)}" for key, each in value.items()]
        return _enclosed("{}", pairs, line)
    if isinstance(value, list | tuple | map | Rows):
        return _enclosed("[]", [_written(each, inner) for each in value], line)
    if value is None or value is True or value is False:
        return _PLAIN[value]
    return repr(value) if type(value) is int else json.dumps(value)


def _enclosed(brackets: str, parts: list[str], line: str) -> str:
    if not parts:
        return brackets
    # Whatever is joined is the whole report in the end, so that every copy of it counts.
    parts[0] = f"{brackets[0]}{line}  {parts[0]}"
    parts[-1] = f"{parts[-1]}{line}{brackets[1]}"
    return f",{line}  ".join(parts)


_PLAIN = {None: "null", True: "true", False: "false"}


# Halves of characters have no UTF-8, and the others may steer a terminal: JSON has an escape for each.
_ESCAPED = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
