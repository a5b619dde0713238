"""``onbook lint`` as a person uses it: what it mends, what it counts, and that what could not be checked is told."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from onbook.rules import GROUP
from support.console import Person, person

GOOD = "messages: [{role: user, content: hi}]\n"
RULES = '''\
from onbook.rules import Rule


class Crashing(Rule):
    """Crashes on one prompt."""

    id = "XX901"
    slug = "crashing-rule"

    def check(self, source):
        if source.id == "crash":
            raise RuntimeError("a fault of the package")
        return iter(())
'''


@pytest.fixture
def ann(tmp_path: Path) -> Person:
    return person(tmp_path / "repository")


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str, *names: str) -> None:
    """A package that adds lint rules, on the path as pip would put it."""
    folder.mkdir()
    (folder / "acme_rules.py").write_text(code)
    info = folder / "acme_rules-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-rules\nVersion: 1.0\n")
    points = "".join(f"{name} = acme_rules:{name}\n" for name in names)
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{points}")
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    monkeypatch.setenv("PYTHONPATH", path)


def test_a_rule_that_crashes_is_told_with_its_file_and_never_fine(
    ann: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "site", monkeypatch, RULES, "Crashing")
    ann.write("prompts/crash.prompt.yml", GOOD)
    ann.write("prompts/fine.prompt.yml", GOOD)
    told = ann.onbook("lint", exits=3)
    assert "prompts/crash.prompt.yml: ON000 rule XX901 could not check this prompt: RuntimeError: a fault" in told
    assert "1 could not be checked" in told
    assert ann.onbook("lint", "fine")
    ann.write("prompts/fine.prompt.yml", "messages: [{role: user, content: ''}]\n")
    assert "ON110" in ann.onbook("lint", exits=1)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import nothing_of_that_name\n", "acme_rules:Crashing cannot be loaded: ModuleNotFoundError"),
        ("Crashing = dict\n", "acme_rules:Crashing is no class that extends"),
        (RULES.replace("XX901", "ON110"), "two rules have the id ON110: acme_rules.Crashing and onbook.rules."),
    ],
)
def test_a_package_whose_rule_cannot_be_loaded_is_told(
    ann: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, told: str
) -> None:
    install(tmp_path / "site", monkeypatch, code, "Crashing")
    ann.write("prompts/fine.prompt.yml", GOOD)
    out = ann.onbook("lint", exits=3)
    assert told in out
    assert "Traceback" not in out


def test_one_broken_template_among_many(ann: Person) -> None:
    for number in range(5):
        ann.write(f"prompts/p{number}.prompt.yml", GOOD)
    ann.write("prompts/p3.prompt.yml", "templateFormat: jinja2\nmessages: [{role: user, content: '{% if %}'}]\n")
    report = ann.report("lint", exits=1)
    assert [check["status"] for check in report["checks"]] == ["passed"] * 3 + ["failed", "passed"]
    report = ann.report("lint", "--ignore", "unreadable-file,ON2", exits=0)
    assert report["status"] == "passed"


def test_selection_on_the_command_line(ann: Person) -> None:
    ann.write("prompts/a.prompt.yml", "messages: [{role: user, content: '{{ a }}'}, {role: system, content: ''}]\n")
    found = {name: ann.report("lint", "--select", name, exits=code) for name, code in (("on110", 1), ("ON2", 0))}
    assert [f["rule"] for report in found.values() for c in report["checks"] for f in c["findings"]] == [
        *("ON110", "ON206"),
    ]
    assert "ON116" in ann.onbook("lint", "--select", "description-missing", "--strict", exits=1)
    assert "did you mean role-order?" in ann.onbook("lint", "--select", "role-oder", exits=2)


def test_fix_writes_the_work_tree_alone_and_tells_what_it_changed(ann: Person) -> None:
    before = "descripton: x # why\nmessages:\n  - {role: user, content: ''}\n"
    ann.write("prompts/a.prompt.yml", before)
    ann.git("add", "--all")
    told = ann.onbook("lint", "--fix", exits=1)
    assert "fixed   prompts/a.prompt.yml:1:1: descripton -> description (ON103)" in told
    assert "ON110" in told
    assert "ON103 " not in told
    assert (ann.cwd / "prompts/a.prompt.yml").read_text() == before.replace("descripton", "description")
    assert ann.git("show", ":prompts/a.prompt.yml") == before
    assert sorted(path.name for path in (ann.cwd / "prompts").iterdir()) == ["a.prompt.yml"]
    assert "neither --staged nor --at" in ann.onbook("lint", "--fix", "--staged", exits=2)


def test_fix_in_the_machine_report(ann: Person) -> None:
    ann.write("prompts/a.prompt.yml", "descripton: x\nmessages: [{role: user, content: hi}]\n")
    report = json.loads(ann.onbook("lint", "--fix", "--format", "json").partition("fixed ")[0])
    row = {"rule": "ON103", "path": "prompts/a.prompt.yml", "line": 1, "column": 1}
    assert report["data"] == {"fixed": [{**row, "old": "descripton", "new": "description"}]}


def test_stats_of_a_folder_that_is_no_repository(tmp_path: Path) -> None:
    bob = person(tmp_path / "plain", repository=False)
    bob.write("x/A b.prompt.yml", "messages: [{role: user, content: ''}]\n")
    told = bob.onbook("lint", "--stats", "x").splitlines()
    assert told[0].split() == ["rule", "name", "severity", "default", "prompts", "findings", "rate"]
    assert ["ON110", "empty-message", "error", "on", "1", "1", "100.0%"] in [line.split() for line in told]
    assert bob.report("lint", "--stats", "x")["data"]["prompts"] == 1
    assert "goes with --format alone" in bob.onbook("lint", "--stats", "x", "--strict", exits=2)


def test_editors_are_given_the_schema(ann: Person) -> None:
    assert "_schemas/prompt.schema.json, for editors" in ann.onbook("init")
    ann.onbook("new", "support/deep/triage", "--model", "local/smollm2-135m")
    path = ann.cwd / "prompts/support/deep/triage.prompt.yml"
    first = path.read_text("utf-8").splitlines()[0]
    named = first.removeprefix("# yaml-language-server: $schema=")
    assert named != first
    schema = ann.cwd / "prompts/_schemas/prompt.schema.json"
    assert (path.parent / named).resolve() == schema
    assert json.loads(schema.read_bytes())["title"] == "Prompt"
    assert "nothing found" in ann.onbook("lint", "--select", "ON1,ON2,ON3")
    schema.write_text("{}")
    ann.onbook("new", "other", "--model", "local/smollm2-135m")
    assert schema.read_text() == "{}"
    ann.onbook("init")
    assert json.loads(schema.read_bytes())["title"] == "Prompt"
