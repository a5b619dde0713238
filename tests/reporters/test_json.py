from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from onbook import resources
from onbook.contract import Contract
from onbook.report import Check, Finding, Report, Severity
from onbook.reporters import FORMATS, reporter
from onbook.reporters.json import dump, write_json
from support.console import Person, person
from support.git import Repo, bare_remote

PROMPT = """\
name: triage
model: openai/gpt-4.1-2025-04-14
templateFormat: jinja2
inputs:
  type: object
  required: [ticket]
  properties:
    ticket: {type: string}
messages:
  - role: user
    content: |
      Sort it.
      <ticket>{{ ticket }}</ticket>
"""


def sound(data: object) -> None:
    assert Contract(resources.schema("report")).violations(data) == []


@pytest.fixture
def author(tmp_path: Path) -> Person:
    found = person(tmp_path / "p")
    found.write("prompts/support/triage.prompt.yml", PROMPT)
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
    assert {format: reporter(format).__name__ for format in FORMATS} == {name: f"write_{name}" for name in FORMATS}


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
