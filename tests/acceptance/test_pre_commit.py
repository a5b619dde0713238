"""The hooks of ``.pre-commit-hooks.yaml``, as the real pre-commit installs and runs them in another repository."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.console import Person, person
from support.hooked import BREAKING, DECLARED, FAULT, HARMLESS, ROOT, TRIAGE, WORDING, released, state
from support.wheelhouse import wheelhouse

pytestmark = pytest.mark.slow
SOURCES = (
    "tool",
    "schemas",
    "templates",
    "prompts",
    "hooks",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    ".pre-commit-hooks.yaml",
)


def pre_commit(author: Person, *args: str, exits: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", *args], cwd=author.cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == exits, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A repository of the tool with a tag, and an environment in which pip finds wheels, and no network."""
    folder = tmp_path_factory.mktemp("pre-commit")
    wheels = wheelhouse(folder / "wheels", ("onbook", "hatchling"))
    made = person(folder / "onbook")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, made.cwd / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, made.cwd / name)
    made.commit("The tool")
    made.git("tag", "v0.1.0")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRE_COMMIT_HOME", str(folder / "home"))
        patch.setenv("PIP_CONFIG_FILE", "/dev/null")
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", str(wheels))
        yield made.cwd


@pytest.fixture
def author(tool: Path, tmp_path: Path) -> Person:
    found = released(tmp_path / "prompts")
    # JSON, which YAML is a superset of.
    hooks = [{"id": id} for id in ("onbook-lint", "onbook-diff", "onbook-test")]
    config = {"repos": [{"repo": str(tool), "rev": "v0.1.0", "hooks": hooks}]}
    found.write(".pre-commit-config.yaml", json.dumps(config))
    found.commit("Configure pre-commit")
    pre_commit(found, "install")
    return found


def test_the_files_are_what_pre_commit_takes() -> None:
    here = Person(ROOT)
    pre_commit(here, "validate-manifest", ".pre-commit-hooks.yaml")
    pre_commit(here, "validate-config", ".pre-commit-config.yaml")


def test_tried_without_configuration(tool: Path, tmp_path: Path) -> None:
    author = released(tmp_path / "prompts")
    told = pre_commit(author, "try-repo", str(tool), "--all-files", "--color=never")
    for name in ("onbook lint", "onbook diff", "onbook test", "onbook check"):
        (line,) = (line for line in told.splitlines() if line.startswith(name + "."))
        assert line.endswith("Passed")


def test_commits_are_stopped_or_pass_by_what_is_staged(author: Person) -> None:
    # A good change goes through, with a fault beside it that is not staged and comes back as it was.
    author.edit(TRIAGE, *HARMLESS)
    author.git("add", "--all")
    author.edit(TRIAGE, *FAULT)
    before = {path: data for path, (data, _) in state(author.cwd).items()}
    told = author.git("commit", "--message", "Say how many queues")
    assert told.count("Passed") == 3
    assert {path: data for path, (data, _) in state(author.cwd).items()} == before
    assert "tikcet" in author.git("diff")

    # The fault staged and mended in the work tree is still a fault.
    author.git("add", "--all")
    author.edit(TRIAGE, *reversed(FAULT))
    before = {path: data for path, (data, _) in state(author.cwd).items()}
    assert "ON203" in author.git("commit", "--message", "Mistyped", exits=1)
    assert {path: data for path, (data, _) in state(author.cwd).items()} == before


def test_a_deletion_alone_is_judged(author: Person) -> None:
    # pre-commit hands no deleted file on, so that hooks bound to `files` would be skipped here.
    author.git("rm", "--quiet", "prompts/_shared/untrusted.md")
    assert "_shared/untrusted.md" in author.git("commit", "--message", "Tidy up", exits=1)


def test_a_version_that_is_too_small_and_an_answer_that_is_not_recorded(author: Person) -> None:
    author.edit(TRIAGE, "name: Support", "version: 0.1.1\nname: Support")
    author.edit(TRIAGE, *BREAKING)
    author.edit(TRIAGE, *DECLARED)
    told = author.git("commit", "--all", "--message", "More", exits=1)
    assert "OD101" in told
    assert "0.2.0" in told
    author.git("reset", "--quiet", "--hard")
    author.edit(TRIAGE, *WORDING)
    told = author.git("commit", "--all", "--message", "Reword", exits=1)
    assert "the request changed since it was recorded" in told
