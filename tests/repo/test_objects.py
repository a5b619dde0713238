"""Many objects from one process of git, asked for ahead of their answers."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

import onbook
from onbook.errors import OnbookError
from onbook.repo import Repository, SnapshotError
from onbook.repo.snapshot import Commit
from support.git import Repo, new_repo


def test_many_objects_come_in_order_whatever_is_asked_in_between(tmp_path: Path) -> None:
    repo = Repo(tmp_path)
    repo.git("init", "--quiet")
    # Answers of more bytes than a pipe holds, so that git waits for whoever asks.
    texts = [f"{number} " * (40_000 if number % 50 == 0 else 3) for number in range(200)]
    for number, text in enumerate(texts):
        repo.write(f"f{number}", text)
    paths = "".join(f"f{number}\n" for number in range(200)).encode()
    ids = repo.git("hash-object", "-w", "--stdin-paths", stdin=paths).split()
    here = Repository.discover(repo.path)
    asked = [*ids[:100], "0" * 40, "two\nlines", "", *ids[100:]]
    found = []
    for each in here.read_objects(asked):
        found.append(each)
        assert here.read_object(ids[7]) == ("blob", texts[7].encode())
    assert found[100:103] == [None, None, None]
    assert [each and each[1].decode() for each in found[:100] + found[103:]] == texts
    assert list(here.read_objects([])) == []
    # Whoever stops early disturbs nobody.
    assert next(here.read_objects(ids)) == ("blob", texts[0].encode())
    assert here.read_object(ids[1]) == ("blob", texts[1].encode())
    here.close()


def damage(repo: Repo, oid: str) -> None:
    """Cut a loose object in half, as a disk or a full one may."""
    path = repo.path / ".git/objects" / oid[:2] / oid[2:]
    raw = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(raw[: len(raw) // 2])


@pytest.mark.parametrize("size", [400, 60_000, 1_500_000])
def test_half_an_object_is_never_taken_for_the_whole(tmp_path: Path, size: int) -> None:
    repo = new_repo(tmp_path)
    letters = random.Random(size)
    repo.commit({"large": "".join(letters.choices("abcdefghij\n", k=size)), "fine": "fine", "other": "other"})
    large, *others = (repo.git("rev-parse", f"HEAD:{name}") for name in ("large", "fine", "other"))
    damage(repo, large)
    here = Repository.discover(repo.path)
    for read in (here.read_object, here.stored):
        with pytest.raises(OnbookError, match=f"ended while it read {large}(.|\n)*git fsck"):
            read(large)
    # Those that were asked for behind it are there all the same.
    found = list(here.read_objects([others[0], large, *others]))
    assert found == [("blob", b"fine"), None, ("blob", b"fine"), ("blob", b"other")]
    for look in (Commit(here, "HEAD").read, Commit(here, "HEAD").stored):
        with pytest.raises(SnapshotError, match=rf"large: git cat-file ended while it read {large}"):
            look("large")
    here.close()


@pytest.mark.parametrize("at", ["HEAD", "index"])
def test_threads_are_given_what_each_asked_for(tmp_path: Path, at: str) -> None:
    """A service that opened a local repository once, and is asked by many at a time."""
    repo = new_repo(tmp_path)
    ids = [f"p{number}" for number in range(4)]
    said = 'messages: [{{role: user, content: "{}"}}]\n'
    repo.commit({f"prompts/{id}.prompt.yml": said.format(id * (number * 300 + 1)) for number, id in enumerate(ids)})
    book = onbook.open(repo.path, at=at)
    right = {id: id * (number * 300 + 1) for number, id in enumerate(ids)}
    wrong: list[object] = []

    def ask(id: str) -> None:
        for _ in range(15):
            try:
                if book.get(id).render()[0]["content"] != right[id]:
                    wrong.append(id)
            except OnbookError as error:
                wrong.append(error)

    threads = [threading.Thread(target=ask, args=(id,)) for id in ids * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_an_interrupted_answer_is_nobody_elses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in a notebook, while an object is read: what is asked for next is not given the rest of it."""
    repo = new_repo(tmp_path)
    repo.commit({"a": "first\n" * 2_000, "b": "second"})
    first, second = (repo.git("rev-parse", f"HEAD:{name}") for name in "ab")
    here = Repository.discover(repo.path)
    assert here.read_object(second) == ("blob", b"second")

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    for ask in (here.read_object, here.stored, lambda name: list(here.read_objects([name]))):
        with monkeypatch.context() as patch:
            patch.setattr("onbook.repo.objects._head", interrupted)
            with pytest.raises(KeyboardInterrupt):
                ask(first)
        assert here.read_object(second) == ("blob", b"second")
