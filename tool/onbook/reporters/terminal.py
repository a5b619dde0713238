"""The report for people at a terminal: the place first, so that editors and eyes jump to it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import zip_longest
from textwrap import indent
from typing import Any

from onbook.report import Finding, Report, Severity, Status
from onbook.reporters.difference import BUMP, changed
from onbook.reporters.table import listed, table_of

_CODES = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "cyan": 36, "bold": 1, "dim": 2}
_SEVERITY = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "blue"}
_STATUS = {Status.PASSED: "green", Status.FAILED: "red", Status.SKIPPED: "dim", Status.UNCHECKED: "yellow"}

Row = Mapping[str, Any]


def terminal_pieces(report: Report, color: bool = False, width: int | None = None) -> Iterator[str]:
    """The report as lines of text.

    Args:
        color: whether escape codes may be used.
        width: columns that what is laid out should fit into; None where there is room for everything. Findings are
            lines of their own, as editors and ``grep`` take them, which a terminal breaks by itself.
    """
    style = _Style(color, width)
    body = _VERBS.get(report.verb, _checked)(report, style)
    for line in body:
        yield f"{line}\n"


class _Style:
    def __init__(self, color: bool, width: int | None) -> None:
        self.color = color
        self.width = width

    def __call__(self, text: str, name: str | None = None) -> str:
        """A text on one line: what a line end in it would break into looks like a line of ours."""
        if not text.isprintable():
            text = self.block(text).replace("\n", "\\n").replace("\t", " ")
        return f"\x1b[{_CODES[name]}m{text}\x1b[0m" if self.color and name else text

    @staticmethod
    def block(text: str) -> str:
        """A text of several lines."""
        return printable(text)


def printable(text: str) -> str:
    """A text without what steers a terminal or deceives who looks on: texts of files and models are hostile."""
    if text.isprintable():
        return text
    return "".join(map(_shown, text.replace("\r\n", "\n")))


def _shown(character: str) -> str:
    # The joiners are spelling in some scripts and in emoji; every other invisible one could deceive who looks on.
    if character in "\n\t\u200c\u200d" or unicodedata.category(character) not in _HIDDEN:
        return character
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


# Controls, formats such as those of direction, halves of pairs, and separators of lines and paragraphs.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def _findings(report: Report, style: _Style) -> Iterator[str]:
    findings = report.findings
    for finding, following in zip_longest(findings, findings[1:]):
        # Many findings in a row may have one remedy; it is told once, after the last of them.
        repeated = following is not None and following.hint == finding.hint
        yield from _finding(finding, style, hint=not repeated)


def _finding(finding: Finding, style: _Style, *, hint: bool = True) -> Iterator[str]:
    place, named, waiver = finding.place, f"[{finding.slug}]", " (waived)" if finding.waived else ""
    line = f"{place}: {finding.rule} {finding.message} {named}{waiver}" if place else ""
    # Of nearly every finding nothing needs to be changed, which is seen of the whole line at once.
    if style.color or not place or not line.isprintable():
        place = f"{style(place, 'bold')}: " if place else ""
        rule = style(finding.rule, _SEVERITY[finding.severity])
        line = f"{place}{rule} {style(finding.message)} {style(named, 'dim')}{style(waiver, 'dim') if waiver else ''}"
    yield line
    if finding.hint and hint:
        yield style(f"    {finding.hint}", "dim")


def _checked(report: Report, style: _Style) -> Iterator[str]:
    yield from _findings(report, style)
    yield _summary(report, style)


def _summary(report: Report, style: _Style) -> str:
    counted = dict.fromkeys(Severity, 0)
    waived = 0
    for finding in report.findings:
        if finding.waived:
            waived += 1
        else:
            counted[finding.severity] += 1
    words = [_count(number, str(severity)) for severity, number in counted.items() if number]
    words += [f"{waived} waived"] if waived else []
    unchecked = sum(1 for check in report.checks if check.status is Status.UNCHECKED)
    words += [f"{unchecked} could not be checked"] if unchecked else []
    told = ", ".join(words) or "nothing found"
    return style(
        f"{_count(sum(check.prompt is not None for check in report.checks), 'prompt')}: {told}", _STATUS[report.status]
    )


def _diff(report: Report, style: _Style) -> Iterator[str]:
    checks = {check.prompt: check for check in report.checks}
    rows = _rows(report, "prompts")
    seen: dict[str, str] = {}
    for row in rows:
        check = checks.pop(row["id"])
        findings = check.findings[: len(row["changes"])]
        places = [":".join(str(part) for part in (each.path, each.line) if part is not None) for each in findings]
        yield from changed(row, places, style, seen)
        for finding in check.findings[len(row["changes"]) :]:
            yield from _finding(finding, style)
        yield ""
    for check in checks.values():
        for finding in check.findings:
            yield from _finding(finding, style)
    if not rows and report.status is Status.PASSED:
        yield style("no prompt changed", "green")
    elif len(rows) > 1:
        yield _bumps(rows, style)


def _bumps(rows: Sequence[Row], style: _Style) -> str:
    counts = {bump: sum(row["bump"] == bump for row in rows) for bump in ("major", "minor", "patch", "none")}
    told = [style(f"{count} {bump}", BUMP[bump]) for bump, count in counts.items() if count]
    return f"{style(_count(len(rows), 'prompt'))} changed: {', '.join(told)}"


def _test(report: Report, style: _Style) -> Iterator[str]:
    yield from _findings(report, style)
    rows = _rows(report, "prompts")
    if rows:
        columns = ["passed", "failed", "errors", "missing", "xfailed"]
        if any(row.get("doubted") for row in rows):
            columns.append("doubted")
        table = [["prompt", "model", *columns, "status"]]
        table += [
            [row["id"], row["model"] or "-", *(str(row.get(name) or "-") for name in columns), row["status"]]
            for row in rows
        ]
        yield from table_of(table, style, lambda text: _STATUS.get(Status(text)) if text in set(Status) else None)
    yield style(f"{_count(len(rows), 'run')}: {report.status}", _STATUS[report.status])


def _compare(report: Report, style: _Style) -> Iterator[str]:
    yield from _findings(report, style)


def _check(report: Report, style: _Style) -> Iterator[str]:
    from onbook.reporters.parts import begins, breaks, split, summary

    own, parts = split(report)
    for check in own:
        for finding in check.findings:
            yield from _finding(finding, style)
    bodies = {"lint": _findings, "diff": _diff, "test": _test}
    for name, part in parts.items():
        if part.findings:
            yield from bodies[name](part, style)
            if name != "diff":  # which ends in an empty line
                yield ""
    for name, part in parts.items() if begins(own) else ():
        yield f"{name:<5} {style(f'{part.status:<9}', _STATUS[part.status])}  {style(summary(name, part))}"
    base = f" (compared with {report.data['base']})" if report.data.get("base") else ""
    _, broken = breaks(parts["diff"])
    told = f"; {broken}" if broken and begins(own) else ""
    yield style(f"check {report.status}{told}{base}", _STATUS[report.status])


def _release(report: Report, style: _Style) -> Iterator[str]:
    failing = [check for check in report.checks if check.status in (Status.FAILED, Status.UNCHECKED)]
    for check in failing:
        errors = [finding for finding in check.findings if finding.severity is Severity.ERROR and not finding.waived]
        # A check may stand in the way without an error, as the answers of a proxy do.
        for finding in errors or check.findings:
            yield from _finding(finding, style)
    rows = _rows(report, "tags")
    for finding in report.findings:
        if finding.slug == "not-a-release":
            yield from _finding(finding, style)
    if failing:
        blocked = sorted({check.prompt or check.id for check in failing})
        yield style(f"nothing was released: {', '.join(blocked)} did not pass", "red")
        return
    for row in rows:
        yield f"{style(row['tag'], 'bold')}  {style(row['bump'], BUMP[row['bump']])}  {style(row['digest'], 'dim')}"
        if "message" in row:
            yield indent(style.block(row["message"]).rstrip("\n"), "    ")
    if not rows:
        yield style("nothing to release", "green")


def _fetch(report: Report, style: _Style) -> Iterator[str]:
    yield from _findings(report, style)
    row = report.data
    if "tag" in row:
        yield f"{style(str(row['id']), 'bold')} {style(str(row['version']))}  {style(str(row['digest']), 'dim')}"
        yield style(f"  tag     {row['tag']}")
        yield style(f"  commit  {row['commit']}")
        yield style(f"  file    {row['path']}")


def _bundle(report: Report, style: _Style) -> Iterator[str]:
    rows = _rows(report, "releases")
    count = f"{len(rows)} release" + ("" if len(rows) == 1 else "s")
    yield style(f"{report.data['path']}: {count}")
    for row in rows:
        yield f"  {style(str(row['id']), 'bold')} {style(str(row['version']))}  {style(str(row['digest']), 'dim')}"


def _list(report: Report, style: _Style) -> Iterator[str]:
    rows = _rows(report, "prompts")
    if not rows:
        yield style("there are no prompts here yet: `onbook new ID` writes one", "yellow")
        return
    yield from listed(rows, style)
    yield from _findings(report, style)


def _yank(report: Report, style: _Style) -> Iterator[str]:
    row = report.data
    yield f"{style(str(row['id']), 'bold')} {style(str(row['version']))} is withdrawn by {style(str(row['tag']))}"


def _log(report: Report, style: _Style) -> Iterator[str]:
    ahead = report.data.get("unreleased")
    if isinstance(ahead, Mapping):
        following = f"unreleased, would be {ahead['next_version']}" if ahead["next_version"] else "unreleased"
        yield f"{style(following, 'bold')}  {style(ahead['bump'], BUMP[ahead['bump']])}"
        for change in ahead["changes"]:
            yield style(f"  - {change['bump']} {change['rule']} {change['consequence']}")
        yield ""
    for row in _rows(report, "releases"):
        reason = f": {row['reason']}" if row.get("reason") else ""
        withdrawn = style(f"  withdrawn{reason}", "red") if row["yanked"] else ""
        bump = style(row["bump"], BUMP.get(row["bump"], "dim"))
        yield f"{style(row['tag'], 'bold')}  {bump}  {style(row['tagger'], 'dim')}{withdrawn}"
        yield style(f"  {row['commit'][:12]}  {row['digest']}", "dim")
        yield indent(style.block(row["notes"]), "  ")
    if not _rows(report, "releases") and report.status is Status.PASSED:
        yield style("no releases yet: `onbook release` makes one", "yellow")
    yield from _findings(report, style)


def _render(report: Report, style: _Style) -> Iterator[str]:
    for message in _rows(report, "messages"):
        yield style(f"--- {message['role']}", "cyan")
        yield style.block(message["content"])


def _run(report: Report, style: _Style) -> Iterator[str]:
    row = report.data
    if row["text"]:
        yield style.block(str(row["text"]))
    for call in _rows(report, "tool_calls"):
        function = call.get("function", {})
        yield style(f"{function.get('name')}({function.get('arguments')})")
    usage = row["usage"]
    assert isinstance(usage, Mapping)
    cost = "cost unknown" if row["cost"] is None else f"${row['cost']:.6f}"
    tokens = f"{usage.get('prompt_tokens', '?')} + {usage.get('completion_tokens', '?')} tokens"
    yield style(f"{row['model']}  {tokens}  {cost}  {row['latency_ms']} ms  finish: {row['finish']}", "dim")


def _edited(report: Report, style: _Style) -> Iterator[str]:
    row = report.data
    yield style(str(row["title"]), "bold")
    for name in ("stable", "canary"):
        before, after = (_target(row[side], name) for side in ("old", "new"))
        if before != after:
            yield f"  {style(name, 'dim')}  {style(before)} -> {style(after)}"
    yield style(f"  {row['path']}{'  ' + str(row['commit'])[:12] if row['commit'] else ''}", "dim")


def _target(deployment: object, name: str) -> str:
    found = deployment.get(name) if isinstance(deployment, Mapping) else None
    if not found:
        return "none"
    return f"{found['version']} for {found['weight']:g} % by {found['key']}" if "weight" in found else found["version"]


def _status(report: Report, style: _Style) -> Iterator[str]:
    rows = _rows(report, "deployments")
    if not rows:
        yield style("nothing is deployed: `onbook deploy ENVIRONMENT ID VERSION` begins", "yellow")
        return
    table = [["environment", "prompt", "stable", "canary", "since", "by"]]
    for row in rows:
        canary = "-" if _target(row, "canary") == "none" else _target(row, "canary")
        table.append([row["environment"], row["id"], row["stable"]["version"], canary, row["at"][:16], row["by"]])
    yield from table_of(table, style, lambda _: None)
    yield style(f"as {report.head} has it", "dim")


def _explain(report: Report, style: _Style) -> Iterator[str]:
    for row in _rows(report, "rules"):
        yield f"{style(row['id'], 'bold')}  {style(row['slug'])}  {style(row['severity'], 'dim')}"
        yield style.block(row["text"])


def _stats(report: Report, style: _Style) -> Iterator[str]:
    yield from _findings(report, style)
    table = [["rule", "name", "severity", "default", "prompts", "findings", "rate"]]
    for row in _rows(report, "rules"):
        counted = [str(row["prompts"]), str(row["findings"]), f"{row['rate']:.1%}"]
        table.append([row["id"], row["slug"], row["severity"], "on" if row["default"] else "off", *counted])
    yield from table_of(table, style, lambda text: _SEVERITY.get(Severity(text)) if text in set(Severity) else None)
    yield style(_count(int(str(report.data["prompts"])), "prompt"), _STATUS[report.status])


def _rows(report: Report, key: str) -> list[Row]:
    found = report.data.get(key)
    return list(found) if isinstance(found, list) else []


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 or noun == "info" else f"{number} {noun}s"


def _site(report: Report, style: _Style) -> Iterator[str]:
    yield from _findings(report, style)
    data = report.data
    numbers = [f"{data['written']} files written", f"{data['kept']} unchanged", f"{data['removed']} removed"]
    told = ", ".join(number for number in numbers if not number.startswith("0 ") or number.endswith("written"))
    yield style(
        f"{_count(int(str(data['pages'])), 'prompt')} in {data['out']}/index.html: {told}", _STATUS[report.status]
    )


_VERBS: Mapping[str, Callable[[Report, _Style], Iterator[str]]] = {
    "diff": _diff,
    "test": _test,
    "check": _check,
    "compare": _compare,
    "release": _release,
    "fetch": _fetch,
    "bundle": _bundle,
    "list": _list,
    "yank": _yank,
    "log": _log,
    "render": _render,
    "run": _run,
    "explain": _explain,
    "stats": _stats,
    "deploy": _edited,
    "promote": _edited,
    "rollback": _edited,
    "status": _status,
    "site": _site,
}
