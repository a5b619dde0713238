"""From `onbook rollback` to a client that serves the old version: at most ttl, and one question to the remote."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import onbook
from support.console import Person, person
from support.git import PROMPT, Repo
from support.http_git import GitServer, git_server

ID = "support/triage"
TTL = 300.0


@pytest.fixture
def maintainer(tmp_path: Path) -> Person:
    """Somebody who runs 0.1.1, and ran 0.1.0 before."""
    someone = person(tmp_path / "served" / "repo")
    someone.write(f"prompts/{ID}.prompt.yml", PROMPT)
    someone.commit("A prompt")
    someone.onbook("release")
    someone.onbook("deploy", "production", ID, "0.1.0", "--commit")
    someone.edit(f"prompts/{ID}.prompt.yml", "You sort", "You carefully sort")
    someone.commit("Carefully")
    someone.onbook("release")
    someone.onbook("deploy", "production", ID, "0.1.1", "--commit")
    Repo(someone.cwd).git("config", "uploadpack.allowFilter", "true")
    return someone


@pytest.fixture
def server(maintainer: Person) -> Iterator[GitServer]:
    with git_server(maintainer.cwd.parent) as found:
        yield found


class Clock:
    """The time, which can be put on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.late = 0.0
        for name in ("time", "monotonic"):
            real = getattr(time, name)
            monkeypatch.setattr(time, name, lambda real=real: real() + self.late)


def tips(server: GitServer) -> int:
    """How often the tip was asked for."""
    return sum(b"command=ls-refs" in body and b"ref-prefix HEAD" in body for body in server.fetches)


@pytest.mark.parametrize("known", [False, True], ids=["the old version is fetched", "the old version is in the cache"])
def test_a_rollback_reaches_a_client_within_ttl_and_one_question(
    maintainer: Person, server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    clock = Clock(monkeypatch)
    book = onbook.open(f"{server.url}/repo/.git", cache=tmp_path / "c", ttl=TTL)
    if known:
        book.get(ID, "0.1.0")
    assert book.get(ID, env="production").version == "0.1.1"
    maintainer.onbook("rollback", "production", ID, "--commit")
    asked, tip, packs = len(server.heads), tips(server), server.packs()
    # Within ttl nothing is asked, however often somebody gets: this is what a rollback waits for.
    clock.late += TTL - 60
    for _ in range(100):
        assert book.get(ID, env="production").version == "0.1.1"
    assert len(server.heads) == asked
    # Then nobody waits for the one who asks, and everybody has the old version once it has asked.
    clock.late += 61
    end = time.monotonic() + 60
    served = [book.get(ID, env="production").version]
    while served[-1] != "0.1.0":
        assert time.monotonic() < end
        time.sleep(0.01)
        served.append(book.get(ID, env="production").version)
    assert set(served) == {"0.1.1", "0.1.0"}
    assert book.failures == {}
    # One question: the tip, that it descends from the last one, two folders, the file; for a release that is not here
    # its tag and its file.
    assert tips(server) - tip == 2
    assert server.packs() - packs == (5 if known else 7)
    asked = len(server.heads)
    for _ in range(100):
        assert book.get(ID, env="production").version == "0.1.0"
    assert len(server.heads) == asked
