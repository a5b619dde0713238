"""Our workflows, our action and the templates: held against GitHub's schemas, zizmor, and rules of our own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from support.console import Person, person
from support.pulls import ROOT

BIN = Path(sys.executable).parent
ACTION = ROOT / ".github" / "actions" / "check" / "action.yml"
OURS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
NAMES = ("prompts", "prompts-comment", "prompts-nightly", "prompts-release", "prompts-site")


def run(*args: str | Path) -> None:
    done = subprocess.run([BIN / args[0], *args[1:]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def author(tmp_path: Path) -> Person:
    found = person(tmp_path / "r")
    found.onbook("init", "--github")
    return found


def written(author: Person) -> list[Path]:
    return sorted((author.cwd / ".github" / "workflows").iterdir())


def test_zizmor_finds_nothing(author: Person) -> None:
    run("zizmor", "--offline", "--no-progress", *OURS, ACTION, *written(author))


def test_they_are_workflows(author: Person) -> None:
    run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *OURS, *written(author))
    run("check-jsonschema", "--builtin-schema", "vendor.github-actions", ACTION)


def test_every_action_is_pinned_and_no_script_holds_an_expression(author: Person) -> None:
    for path in (*OURS, ACTION, *written(author)):
        text = path.read_text("utf-8")
        data = yaml.safe_load(text)
        jobs = data["jobs"].values() if "jobs" in data else [data["runs"]]
        for step in (step for job in jobs for step in job["steps"]):
            assert "${{" not in step.get("run", ""), path
            if "uses" in step:
                assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}|\./[\w./-]+", step["uses"]), path
        if "jobs" in data:
            assert data["permissions"] == {}, path


def test_the_gate_has_no_secret_and_only_reads(author: Person) -> None:
    text = (author.cwd / ".github" / "workflows" / "prompts.yml").read_text("utf-8")
    assert "secrets." not in text
    assert "github.token" not in text
    assert yaml.safe_load(text)["jobs"]["check"]["permissions"] == {"contents": "read"}


def test_init_writes_what_is_not_there_and_leaves_the_rest(author: Person) -> None:
    assert {path.stem for path in written(author)} == set(NAMES)
    release = author.cwd / ".github" / "workflows" / "prompts-release.yml"
    assert yaml.safe_load(release.read_text("utf-8"))[True]["push"]["branches"] == ["main"]
    assert "@VERSION@" not in release.read_text("utf-8")
    release.write_text("mine: true\n", "utf-8")
    (release.parent / "prompts.yml").unlink()
    told = author.onbook("init", "--github")
    assert "wrote   .github/workflows/prompts.yml" in told
    assert "edit ONBOOK in them to take it from elsewhere" in told
    assert "prompts-nightly needs a key" in told
    assert "left    .github/workflows/prompts-release.yml as it is" in told
    assert release.read_text("utf-8") == "mine: true\n"


def test_a_branch_of_a_strange_name_stays_a_text(author: Person) -> None:
    author.write("onbook.toml", '[release]\nbranch = "a\\"b: [x]"\n')
    release = author.cwd / ".github" / "workflows" / "prompts-release.yml"
    release.unlink()
    author.onbook("init", "--github")
    assert yaml.safe_load(release.read_text("utf-8"))[True]["push"]["branches"] == ['a"b: [x]']
