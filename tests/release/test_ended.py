"""A git that a signal ends while the release that started it lives on, as where memory runs out."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from onbook.repo.journal import JOURNAL
from support.console import Person
from support.git import PROMPT, Repo, bare_remote, new_repo
from support.processes import descendants, start_release, until_writing

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")

# A hook is started by the process that it ends: all locks are held then, and no ref is written.
ENDS_ITS_TRANSACTION = """#!/bin/sh
[ "$1" = prepared ] || exit 0
[ -e ".git/times" ] && [ "$(wc -l < ".git/times")" -ge TIMES ] && exit 0
echo ended >> ".git/times"
kill -9 "$PPID"
"""
# At the remote: ends the push that it serves, once, and takes what was pushed.
ENDS_ITS_PUSH = """#!/bin/sh
[ -e ended ] && exit 0
touch ended
pid=$PPID
while ! tr '\\0' ' ' < /proc/$pid/cmdline | grep -q "push --atomic"; do
    pid=$(sed -n 's/^PPid:\\t//p' /proc/$pid/status)
done
kill -9 "$pid"
sleep 1
"""


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    found = new_repo(tmp_path / "repo")
    found.commit({f"prompts/p{number}.prompt.yml": PROMPT for number in range(5)})
    return found


def hook(repo: Repo, name: str, text: str, folder: str = ".git/hooks") -> None:
    repo.write(f"{folder}/{name}", text).chmod(0o755)


def locks(repo: Repo) -> list[str]:
    return [lock.name for lock in (repo.path / ".git/refs").rglob("*.lock")]


def journal(repo: Repo) -> bool:
    return (repo.path / ".git/onbook" / JOURNAL).exists()


@pytest.mark.parametrize("push", [False, True])
def test_a_transaction_that_is_ended_is_done_again(repo: Repo, tmp_path: Path, push: bool) -> None:
    remote = bare_remote(tmp_path / "remote.git", of=repo)
    repo.git("push", "--quiet", "origin", "main")
    hook(repo, "reference-transaction", ENDS_ITS_TRANSACTION.replace("TIMES", "1"))
    data = Person(repo.path).report("release", *(["--push"] if push else []))["data"]
    assert len(data["tags"]) == 5
    assert len((repo.path / ".git/times").read_text().split()) == 1
    assert len(repo.tags()) == 5
    assert remote.tags() == (repo.tags() if push else {})
    assert (locks(repo), journal(repo)) == ([], False)


def test_what_is_ended_again_and_again_is_told_and_completed_later(repo: Repo, tmp_path: Path) -> None:
    remote = bare_remote(tmp_path / "remote.git", of=repo)
    repo.git("push", "--quiet", "origin", "main")
    hook(repo, "reference-transaction", ENDS_ITS_TRANSACTION.replace("TIMES", "3"))
    there = Person(repo.path)
    told = there.onbook("release", "--push", exits=3)
    assert "git update-ref was ended by SIGKILL (signal 9), 3 times, while the tags were written" in told
    assert "5 of 5 are not here. All of them are on origin." in told
    assert "run `onbook release` again: it first completes this one" in told
    # Nobody's git is in the way of anybody's: no lock is left, and the journal is.
    assert (repo.tags(), locks(repo), journal(repo), len(remote.tags())) == ({}, [], True, 5)
    data = there.report("release", "--push")["data"]
    assert (len(data["completed"]), data["tags"]) == (5, [])
    assert repo.tags() == remote.tags()
    assert not journal(repo)


def test_locks_of_others_stay(repo: Repo) -> None:
    foreign = repo.write(".git/refs/tags/other/v1.0.0.lock", "")
    hook(repo, "reference-transaction", ENDS_ITS_TRANSACTION.replace("TIMES", "1"))
    Person(repo.path).onbook("release")
    assert len(repo.tags()) == 5
    assert locks(repo) == [foreign.name]
    # One of a name that is to be written: git itself refuses then, and it stays as well.
    repo.commit({"prompts/p0.prompt.yml": PROMPT.replace("You sort", "Sort")})
    mine = repo.write(".git/refs/tags/p0/v0.1.1.lock", "")
    assert "no tag was written" in Person(repo.path).onbook("release", exits=1)
    assert mine.exists()
    assert not journal(repo)


def test_a_push_that_is_ended_is_asked_for_again(repo: Repo, tmp_path: Path) -> None:
    remote = bare_remote(tmp_path / "remote.git", of=repo)
    repo.git("push", "--quiet", "origin", "main")
    hook(remote, "pre-receive", ENDS_ITS_PUSH, "hooks")
    data = Person(repo.path).report("release", "--push")["data"]
    assert (remote.path / "ended").exists()
    assert len(data["tags"]) == 5
    assert repo.tags() == remote.tags()
    assert len(repo.tags()) == 5
    assert not journal(repo)


@pytest.mark.parametrize("kills", [3, pytest.param(50, marks=pytest.mark.slow)])
def test_transactions_ended_at_random_moments(tmp_path: Path, kills: int) -> None:
    repo = new_repo(tmp_path / "repo")
    repo.commit({f"prompts/team{n % 10}/p{n}.prompt.yml": PROMPT for n in range(200)})
    repo.commit({"onbook.toml": "[gates]\nlint = false\n"})
    chance, seen = random.Random(20261121), Counter[str]()
    for number in range(kills):
        process = start_release(repo.path)
        until_writing(process, repo.path)
        found = None
        while found is None and process.poll() is None:
            found = next((pid for pid, name in descendants(process.pid) if "update-ref" in name), None)
        time.sleep(chance.uniform(0, 0.05))
        if found is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(found, signal.SIGKILL)
        assert process.wait() == 0, number
        seen["ended" if found else "was faster"] += 1
        assert len(repo.tags()) == 200
        assert (locks(repo), journal(repo)) == ([], False)
        repo.git("update-ref", "--stdin", stdin="".join(f"delete refs/tags/{tag}\n" for tag in repo.tags()).encode())
    sys.stdout.write(f"{kills} transactions of 200 tags: {dict(seen)}\n")
    assert seen["ended"]
