"""What a change means, in Markdown: a table first, details folded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from onbook.report import Finding, Report, Status
from onbook.reporters.difference import behaviour, tokens
from onbook.reporters.gfm import code, cut, fenced, finding_line, plain, sentence
from onbook.reporters.parts import rows_of
from onbook.reporters.terminal import printable

Row = Mapping[str, Any]

_MAX_ROWS = 100
_MAX_FINDINGS = 200
_MAX_TEXT = 6_000  # characters of one rendered text
_MAX_ANSWERS = 10
_BUMPS = ("major", "minor", "patch", "none")
_MARK = {"major": "🔴", "minor": "🟡", "patch": "🔵", "none": "⚪"}


def diff_parts(report: Report) -> tuple[list[str], list[str]]:
    """What is always shown of a comparison, and the folded rest, an element a prompt."""
    rows = rows_of(report)
    if not rows and not report.findings:
        return ["### onbook diff: no prompt changed"], []
    counts = {bump: sum(row["bump"] == bump for row in rows) for bump in _BUMPS}
    told = ", ".join(f"{count} {bump}" for bump, count in counts.items() if count) or _nothing(report)
    head = [f"### onbook diff: {told}", ""]
    ordered = sorted(rows, key=lambda row: _BUMPS.index(row["bump"]))
    if rows:
        head += ["| prompt | version | asks for | because |", "|---|---|---|---|"]
        head += [_line(row) for row in ordered[:_MAX_ROWS]]
        head += [f"\nand {len(rows) - _MAX_ROWS} more prompts"] if len(rows) > _MAX_ROWS else []
    head += _obligations(ordered)
    compared = {row["id"] for row in rows}
    others = [f for check in report.checks for f in check.findings if check.prompt not in compared or _is_ours(f)]
    head += ["", *(finding_line(finding) for finding in others[:_MAX_FINDINGS])] if others else []
    head += [""]
    seen: dict[str, str] = {}
    return head, [_folded(row, seen) for row in ordered]


def _nothing(report: Report) -> str:
    return "no prompt changed" if report.status is Status.PASSED else "nothing could be compared"


def _is_ours(finding: Finding) -> bool:
    """Whether a finding is about the comparison itself, and no change."""
    return finding.rule in ("OD001", "OD002", "OD003", "OR101")


def _line(row: Row) -> str:
    version = f"{row['base_version'] or 'unreleased'} → {row['next_version'] or 'no release needed'}"
    first = next((change for change in row["changes"] if change["bump"] == row["bump"]), None)
    rest = len(row["changes"]) - 1
    because = sentence(cut(first["consequence"], 160)) if first else ""
    because += f" <sub>and {rest} more</sub>" if rest > 0 else ""
    moved = f"<br><sub>moved from {code(row['moved_from'])}</sub>" if row.get("moved_from") else ""
    return f"| {code(row['id'])}{moved} | {plain(version)} | {_MARK[row['bump']]} {row['bump']} | {because} |"


def _obligations(rows: Sequence[Row]) -> list[str]:
    """What the models are no longer held to: flagged apart from other wording, and told once for each line."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for change in row["changes"]:
            if str(change.get("slug", "")).startswith("obligation-"):
                place = ":".join(str(part) for part in (change.get("path"), change.get("line")) if part is not None)
                found.setdefault((change["consequence"], place), []).append(row["id"])
    if not found:
        return []
    lines = ["", "**Obligations that were removed or weakened**", ""]
    for (told, place), ids in list(found.items())[:_MAX_ROWS]:
        many = f" and {len(ids) - 1} more prompts" if len(ids) > 1 else ""
        lines.append(f"- ⚠️ {sentence(told)} <sub>{code(place)}, for {code(ids[0])}{many}</sub>")
    return lines


def _folded(row: Row, seen: dict[str, str]) -> str:
    count = len(row["changes"])
    summary = f"{_MARK[row['bump']]} {code(row['id'])}: {count} {'change' if count == 1 else 'changes'}"
    lines = ["<details>", f"<summary>{summary}</summary>", ""]
    if row.get("through"):
        lines += [f"Through {', '.join(code(path) for path in row['through'])}.", ""]
    for change in row["changes"]:
        place = ":".join(str(part) for part in (change.get("path"), change.get("line")) if part is not None)
        where = f" <sub>{code(place)}</sub>" if place else ""
        where += f" (waived: {sentence(change['waived'])})" if change.get("waived") else ""
        lines.append(f"- **{change['bump']}** {plain(change['rule'])} {sentence(change['consequence'])}{where}")
        lines += _rendered(row["id"], change, seen)
    if row.get("tokens"):
        lines += ["", f"**Tokens:** {plain(tokens(row['tokens']))}"]
    if row.get("behaviour"):
        lines += ["", *_behaviour(row["behaviour"])]
    return "\n".join([*lines, "", "</details>", ""])


def _rendered(id: str, change: Row, seen: dict[str, str]) -> Iterator[str]:
    rendered = change.get("rendered")
    if not rendered or not rendered["words"]:
        return
    key = json.dumps([part for part in rendered["words"] if part[0] in "-+"])
    if key in seen and seen[key] != id:
        yield f"  <br>The same words as in {code(seen[key])}."
        return
    seen[key] = id
    call = cut(json.dumps(rendered["inputs"], ensure_ascii=False), 300)
    yield ""
    yield f"  For {code(call)}:"
    yield ""
    marks = {"-": "<del>{}</del>", "+": "<ins>{}</ins>", "=": "{}", "~": " … "}
    pieces = [marks[kind].format(_preformatted(text)) for kind, text in rendered["words"]]
    yield f"  <pre>{''.join(pieces)}</pre>"
    yield ""


def _preformatted(text: str) -> str:
    """A text within <pre>: its line ends as elements, for a blank line would end what a list holds."""
    text = printable(text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]} …")
    return "<br>".join(plain(line).replace("  ", " &nbsp;") for line in text.split("\n"))


def _behaviour(row: Row) -> Iterator[str]:
    yield f"**Answers:** {sentence(behaviour(row))}"
    moved = [answer for answer in row["answers"] if answer["before"] != answer["after"]] or row["answers"]
    for answer in moved[:_MAX_ANSWERS]:
        yield ""
        verdict = answer["after"] if answer["before"] == answer["after"] else f"{answer['before']} → {answer['after']}"
        why = f": {plain(answer['why'])}" if answer["why"] else ""
        yield f"Case {code(answer['case'])} on {code(answer['model'])}, {plain(verdict)}{why}"
        yield ""
        yield fenced(f"- {cut(answer['old'], 600)}\n+ {cut(answer['new'], 600)}", "diff").rstrip("\n")
