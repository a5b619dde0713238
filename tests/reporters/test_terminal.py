"""The terminal's text, against tests/reporters/snapshots/<name>.txt. UPDATE_SNAPSHOTS=1 writes them anew."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from onbook.report import Check, Finding, Report, Severity
from onbook.reporters import formatted
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
