"""The report as a comment on a pull request: a table first, details folded.

Everything that a file, a model or a tag has written is hostile here: it must call nobody, link nowhere, load nothing,
and end no fence, table or element of ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from onbook.report import Finding, Report, Severity, Status
from onbook.reporters.difference import behaviour, tokens
from onbook.reporters.terminal import printable

Row = Mapping[str, Any]

# GitHub refuses a comment of more than 65,536 characters.
MAX_COMMENT = 60_000
_MAX_ROWS = 100
_MAX_FINDINGS = 200
_MAX_TEXT = 6_000  # characters of one rendered text
_MAX_ANSWERS = 10
_BUMPS = ("major", "minor", "patch", "none")
_MARK = {"major": "🔴", "minor": "🟡", "patch": "🔵", "none": "⚪"}
_STATUS = {Status.PASSED: "✅", Status.FAILED: "❌", Status.SKIPPED: "⚪", Status.UNCHECKED: "⚠️"}
_SAFE = frozenset(" ,;'()/?.\"-%=+")


def write_markdown(report: Report, color: bool = False) -> str:
    """The report as GitHub-flavoured Markdown, of at most MAX_COMMENT characters."""
    if report.verb == "check":
        from onbook.reporters.gate import gate_parts

        head, folded = gate_parts(report)
    else:
        head, folded = (diff_parts if report.verb == "diff" else checked_parts)(report)
    text = "".join(f"{line}\n" for line in head)
    left = 0
    for part in folded:
        if left or len(text) + len(part) > MAX_COMMENT:
            left += 1
        else:
            text += part
    if left:
        text += f"\n{left} more are not shown here: `onbook {report.verb}` prints them all.\n"
    return text


def plain(text: str) -> str:
    """A text on one line as Markdown that shows it and means nothing else."""
    return "".join(map(_letter, _REFERENCE.sub("\\1\u200b", printable(text).replace("\n", " "))))


def code(text: str) -> str:
    """A text on one line in the type of code; an element, for a fence of backticks would end at some in a table."""
    return f"<code>{plain(text)}</code>"


def fenced(text: str, language: str = "text") -> str:
    """A text of several lines in a fence that is longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{printable(text)}\n{fence}\n"


# What becomes a link without any mark: an issue, and an address.
_REFERENCE = re.compile(r"\b(GH(?=-\d)|www(?=\.)|https?(?=:)|ftp(?=:)|mailto(?=:))", re.IGNORECASE)


def _letter(letter: str) -> str:
    if letter.isalnum() or letter in _SAFE or not letter.isascii():
        return letter
    # A character by its number starts no structure; what calls somebody or names an issue is broken as well, because
    # it is looked for in the text that comes out.
    return f"&#{ord(letter)};\u200b" if letter in "@#" else f"&#{ord(letter)};"


def sentence(text: str) -> str:
    """A sentence of ours, in which names from files stand between backticks."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:  # a name with a backtick in it: nobody can say which is whose
        return plain(text)
    return "".join(code(piece) if number % 2 else plain(piece) for number, piece in enumerate(pieces))


def diff_parts(report: Report) -> tuple[list[str], list[str]]:
    rows = [row for row in _rows(report) if isinstance(row, Mapping)]
    if not rows and not report.checks:
        return ["### onbook diff: no prompt changed"], []
    counts = {bump: sum(row["bump"] == bump for row in rows) for bump in _BUMPS}
    told = ", ".join(f"{count} {bump}" for bump, count in counts.items() if count) or "nothing could be compared"
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


def _is_ours(finding: Finding) -> bool:
    """Whether a finding is about the comparison itself, and no change."""
    return finding.rule in ("OD001", "OD002", "OD003")


def _line(row: Row) -> str:
    version = f"{row['base_version'] or 'unreleased'} → {row['next_version'] or 'no release needed'}"
    first = next((change for change in row["changes"] if change["bump"] == row["bump"]), None)
    rest = len(row["changes"]) - 1
    because = sentence(_cut(first["consequence"], 160)) if first else ""
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
    call = _cut(json.dumps(rendered["inputs"], ensure_ascii=False), 300)
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
        yield fenced(f"- {_cut(answer['old'], 600)}\n+ {_cut(answer['new'], 600)}", "diff").rstrip("\n")


def checked_parts(report: Report) -> tuple[list[str], list[str]]:
    mark = _STATUS[report.status]
    head = [f"### onbook {plain(report.verb)}: {mark} {report.status}", ""]
    checks = [check for check in report.checks if check.findings or check.status is not Status.PASSED]
    passed = len(report.checks) - len(checks)
    if checks:
        head += ["| check | status | findings |", "|---|---|---|"]
        head += [
            f"| {code(check.prompt or check.id)} | {_STATUS[check.status]} {check.status} | {len(check.findings)} |"
            for check in checks[:_MAX_ROWS]
        ]
    head += [f"\n{passed} passed without a finding.", ""] if passed else [""]
    folded = []
    for check in checks:
        if check.findings:
            lines = [finding_line(finding) for finding in check.findings[:_MAX_FINDINGS]]
            summary = f"{_STATUS[check.status]} {code(check.prompt or check.id)}"
            folded.append("\n".join(["<details>", f"<summary>{summary}</summary>", "", *lines, "", "</details>", ""]))
    return head, folded


def finding_line(finding: Finding) -> str:
    marks = {Severity.ERROR: "❌", Severity.WARNING: "⚠️", Severity.INFO: "ℹ️"}  # noqa: RUF001
    parts = [str(part) for part in (finding.path, finding.line, finding.column) if part is not None]
    place = f" <sub>{code(':'.join(parts))}</sub>" if parts else ""
    waived = " (waived)" if finding.waived else ""
    hint = f"<br>{sentence(finding.hint)}" if finding.hint else ""
    return f"- {marks[finding.severity]} {plain(finding.rule)} {sentence(finding.message)}{waived}{place}{hint}"


def _rows(report: Report) -> Iterable[Any]:
    found = report.data.get("prompts")
    return found if isinstance(found, list) else []


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
