"""The git hooks that ``onbook init --hooks`` installs, run by git itself.

They find the command by themselves where a test has no ``author``, whose hooks find one on PATH that is forked.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.console import Person, person
from support.hooked import BREAKING, DECLARED, FAULT, HARMLESS, RECORDINGS, TRIAGE, WORDING, released, state
from support.shim import on_path

NAMES = ("pre-commit", "commit-msg", "pre-push")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A released prompt, and the hooks, through which their own commit went. Copied by who changes it."""
    found = released(tmp_path_factory.mktemp("hooks") / "prompts")
    found.onbook("init", "--hooks")
    found.git("add", "--all")
    found.git("commit", "--quiet", "--message", "Set up")
    return found.cwd


@pytest.fixture
def author(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    with on_path(monkeypatch):
        yield Person(shutil.copytree(prepared, tmp_path / "prompts", symlinks=True))


def stage(author: Person, *edits: tuple[str, str]) -> None:
    for old, new in edits:
        author.edit(TRIAGE, old, new)
    author.git("add", "--all")


def hook(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_from_the_first_commit_on(tmp_path: Path) -> None:
    author = person(tmp_path)
    told = author.onbook("init", "--hooks")
    assert all(f"wrote   .git/hooks/{name}\n" in told for name in NAMES)
    before = {name: (tmp_path / ".git/hooks" / name).read_bytes() for name in NAMES}
    assert "everything is set up already" in author.onbook("init", "--hooks")
    assert before == {name: (tmp_path / ".git/hooks" / name).read_bytes() for name in NAMES}

    author.onbook("new", "support/triage", "--model", "openai/gpt-5.4-mini-2026-03-17")
    author.git("add", "--all")
    assert "no recording" in author.git("commit", "--message", "A first prompt", exits=1)
    author.git("rm", "--quiet", "--force", "prompts/support/triage.cases.jsonl")
    author.git("commit", "--message", "A first prompt")


def test_a_fault_stops_the_commit(author: Person) -> None:
    stage(author, FAULT)
    told = author.git("commit", "--message", "Mistyped", exits=1)
    assert f"{TRIAGE}:" in told
    assert "ON203" in told


def test_a_declared_version_that_is_too_small_stops_the_commit(author: Person) -> None:
    author.edit(TRIAGE, "name: Support", "version: 0.1.1\nname: Support")
    stage(author, BREAKING, DECLARED)
    told = author.git("commit", "--message", "More", exits=1)
    assert "0.1.1" in told
    assert "0.2.0" in told


def test_an_answer_that_is_not_recorded_stops_the_commit(author: Person) -> None:
    stage(author, WORDING)
    told = author.git("commit", "--message", "Reword", exits=1)
    assert "the request changed since it was recorded" in told


def test_a_partial_that_is_taken_away_stops_the_commit(author: Person) -> None:
    author.git("rm", "--quiet", "prompts/_shared/untrusted.md")
    assert "_shared/untrusted.md" in author.git("commit", "--message", "Tidy up", exits=1)


def test_recordings_that_are_taken_away_stop_the_commit(author: Person) -> None:
    author.git("rm", "--quiet", RECORDINGS)
    assert "no recording" in author.git("commit", "--message", "Tidy up", exits=1)


def test_what_is_staged_is_judged_and_no_work_file_is_written(author: Person) -> None:
    # Staged: good. In the work tree: a fault, and a file that git does not know.
    stage(author, HARMLESS)
    author.edit(TRIAGE, *FAULT)
    author.write("prompts/new.prompt.yml", "messages: 7\n")
    before = state(author.cwd)
    author.git("commit", "--quiet", "--message", "Say how many queues")
    assert state(author.cwd) == before
    assert "tikcet" in author.git("diff")

    # Staged: the fault. In the work tree: mended.
    author.git("add", TRIAGE)
    author.edit(TRIAGE, *reversed(FAULT))
    before = state(author.cwd)
    assert "ON203" in author.git("commit", "--quiet", "--message", "Mistyped", exits=1)
    assert state(author.cwd) == before
    assert "tikcet" in author.git("diff", "--cached")


@pytest.mark.parametrize("how", [("--all",), ("--only", TRIAGE), ("--include", TRIAGE)])
def test_the_index_that_git_makes_for_this_commit_is_judged(author: Person, how: tuple[str, ...]) -> None:
    author.edit(TRIAGE, *FAULT)
    author.git("commit", "--quiet", "--message", "Mistyped", *how, exits=1)
    author.edit(TRIAGE, *reversed(FAULT))
    author.edit(TRIAGE, *HARMLESS)
    author.git("commit", "--quiet", "--message", "Say how many queues", *how)
    assert author.git("status", "--short") == ""


def test_a_commit_that_breaks_callers_says_so(author: Person) -> None:
    stage(author, BREAKING, DECLARED, ("{{ ticket }}", "{{ ticket }} {{ channel }}"))
    # The answers cannot be recorded here, and what they say is not the matter.
    author.git("config", "core.hooksPath", "only")
    (author.cwd / "only").mkdir()
    (author.cwd / ".git/hooks/commit-msg").rename(author.cwd / "only/commit-msg")

    told = author.git("commit", "--message", "Ask for the channel", exits=1)
    assert "OD101" in told
    assert "BREAKING CHANGE: " in told
    author.git("commit", "--edit", "--file=.git/COMMIT_EDITMSG", "--message", "", exits=128)
    author.git("commit", "--quiet", "--message", "Ask for the channel\n\nBREAKING CHANGE: send `channel`")

    # Once said, it is not asked for again, though the last release is still the one before.
    author.edit(TRIAGE, *HARMLESS)
    author.git("commit", "--quiet", "--all", "--message", "Say how many queues")
    # A merge brings what its commits have said.
    author.git("switch", "--quiet", "--create", "other", "HEAD~2")
    author.write("README.md", "More.\n")
    author.git("add", "README.md")
    author.git("commit", "--quiet", "--message", "More")
    author.git("merge", "--quiet", "--no-edit", "main")
    assert len(author.git("rev-list", "--merges", "HEAD").split()) == 1


def test_a_prompt_that_is_not_released_may_change(author: Person) -> None:
    author.write("prompts/young.prompt.yml", 'messages: [{role: user, content: "Say {{a}}"}]\n')
    author.git("add", "--all")
    author.git("commit", "--quiet", "--message", "One more")
    author.edit("prompts/young.prompt.yml", "{{a}}", "{{b}}")
    author.git("commit", "--quiet", "--all", "--message", "Rename its input")


def test_what_is_pushed_is_judged(author: Person, tmp_path: Path) -> None:
    author.git("init", "--quiet", "--bare", str(tmp_path / "remote.git"))
    author.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    author.git("push", "--quiet", "origin", "main", "--tags")

    author.edit(TRIAGE, *WORDING)
    author.git("commit", "--quiet", "--all", "--no-verify", "--message", "Reword")
    # The commit counts, and not what the work tree has become since.
    author.edit(TRIAGE, *reversed(WORDING))
    before = state(author.cwd)
    assert "the request changed" in author.git("push", "origin", "main", exits=1)
    assert "the request changed" in author.git("push", "origin", "HEAD:refs/heads/next", exits=1)
    assert state(author.cwd) == before
    author.git("tag", "mark")
    author.git("push", "--quiet", "origin", "mark")
    author.git("commit", "--quiet", "--all", "--message", "Take it back")
    author.git("push", "--quiet", "origin", "main", "main:other")
    author.git("push", "--quiet", "origin", "--delete", "other")


def test_a_hook_that_was_there_runs_first(tmp_path: Path) -> None:
    author = released(tmp_path / "prompts")
    hooks = author.cwd / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    hook(hooks / "pre-commit", "echo before >>../seen; test ! -e ../stop")
    hook(hooks / "commit-msg", 'echo "message $(cat "$1")" >>../seen')
    target = hook(tmp_path / "push", 'echo "to $1: $(cat)" >>../seen')
    (hooks / "pre-push").symlink_to(target)
    told = author.onbook("init", "--hooks")
    assert "kept    .git/hooks/pre-commit.chained, which runs first" in told
    assert "set up already" in author.onbook("init", "--hooks")

    author.git("add", "--all")
    author.git("commit", "--quiet", "--message", "Set up")
    author.git("init", "--quiet", "--bare", str(tmp_path / "remote.git"))
    author.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    author.git("push", "--quiet", "origin", "main")
    id = author.git("rev-parse", "HEAD").strip()
    seen = (tmp_path / "seen").read_text().splitlines()
    assert seen == ["before", "message Set up", f"to origin: refs/heads/main {id} refs/heads/main {'0' * 40}"]

    # It can still stop a commit, and where it does not, onbook can.
    stage(author, HARMLESS)
    (tmp_path / "stop").touch()
    author.git("commit", "--quiet", "--message", "More", exits=1)
    (tmp_path / "stop").unlink()
    stage(author, FAULT)
    assert "ON203" in author.git("commit", "--quiet", "--message", "More", exits=1)


def test_a_hook_that_another_tool_put_over_ours_is_not_lost(author: Person) -> None:
    hooks = author.cwd / ".git/hooks"
    hook(hooks / "pre-commit.chained", "echo the first")
    hook(hooks / "pre-commit", "echo the second")
    (hooks / "pre-push").unlink()
    told = author.onbook("init", "--hooks", exits=2)
    assert "pre-commit.chained is there already" in told
    assert "the second" in (hooks / "pre-commit").read_text()
    assert not (hooks / "pre-push").exists()


def test_hooks_in_the_work_tree(tmp_path: Path) -> None:
    author = released(tmp_path / "prompts")
    author.git("config", "core.hooksPath", "team/hooks")
    told = author.onbook("init", "--hooks")
    assert "commit these files" in told
    assert not (author.cwd / ".git/hooks/pre-commit").exists()
    # What everybody shares names no folder of this machine.
    assert os.fsencode(tmp_path) not in (author.cwd / "team/hooks/pre-commit").read_bytes()
    assert b"PATH=" not in (author.cwd / "team/hooks/pre-commit").read_bytes()
    assert os.access(author.cwd / "team/hooks/pre-push", os.X_OK)


@pytest.mark.parametrize(
    ("config", "told"),
    [("repos: []\n", "these hooks run beside what pre-commit runs"),
     ("repos:\n- repo: https://example.com/onbook\n", "these hooks run twice")],
)  # fmt: skip
def test_where_pre_commit_is_used_that_is_told(tmp_path: Path, config: str, told: str) -> None:
    author = person(tmp_path / "p")
    author.write(".pre-commit-config.yaml", config)
    assert f".pre-commit-config.yaml is here: {told}; it can name" in author.onbook("init", "--hooks")
    assert "everything is set up already" in author.onbook("init", "--hooks")


def test_hooks_of_other_repositories_are_left_alone(tmp_path: Path) -> None:
    author = released(tmp_path / "prompts")
    (tmp_path / "mine").mkdir()
    author.git("config", "core.hooksPath", str(tmp_path / "mine"))
    told = author.onbook("init", "--hooks", exits=2)
    assert "outside of this repository" in told
    assert list((tmp_path / "mine").iterdir()) == []


def test_work_trees_share_the_hooks_and_not_the_index(author: Person, tmp_path: Path) -> None:
    author.git("worktree", "add", "--quiet", str(tmp_path / "other"))
    other = Person(tmp_path / "other")
    for name in NAMES:
        (author.cwd / ".git/hooks" / name).unlink()
    assert str(author.cwd / ".git/hooks/pre-commit") in other.onbook("init", "--hooks")

    stage(author, FAULT)
    stage(other, HARMLESS)
    other.git("commit", "--quiet", "--message", "Say how many queues")
    assert "ON203" in author.git("commit", "--quiet", "--message", "Mistyped", exits=1)
    stage(other, FAULT)
    assert "ON203" in other.git("commit", "--quiet", "--message", "Mistyped", exits=1)
