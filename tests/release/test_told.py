"""What a maintainer is told of tags: which reached the remote, which did not, and what to do next."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.console import Person
from support.git import PROMPT, Repo, bare_remote, clone

PATH = "prompts/support/triage.prompt.yml"
ID = "support/triage"
REFUSE = """#!/bin/sh
while read -r _ _ ref; do
  case $ref in refs/tags/*) echo "tags are protected" >&2; exit 1 ;; esac
done
"""


@pytest.fixture
def remote(maintainer: Person, tmp_path: Path) -> Repo:
    found = bare_remote(tmp_path / "r.git", of=Repo(maintainer.cwd))
    maintainer.git("push", "--quiet", "origin", "main")
    return found


def test_tags_that_are_only_here_are_told_and_so_is_where_they_went(maintainer: Person, remote: Repo) -> None:
    assert "next: `onbook release --push`" in maintainer.onbook("release")
    said = maintainer.onbook("release", "--push")
    assert "nothing to release" in said
    assert f"pushed to origin: {ID}/v0.1.0" in said
    assert list(remote.tags()) == [f"{ID}/v0.1.0"]
    assert "origin has all of these releases" in maintainer.onbook("release", "--push")
    # What somebody deleted there comes back, and that is told.
    remote.git("tag", "--delete", f"{ID}/v0.1.0")
    pushed = maintainer.report("release", "--push")["data"]["push"]
    assert pushed == {"remote": "origin", "refs": [f"refs/tags/{ID}/v0.1.0"]}


def test_nothing_is_said_of_remotes_where_there_is_none(maintainer: Person) -> None:
    assert "push" not in maintainer.onbook("release")


def test_what_is_not_committed_is_told_where_nothing_is_released(maintainer: Person) -> None:
    maintainer.onbook("release")
    assert "not committed" not in maintainer.onbook("release")
    maintainer.edit(PATH, "You sort", "You gently sort")
    assert f"not committed, and releases are made of HEAD: {PATH}\n" in maintainer.onbook("release")
    maintainer.write("prompts/another.prompt.yml", PROMPT)
    assert "2 files below prompts/ (prompts/another.prompt.yml, ...)" in maintainer.onbook("release", "--dry-run")


def test_a_remote_that_refuses_tags_is_not_taken_for_somebody_elses_release(maintainer: Person, remote: Repo) -> None:
    remote.write("hooks/pre-receive", REFUSE).chmod(0o755)
    said = maintainer.onbook("release", "--push", exits=1)
    assert "tags are protected" in said
    assert "look who may push tags to origin" in said
    assert maintainer.git("tag") == ""


def test_a_tag_that_another_one_stands_for_at_the_remote(
    maintainer: Person, remote: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Person(clone(remote.path, tmp_path / "other").path)
    maintainer.onbook("release")
    monkeypatch.setenv("GIT_COMMITTER_NAME", "Other")
    other.onbook("release", "--push")
    said = maintainer.onbook("release", "--push", exits=1)
    assert f"origin holds another {ID}/v0.1.0" in said
    # `git fetch --tags` alone would not bring it over the one that is here.
    maintainer.git("fetch", "--quiet", "origin", "--tags", exits=1)
    assert f"`git tag --delete {ID}/v0.1.0`, `git fetch origin --tags`" in said
    maintainer.git("tag", "--delete", f"{ID}/v0.1.0")
    maintainer.git("fetch", "--quiet", "origin", "--tags")
    assert "nothing to release" in maintainer.onbook("release", "--push")


def test_a_withdrawal_that_was_not_pushed(maintainer: Person, remote: Repo) -> None:
    maintainer.onbook("release", "--push")
    push = f"git push origin refs/tags/{ID}/v0.1.0.yanked"
    assert f"next: {push}" in maintainer.onbook("yank", ID, "0.1.0", "--reason", "wrong")
    assert f"`{push}`" in maintainer.onbook("yank", ID, "0.1.0", "--reason", "wrong", "--push", exits=2)
    maintainer.git(*push.split()[1:])
    assert f"{ID}/v0.1.0.yanked" in remote.tags()
