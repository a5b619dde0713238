"""All tags reach the remote or none, and what a killed run left is completed by the next one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from onbook import release
from onbook.errors import IntegrityError, OnbookError, UsageError
from onbook.repo.journal import JOURNAL, locked
from support.git import Repo, bare_remote, clone
from support.releasing import REWORDED, TRIAGE, journal, make, open_, two_prompts

REFUSE = """#!/bin/sh
case "$1" in refs/tags/review/*) echo "not this one" >&2; exit 1;; esac
"""


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return two_prompts(tmp_path / "repo")


def test_push_and_earlier_tags(repo: Repo, tmp_path: Path) -> None:
    remote = bare_remote(tmp_path / "remote.git", of=repo)
    repo.git("push", "--quiet", "origin", "main")
    make(repo)
    assert remote.tags() == {}
    repo.git("tag", "-a", "-m", "mine", "private")
    repo.git("config", "push.followTags", "true")
    repo.commit({TRIAGE: REWORDED})
    assert make(repo, remote="origin") == ["support/triage/v0.1.1"]
    mine = {name: oid for name, oid in repo.tags().items() if name != "private"}
    assert remote.tags() == mine
    assert len(mine) == 3
    assert make(repo, remote="origin") == []
    # Nothing to release, and one was never pushed.
    remote.git("tag", "-d", "review/v0.1.0")
    assert make(repo, remote="origin") == []
    assert remote.tags() == mine


def test_a_refused_tag_takes_all_with_it(repo: Repo, tmp_path: Path) -> None:
    remote = bare_remote(tmp_path / "remote.git", of=repo)
    repo.git("push", "--quiet", "origin", "main")
    hook = remote.write("hooks/update", REFUSE)
    hook.chmod(0o755)
    with pytest.raises(IntegrityError, match=r"no tag was written(.|\n)*not this one"):
        make(repo, remote="origin")
    assert (remote.tags(), repo.tags(), journal(repo).exists()) == ({}, {}, False)
    hook.unlink()
    assert len(make(repo, remote="origin")) == 2
    assert remote.tags() == repo.tags()


def test_somebody_released_meanwhile(repo: Repo, tmp_path: Path) -> None:
    remote = bare_remote(tmp_path / "remote.git", of=repo)
    repo.git("push", "--quiet", "origin", "main")
    other = clone(remote.path, tmp_path / "other")
    other.git("config", "user.name", "Other")
    mine = release.plan(open_(repo))
    other.commit({"x": "x"})
    other.git("push", "--quiet", "origin", "main")
    make(other, "review", remote="origin")
    count = repo.objects()
    with pytest.raises(IntegrityError, match=r"origin holds another review/v0\.1\.0"):
        release.apply(open_(repo), mine, remote="origin")
    assert (repo.tags(), repo.objects(), len(remote.tags())) == ({}, count, 1)
    # The same here, without a remote.
    twice = release.plan(open_(repo))
    release.apply(open_(repo), mine)
    before = repo.tags()
    with pytest.raises(IntegrityError, match="no tag was written"):
        release.apply(open_(repo), twice)
    assert (repo.tags(), journal(repo).exists()) == (before, False)


def test_a_clone_without_the_tags_does_not_begin_again(repo: Repo, tmp_path: Path) -> None:
    remote = bare_remote(tmp_path / "remote.git", of=repo)
    repo.commit({TRIAGE: f"version: 1.0.0\n{REWORDED}"})
    repo.git("push", "--quiet", "origin", "main")
    make(repo, remote="origin")
    other = clone(remote.path, tmp_path / "other", "--no-tags")
    other.commit({TRIAGE: REWORDED})
    other.git("push", "--quiet", "origin", "main")
    before = remote.tags()
    told = r"no tag was written: origin has support/triage/v1\.0\.0, which is not here, so support/triage/v0\.1\.0 may"
    with pytest.raises(IntegrityError, match=rf"{told}(.|\n)*git fetch origin --tags"):
        make(other, "support/triage", remote="origin")
    assert (remote.tags(), other.tags()) == (before, {})
    other.git("fetch", "--quiet", "origin", "--tags")
    assert make(other, "support/triage", remote="origin") == []


def test_more_tags_than_one_push_takes(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remote = bare_remote(tmp_path / "remote.git", of=repo)
    repo.git("push", "--quiet", "origin", "main")
    for text in ("one", "two", "three"):
        repo.commit({TRIAGE: REWORDED.replace("sort", text)})
        make(repo, "support/triage")
    repo.commit({TRIAGE: REWORDED})
    monkeypatch.setattr("onbook.repo.remote.MOST_PUSHED", 200)  # two of them
    assert make(repo, "support/triage", remote="origin") == ["support/triage/v0.1.3"]
    assert remote.tags() == repo.tags()
    assert len(repo.tags()) == 4
    # The new ones are pushed all or none.
    monkeypatch.setattr("onbook.repo.remote.MOST_PUSHED", 100)
    repo.commit({TRIAGE: REWORDED.replace("sort", "four")})
    with pytest.raises(UsageError, match=r"2 tags are more than one push takes(.|\n)*onbook release ID"):
        make(repo, remote="origin")
    assert (remote.tags(), journal(repo).exists()) == (repo.tags(), False)


def test_a_remote_that_is_away(repo: Repo, tmp_path: Path) -> None:
    repo.commit({"onbook.toml": '[release]\nbranch = "main"\n'})
    repo.git("remote", "add", "origin", str(tmp_path / "nowhere.git"))
    with pytest.raises(OnbookError, match="does not appear to be a git repository"):
        make(repo, remote="origin")
    # Nothing is left that would stand in the way of the next run.
    assert (repo.tags(), journal(repo).exists()) == ({}, False)
    assert len(make(repo)) == 2


def interrupted(repo: Repo, *, remote: str | None, tmp_path: Path) -> dict[str, str]:
    """Leave what a killed run leaves: the tag objects and the journal. Returns ref -> object."""
    scratch = clone(repo.path, tmp_path / "scratch", "--no-tags")
    make(scratch)
    refs = {}
    for name, oid in scratch.tags().items():
        raw = subprocess.run(["git", "cat-file", "tag", oid], cwd=scratch.path, capture_output=True, check=True).stdout
        refs[f"refs/tags/{name}"] = repo.git("hash-object", "-t", "tag", "-w", "--stdin", stdin=raw)
    repo.write(f".git/onbook/{JOURNAL}", json.dumps({"version": 1, "remote": remote, "refs": refs}))
    return refs


@pytest.mark.parametrize("killed", ["after the journal", "after the push", "within the local refs"])
def test_a_killed_run_is_completed(repo: Repo, tmp_path: Path, killed: str) -> None:
    remote = bare_remote(tmp_path / "remote.git", of=repo)
    repo.git("push", "--quiet", "origin", "main")
    refs = interrupted(repo, remote="origin", tmp_path=tmp_path)
    if killed != "after the journal":
        repo.git("push", "--quiet", "origin", *(f"{oid}:{ref}" for ref, oid in refs.items()))
    if killed == "within the local refs":
        repo.git("update-ref", *next(iter(refs.items())))
        repo.write(f".git/{list(refs)[1]}.lock", "")
    foreign = repo.write(".git/refs/tags/other.lock", "")
    with pytest.raises(OnbookError, match="has to be completed first"):
        release.apply(open_(repo), release.plan(open_(repo)))
    done = release.recover(open_(repo))
    assert {f"refs/tags/{name}": oid for name, oid in done.items()} == refs
    assert {f"refs/tags/{name}": oid for name, oid in repo.tags().items()} == refs
    assert remote.tags() == repo.tags()
    assert not journal(repo).exists()
    assert foreign.exists()
    assert release.recover(open_(repo)) == {}
    assert make(repo, remote="origin") == []


def test_a_killed_run_that_somebody_overtook_is_given_up(repo: Repo, tmp_path: Path) -> None:
    remote = bare_remote(tmp_path / "remote.git", of=repo)
    repo.git("push", "--quiet", "origin", "main")
    interrupted(repo, remote="origin", tmp_path=tmp_path)
    other = clone(remote.path, tmp_path / "other")
    other.commit({"x": "x"})
    other.git("push", "--quiet", "origin", "main")
    make(other, remote="origin")
    with pytest.raises(IntegrityError, match=r"no tag was written(.|\n)*git fetch origin --tags"):
        release.recover(open_(repo))
    assert (repo.tags(), journal(repo).exists()) == ({}, False)
    repo.git("fetch", "--quiet", "--tags", "origin")
    repo.git("merge", "--quiet", "origin/main")
    assert make(repo, remote="origin") == []


def test_a_journal_waits_for_a_remote_that_is_away(repo: Repo, tmp_path: Path) -> None:
    remote = bare_remote(tmp_path / "remote.git", of=repo)
    repo.git("push", "--quiet", "origin", "main")
    refs = interrupted(repo, remote="origin", tmp_path=tmp_path)
    remote.path.rename(tmp_path / "away")
    with pytest.raises(OnbookError, match="whether the tags reached origin is not known"):
        release.recover(open_(repo))
    assert (repo.tags(), journal(repo).exists()) == ({}, True)
    (tmp_path / "away").rename(remote.path)
    assert len(release.recover(open_(repo))) == len(refs)
    assert remote.tags() == repo.tags()


def test_journals_that_cannot_be_completed(repo: Repo) -> None:
    repo.write(
        f".git/onbook/{JOURNAL}", '{"version": 1, "remote": null, "refs": {"refs/tags/a/v1.0.0": "%s"}}' % ("1" * 40)
    )
    assert release.recover(open_(repo)) == {}
    assert not journal(repo).exists()
    for text in ("{", "[]", '{"version": 1, "remote": null, "refs": 3}'):
        repo.write(f".git/onbook/{JOURNAL}", text)
        with pytest.raises(OnbookError, match="unreadable"):
            release.recover(open_(repo))


def test_one_release_at_a_time(repo: Repo) -> None:
    plan = release.plan(open_(repo))
    with locked(open_(repo)), pytest.raises(OnbookError, match="another release runs"):
        release.apply(open_(repo), plan)
    # Somebody else's lock on a ref is left, and nothing is written.
    foreign = repo.write(".git/refs/tags/review/v0.1.0.lock", "")
    with pytest.raises(IntegrityError, match="no tag was written"):
        release.apply(open_(repo), plan)
    assert (repo.tags(), foreign.exists(), journal(repo).exists()) == ({}, True, False)
