"""What a verb lists as Markdown: prompts, releases with their notes, tags that were written, what runs where."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from onbook.report import Report, Severity, Status
from onbook.reporters.gfm import STATUS, code, cut, finding_line, plain, sentence

Row = Mapping[str, Any]
Parts = tuple[list[str], list[str]]

_MAX_ROWS = 500
_MAX_TABLE = 40_000  # characters, of the 65,536 that GitHub takes
_MAX_TEXT = 300  # characters of a cell
_MAX_FINDINGS = 50


def list_parts(report: Report) -> Parts:
    """The prompts, a row each."""
    columns = ("prompt", "release", "model", "cases", "description")
    cells = [
        (
            code(row["id"]),
            plain(row["version"] or "-"),
            _code(row["model"]),
            str(row["cases"]),
            _cell(row["description"]),
        )
        for row in _rows(report, "prompts")
    ]
    return _table(report, columns, cells, "no prompts yet"), []


def status_parts(report: Report) -> Parts:
    """What runs where, a row for each environment and prompt."""
    columns = ("environment", "prompt", "stable", "canary", "since", "by")
    cells = [
        (
            code(row["environment"]),
            code(row["id"]),
            plain(row["stable"]["version"]),
            _canary(row.get("canary")),
            plain(row["at"][:16]),
            _cell(row["by"]),
        )
        for row in _rows(report, "deployments")
    ]
    return _table(report, columns, cells, "nothing is deployed"), []


def release_parts(report: Report) -> Parts:
    """The tags of a release, a row each; of one that is held up, why."""
    rows = _rows(report, "tags") if report.exit_code() == 0 else []
    cells = [(code(row["tag"]), plain(row["bump"]), _code(row["digest"])) for row in rows]
    return _table(report, ("tag", "bump", "digest"), cells, "nothing was released"), []


def log_parts(report: Report) -> Parts:
    """The releases of a prompt, newest first, with their notes; what is beyond the end of a comment is left out."""
    head = _head(report)
    ahead = report.data.get("unreleased")
    if isinstance(ahead, Mapping):
        following = f"would be {ahead['next_version']}" if ahead["next_version"] else "no release needed"
        head += [f"#### unreleased, {plain(following)}", ""]
        head += [
            f"- {plain(each['bump'])} {plain(each['rule'])} {_cell(each['consequence'])}" for each in ahead["changes"]
        ]
        head += [""]
    rows = _rows(report, "releases")
    if not rows and report.status is Status.PASSED:
        head += ["no releases yet"]
    return head, ["\n".join(_release(row)) for row in rows]


def _release(row: Row) -> Iterator[str]:
    withdrawn = ", withdrawn" if row["yanked"] else ""
    yield f"#### {code(row['tag'])} {plain(row['bump'])}{withdrawn}"
    yield ""
    if row.get("reason"):
        yield f"Withdrawn: {_cell(row['reason'])}\n"
    for line in filter(str.strip, row["notes"].split("\n")):
        yield f"- {_cell(line.removeprefix('- '))}" if line.startswith("- ") else f"\n{_cell(line)}\n"
    yield ""
    yield f"<sub>{plain(row['tagger'])} {code(row['commit'][:12])} {code(row['digest'])}</sub>"
    yield "\n"


def _table(report: Report, columns: Sequence[str], cells: Sequence[Sequence[str]], nothing: str) -> list[str]:
    head = _head(report)
    if not cells:
        head.append(nothing)
    else:
        head += [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
        rows = [f"| {' | '.join(row)} |" for row in cells[:_MAX_ROWS]]
        sizes = accumulate(map(len, rows))
        shown = [row for row, size in zip(rows, sizes, strict=True) if size <= _MAX_TABLE]
        head += shown
        head += [f"\nand {len(cells) - len(shown)} more"] if len(cells) > len(shown) else []
    return [*head, ""]


def _head(report: Report) -> list[str]:
    # That nothing changed in a prompt is no news where everything is listed.
    told = [finding for finding in report.findings if finding.severity is not Severity.INFO]
    head = [f"### onbook {plain(report.verb)}: {STATUS[report.status]} {report.status}", ""]
    head += [*map(finding_line, told[:_MAX_FINDINGS]), ""] if told else []
    return head


def _rows(report: Report, key: str) -> list[Row]:
    found = report.data.get(key)
    return list(found) if isinstance(found, list) else []


def _cell(text: str | None) -> str:
    return sentence(cut(" ".join((text or "").split()), _MAX_TEXT))


def _code(text: str | None) -> str:
    return code(text) if text else "-"


def _canary(found: Row | None) -> str:
    return plain(f"{found['version']} for {found['weight']:g} % by {found['key']}") if found else "-"


PARTS: Mapping[str, Callable[[Report], Parts]] = {
    "list": list_parts,
    "log": log_parts,
    "release": release_parts,
    "status": status_parts,
}
"""By verb, what is always shown of it, and the rest, which may be cut off."""
