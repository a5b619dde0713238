"""A release that is killed at moments spread over its whole duration: none or all of it, and then the rest."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from onbook.repo.journal import JOURNAL
from support import forks
from support.console import Person
from support.git import PROMPT, Repo, bare_remote, daemon, new_repo
from support.processes import descendants, start_release, until_writing

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")

SEED = 20261121


@pytest.mark.parametrize("kills", [3, pytest.param(50, marks=pytest.mark.slow)])
@pytest.mark.parametrize("way", ["local", "path", "daemon"])
def test_killed_at_random_moments(tmp_path: Path, way: str, kills: int) -> None:
    """``path``: the second run begins at once, while what the killed one started at the remote may still be at work.

    ``daemon``: the remote is on a machine of its own, as it were, and all of ours dies.
    """
    # Where there is time, a command from its very start; else one that has imported what it needs.
    slow = kills == 50
    prompts = 200 if slow else 40
    base = tmp_path / "base"
    repo = new_repo(base / "repo")
    repo.commit({f"prompts/team{n % 10}/p{n}.prompt.yml": PROMPT for n in range(prompts)})
    repo.commit({"onbook.toml": '[release]\nbranch = "main"\n[gates]\nlint = false\n'})
    bare_remote(base / "remote.git").git("config", "receive.autogc", "false")
    repo.git("push", "--quiet", str(base / "remote.git"), "main")
    with contextlib.ExitStack() as stack:
        url = str(tmp_path / "now" / "remote.git")
        if way == "daemon":
            root = stack.enter_context(daemon(tmp_path, "daemon.receivepack=true"))
            url = f"{root}/now/remote.git"
        whole = writing = 0.0
        for _ in range(2):  # the first also warms what later ones find warm
            place = _fresh(base, tmp_path, url)
            began = time.monotonic()
            process = start_release(place, *_options(way), fresh=slow)
            until_writing(process, place)
            writing = time.monotonic()
            assert process.wait() == 0
            whole, writing = time.monotonic() - began, time.monotonic() - writing
        assert len(Repo(place).tags()) == prompts
        chance = random.Random(SEED)
        seen = Counter[str]()
        # Writing is a small part of the whole, and the one that matters: as many kills again fall within it.
        for number in range(2 * kills):
            late = number >= kills
            moment = (writing if late else whole) * (number % kills + chance.random()) / kills
            place = _fresh(base, tmp_path, url)
            remote = Repo(place.parent / "remote.git")
            process = start_release(place, *_options(way), fresh=slow)
            if late:
                until_writing(process, place)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(moment)
            _kill(process, all_of_it=way == "daemon")
            left = _state(place)
            if way == "daemon":
                left = f"{_settled(remote, prompts)} there, {left}"
            seen[left] += 1
            told = _second(place, way)
            mine = Repo(place).tags()
            assert len(mine) == prompts, (number, moment, left, told)
            assert way == "local" or remote.tags() == mine, (number, moment, left, told)
            assert not (place / ".git/onbook" / JOURNAL).exists()
            for where in (place / ".git", remote.path):
                assert not _locks(where) or where == place / ".git", left
            assert _locks(place / ".git") == ["release.lock"]
            assert [file.name for file in (place / ".git/onbook").iterdir() if file.is_file()] == ["release.lock"]
            again = Person(place).report("release", *_options(way))["data"]
            assert (again["tags"], again["completed"]) == ([], [])
        Repo(place).git("fsck", "--strict", "--no-dangling")
        sys.stdout.write(
            f"{way}: {prompts} prompts, {kills} kills over {whole:.2f} s and {kills} over {writing:.3f} s\n"
        )
        sys.stdout.writelines(f"  {count:3} {left}\n" for left, count in sorted(seen.items()))


def _options(way: str) -> list[str]:
    return [] if way == "local" else ["--push"]


def _fresh(base: Path, tmp_path: Path, url: str) -> Path:
    now = tmp_path / "now"
    shutil.rmtree(now, ignore_errors=True)
    shutil.copytree(base, now)
    Repo(now / "repo").git("remote", "add", "origin", url)
    return now / "repo"


def _kill(process: subprocess.Popen[bytes] | forks.Run, *, all_of_it: bool) -> None:
    """End a process and its group; with ``all_of_it`` whatever it started in sessions of its own as well."""
    others = [pid for pid, _ in descendants(process.pid)] if all_of_it else []
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for pid in others:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def _settled(remote: Repo, prompts: int) -> str:
    """How many tags the remote has once its own process has ended: none or all."""
    deadline = time.monotonic() + 20
    before, now = -1, len(remote.tags())
    while (before != now or _locks(remote.path)) and time.monotonic() < deadline:
        time.sleep(0.2)
        before, now = now, len(remote.tags())
    assert now in (0, prompts), f"{now} of {prompts} tags are at the remote"
    return "all" if now else "none"


def _locks(place: Path) -> list[str]:
    """The names of the locks below a folder, in which a git that outlived the run may still remove others."""
    return [name for _, _, names in os.walk(place) for name in names if name.endswith(".lock")]


def _state(place: Path) -> str:
    """What the killed run has left, in words."""
    tags, locks = len(Repo(place).tags()), len(_locks(place / ".git/refs"))
    journal = "a journal" if (place / ".git/onbook" / JOURNAL).exists() else "no journal"
    some = "all tags" if tags == len(list((place / "prompts").rglob("*.yml"))) else "some tags" if tags else "no tag"
    return f"{journal}, {some}, {'locks' if locks else 'no lock'} here"


def _second(place: Path, way: str) -> object:
    return Person(place).report("release", *_options(way))
