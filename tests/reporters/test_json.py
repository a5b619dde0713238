from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from onbook import resources
from onbook.contract import Contract
from onbook.report import Check, Finding, Report, Rows, Severity
from onbook.reporters import FORMATS, formatted, pieces
from onbook.reporters.json import dump, write_json
from support.console import Person, person
from support.git import Repo, bare_remote
from support.samples import TRIAGE


def sound(data: object) -> None:
    assert Contract(resources.schema("report")).violations(data) == []


@pytest.fixture
def author(tmp_path: Path) -> Person:
    found = person(tmp_path / "p")
    found.write("prompts/support/triage.prompt.yml", TRIAGE)
    found.write(
        "prompts/support/triage.cases.jsonl", '{"id": "x", "inputs": {"ticket": "a"}, "assert": [{"contains": "a"}]}\n'
    )
    found.write("onbook.toml", "gates.unchecked = false\n")
    return found


def test_every_verb_writes_what_is_published(author: Person, tmp_path: Path) -> None:
    bare_remote(tmp_path / "r.git", of=Repo(author.cwd))
    author.commit("one")
    author.git("push", "--quiet", "origin", "main")
    seen: dict[str, Any] = {}

    def report(*args: str, exits: int = 0) -> Any:
        data = author.report(*args, exits=exits)
        sound(data)
        seen[data["verb"]] = data
        return data["data"]

    report("list")
    report("lint")
    report("render", "support/triage", "--var", "ticket=a")
    assert report("test", exits=3)["prompts"][0]["missing"] == 1
    assert report("diff")["prompts"][0]["base_version"] is None
    assert report("release", "--dry-run")["tags"][0]["version"] == "0.1.0"
    assert report("release", "--push")["tags"][0]["bump"] == "initial"
    assert report("release")["tags"] == []
    author.edit("prompts/support/triage.prompt.yml", "required: [ticket]", "required: [ticket, tone]")
    author.edit("prompts/support/triage.prompt.yml", "{type: string}", "{type: string}\n    tone: {type: string}")
    author.edit("prompts/support/triage.prompt.yml", "Sort it.", "Sort it, {{ tone }}.")
    assert report("diff", exits=0)["prompts"][0]["bump"] == "major"
    report("log", "support/triage")
    report("explain", "ON203")
    assert report("fetch", "support/triage", "--from", str(tmp_path / "r.git"))["version"] == "0.1.0"
    author.edit("prompts/support/triage.prompt.yml", "{{ tone }}", "{{ tne }}")
    report("lint", exits=1)
    assert set(seen) == {"list", "lint", "render", "test", "diff", "release", "log", "explain", "fetch"}
    lint = seen["lint"]
    assert lint["status"] == "failed"
    assert [finding["line"] for finding in lint["checks"][0]["findings"] if finding["rule"] == "ON203"] == [13]


def test_every_key_is_always_there() -> None:
    data = json.loads(write_json(Report("lint", (Check.of("lint/a", [Finding("ON1", "s", Severity.INFO, "m")]),))))
    sound(data)
    assert data == {
        "verb": "lint",
        "status": "passed",
        "base": None,
        "head": None,
        "checks": [
            {
                "id": "lint/a",
                "status": "passed",
                "prompt": None,
                "findings": [
                    {
                        "rule": "ON1",
                        "slug": "s",
                        "severity": "info",
                        "message": "m",
                        "path": None,
                        "line": None,
                        "column": None,
                        "hint": None,
                        "fingerprint": data["checks"][0]["findings"][0]["fingerprint"],
                        "waived": False,
                    }
                ],
            }
        ],
        "data": {},
    }


def test_texts_come_back_as_they_were_and_nothing_in_them_steers_a_terminal() -> None:
    text = "señor 🙂 \x1b[31m \x9b31m \x7f \u202e \u2028 half \ud83d \\ud83d"
    written = write_json(Report("x", data={"text": text}))
    assert json.loads(written)["data"]["text"] == text
    assert "señor 🙂" in written
    assert not set(written) & set("\x1b\x9b\x7f\u202e\u2028\ud83d")
    written.encode()


def test_the_formats_of_the_command_line() -> None:
    assert all(formatted(format, Report("lint")) for format in FORMATS)


@pytest.mark.parametrize("format", [format for format in FORMATS if format != "markdown"])
def test_a_report_is_written_a_piece_at_a_time(format: str) -> None:
    told = [Finding("ON1", "s", Severity.ERROR, f"message {number} {'x' * 80}") for number in range(5_000)]
    report = Report("lint", (Check.of("lint/a", told), Check.of("lint/b", told[:10])))
    found = list(pieces(format, report))
    assert "".join(found) == formatted(format, report)
    # None is much larger than the largest thing that is told; to JUnit that is a check.
    assert len(found) > 1
    assert max(map(len, found)) < 70_000 or format == "junit"


def test_rows_are_made_when_they_are_written() -> None:
    made: list[int] = []

    def row(number: int) -> dict[str, int]:
        made.append(number)
        return {"number": number}

    rows = Rows(row, range(100_000))
    report = Report("test", data={"prompts": [{"id": "a", "results": rows}], "rows": rows[:2]})
    assert made == [0, 1]
    writing = pieces("json", report)
    next(writing)
    assert len(made) < 5_000
    assert json.loads("".join(pieces("json", report)))["data"] == {
        "prompts": [{"id": "a", "results": [{"number": number} for number in range(100_000)]}],
        "rows": [{"number": 0}, {"number": 1}],
    }
    assert (rows[7], rows == list(rows), rows == []) == ({"number": 7}, True, False)


@pytest.mark.parametrize(
    "data",
    [
        {},
        [],
        None,
        1.5,
        float("inf"),
        'a\nb"\\ \x01 é \U0001f600',
        Severity.ERROR,
        [[], {}, (), [{}], {"a": []}],
        {"a": {"b": [1, -2, True, False, None, 0.1, "x"], 7: ("y", {"c": {}})}, "é": [[[]]], "d": 10**30},
    ],
)
def test_written_as_python_does(data: object) -> None:
    assert dump(data) == json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    assert dump(map(int, "12")) == "[\n  1,\n  2\n]\n"


def test_what_is_no_json_is_an_error() -> None:
    with pytest.raises(TypeError):
        dump({"a": object()})
