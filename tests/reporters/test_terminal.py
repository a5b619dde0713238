"""The terminal's text, against tests/reporters/snapshots/<name>.txt. UPDATE_SNAPSHOTS=1 writes them anew."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from onbook.report import Check, Finding, Report, Severity
from onbook.reporters import formatted, pieces
from support.console import ONBOOK, person
from support.reports import REPORTS

SNAPSHOTS = Path(__file__).parent / "snapshots"


@pytest.mark.parametrize("name", list(REPORTS))
def test_snapshots(name: str) -> None:
    path = SNAPSHOTS / f"{name}.txt"
    written = formatted("terminal", REPORTS[name])
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.write_text(written, "utf-8")
    assert written == path.read_text("utf-8")


def test_there_is_no_snapshot_of_nothing() -> None:
    assert {path.stem for path in SNAPSHOTS.glob("*.txt")} == set(REPORTS)


@pytest.mark.parametrize("name", list(REPORTS))
def test_colours_add_nothing_but_colours(name: str) -> None:
    plain, coloured = (formatted("terminal", REPORTS[name], color=color) for color in (False, True))
    assert re.sub("\x1b\\[[0-9]+m", "", coloured) == plain
    assert coloured.count("\x1b[0m") == 0 or coloured.endswith("\n")


# Each is a text of a file or a model: colours, titles, links, C1 controls, direction, erasing, half a character.
HOSTILE = (
    "\x1b[31mred\x1b]0;title\x07\x1b]8;;https://example.com\x1b\\link\x9b2J\x08\x7f\r\u202egnp\u2066\u2028\ud83d\x00"
)
STEERS = set("\x1b\x07\x9b\x08\x7f\r\u202e\u2066\u2028\ud83d\x00")


def hostile(value: Any) -> Any:
    """The same data with the hostile text behind every text that a file or a model could have written."""
    if isinstance(value, str):
        return value + HOSTILE
    if isinstance(value, dict):
        kept = ("bump", "status", "severity")
        return {key: part if key in kept else hostile(part) for key, part in value.items()}
    return [hostile(part) for part in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", list(REPORTS))
def test_no_text_reaches_the_terminal_as_a_command(name: str) -> None:
    report = REPORTS[name]
    checks = [
        replace(
            check,
            id=check.id + HOSTILE,
            prompt=check.prompt and hostile(check.prompt),
            findings=tuple(
                each._replace(message=each.message + HOSTILE, path=f"{each.path}{HOSTILE}", hint=HOSTILE)
                for each in check.findings
            ),
        )
        for check in report.checks
    ]
    written = formatted("terminal", Report(report.verb, tuple(checks), data=hostile(dict(report.data))))
    assert not set(written) & STEERS
    written.encode()


def test_a_line_end_in_a_message_starts_no_line_of_ours() -> None:
    forged = Finding("ON1", "s", Severity.ERROR, "x\n1 prompt: nothing found", path="a\nb.yml")
    first, second = formatted("terminal", Report("lint", (Check.of("a", [forged], prompt="a"),))).splitlines()
    assert first == "a\\nb.yml: ON1 x\\n1 prompt: nothing found [s]"
    assert second == "1 prompt: 1 error"


def test_what_people_write_stays_as_it_is() -> None:
    text = "été à 5 €, 「苦情」\u3000は 👩\u200d🔧 \u0645\u06cc\u200c\u062e\u0648\u0645, 5\xa0%"
    assert formatted("terminal", Report("render", data={"messages": [{"role": "user", "content": text}]})).endswith(
        f"{text}\n"
    )


def test_one_remedy_for_many_findings_is_told_once() -> None:
    written = formatted("terminal", REPORTS["test"])
    assert written.count("--record") == 1


@pytest.mark.parametrize(
    ("env", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colours_are_for_people_at_a_terminal(env: dict[str, str], coloured: bool, tmp_path: Path) -> None:
    author = person(tmp_path / "p")
    assert "\x1b" not in author.onbook("list")
    ours, theirs = pty.openpty()
    try:
        merged = {**{name: value for name, value in os.environ.items() if name != "NO_COLOR"}, "TERM": "xterm", **env}
        subprocess.run([ONBOOK, "list"], cwd=author.cwd, stdout=theirs, env=merged, check=True, timeout=60)
        written = os.read(ours, 65536).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert ("\x1b[" in written) == coloured
    assert "no prompts here yet" in written


def laid_out(report: Report, width: int | None, color: bool = False) -> list[str]:
    """The lines of a report in a terminal of so many columns, without colours."""
    text = "".join(pieces("terminal", report, color=color, width=width))
    return [line.rstrip() for line in re.sub("\x1b\\[[0-9]+m", "", text).splitlines()]


CHANGE = {"rule": "OD301", "bump": "minor", "consequence": "the text of message 1 (user) changed, and much of it",
          "waivable": True, "fingerprint": "0123456789abcdef", "waived": None, "rendered": None}  # fmt: skip
WORDS = [
    ["=", "Sort this ticket of "],
    ["-", "our "],
    ["+", "a customer of ours, who waits for an "],
    ["=", "answer:\nx"],
]
RICH = {
    "id": "support/triage", "base_version": "1.4.0", "next_version": "1.5.0", "bump": "minor",
    "changes": [
        {**CHANGE, "rendered": {"inputs": {"ticket": "I was charged twice"}, "old": "a", "new": "b", "words": WORDS}},
        {**CHANGE, "waived": "the readers of this answer were asked, all of them, and nobody minds"},
        {**CHANGE, "rendered": {"inputs": {}, "old": "a", "new": "b", "words": [["+", "y\n" * 40]]}},
    ],
    "tokens": {
        "calls": 3, "old": 1200.0, "new": 900.0, "exact": False, "old_cost_per_1000": 2.4, "new_cost_per_1000": 1.8,
    },
    "behaviour": {"shared": 12, "worse": 1, "better": 2, "moved": 4, "unseen": 3, "answers": [
        {"case": f"c-{number}", "model": "openai/gpt-4.1", "before": "passed", "after": "failed", "why": "no label"}
        for number in range(12)
    ]},
}  # fmt: skip


def rich() -> Report:
    """A diff with everything that a diff tells."""
    found = [Finding("OD301", "wording-changed", Severity.INFO, "x", path="p.yml", line=1) for _ in RICH["changes"]]
    return Report("diff", (Check.of("diff/support/triage", found, prompt="support/triage"),), data={"prompts": [RICH]})


def words(lines: list[str]) -> str:
    """What the lines of a diff say, without the frame around it."""
    return re.sub(r"[|\[\]{}+-]", "", "".join("".join(lines).split()))


@pytest.mark.parametrize("width", [38, 40, 59, 60, 72, 80])
def test_a_diff_fits_and_says_the_same(width: int) -> None:
    lines = laid_out(rich(), width)
    assert max(map(len, lines)) <= width
    assert words(lines) == words(laid_out(rich(), None))
    assert laid_out(rich(), width, color=True) == lines
    # With few columns it is told below each change, not in a strip beside it.
    assert any(line.strip() == "minor  OD301" for line in lines) == (width < 60)


def test_a_diff_is_no_wider_in_a_wide_terminal() -> None:
    assert laid_out(rich(), 200) == laid_out(rich(), 80) == laid_out(rich(), None)


LISTED = [
    {"id": "a", "version": None, "model": None, "cases": 0, "description": None},
    {"id": "support/triage", "version": "1.4.0", "model": "openai/gpt-4.1-2025-04-14", "cases": 1,
     "description": "Sorts a ticket of support by what it is about, so that the right colleague reads it at once."},
]  # fmt: skip


def test_a_list_is_a_table_while_it_fits_and_lies_flat_where_it_does_not() -> None:
    report = Report("list", data={"prompts": LISTED})
    for width in range(20, 140):
        lines = laid_out(report, width)
        assert max(map(len, lines)) <= max(width, len("  openai/gpt-4.1-2025-04-14,")), width
        assert "support/triage" in "".join(lines)
        assert "1.4.0" in "".join(lines)
    assert laid_out(report, 40) == [
        "a  -",
        "  no model, 0 cases",
        "support/triage  1.4.0",
        "  openai/gpt-4.1-2025-04-14, 1 case",
        "  Sorts a ticket of support by what it",
        "  is about, so that the right ...",
    ]
    assert laid_out(report, 60) == [
        "prompt          release  model                      cases",
        "a               -        -                          0",
        "support/triage  1.4.0    openai/gpt-4.1-2025-04-14  1",
    ]
    assert laid_out(report, 80)[2].endswith("  1      Sorts a ticket of ...")
    assert laid_out(report, 200) == laid_out(report, None)


DEPLOYED = {"environment": "production", "id": "support/triage", "stable": {"version": "1.4.0"}, "canary": None,
            "at": "2026-11-22T00:09:00", "by": "Ada Lovelace"}  # fmt: skip


def test_any_table_lies_flat_where_it_does_not_fit() -> None:
    status = Report("status", head="HEAD", data={"deployments": [DEPLOYED]})
    assert laid_out(status, 40) == [
        "production",
        "  prompt support/triage, stable 1.4.0,",
        "  since 2026-11-22T00:09, by Ada",
        "  Lovelace",
        "as HEAD has it",
    ]
    assert laid_out(status, 80) == laid_out(status, None)
    for name in ("test", "status"):
        report = REPORTS.get(name, status)
        cells = {word for line in laid_out(report, None) for word in line.split()} - {"-"}
        for width in (30, 40, 60):
            lines = laid_out(report, width)
            rows = [line for line in lines if line.startswith("  ") and not line.startswith("    ")]
            assert max(map(len, rows)) <= max(width, 40)
            told = {word.strip(",") for line in lines for word in line.split()}
            # The names of columns that are empty everywhere are not told.
            assert {cell for cell in cells if "/" in cell or cell[0].isdigit()} <= told


@pytest.mark.parametrize(
    ("columns", "env", "flat"),
    [(40, {}, True), (120, {}, False), (120, {"COLUMNS": "40"}, True), (40, {"COLUMNS": "120"}, False),
     (40, {"COLUMNS": "wide"}, True), (40, {"COLUMNS": "0"}, True), (0, {}, False)],
)  # fmt: skip
def test_the_terminal_says_how_wide_it_is(columns: int, env: dict[str, str], flat: bool, tmp_path: Path) -> None:
    author = person(tmp_path / "p")
    author.write(
        "prompts/support/triage.prompt.yml", f"messages: [{{role: user, content: a}}]\nmodel: openai/{'m' * 30}\n"
    )
    ours, theirs = pty.openpty()
    try:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        subprocess.run(
            [ONBOOK, "list"], cwd=author.cwd, stdout=theirs, env={**os.environ, **env}, check=True, timeout=60
        )
        written = os.read(ours, 65536).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert ("0 cases" in written) == flat
    assert ("cases" in written.splitlines()[0]) != flat
