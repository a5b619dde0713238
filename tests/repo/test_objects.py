"""Many objects from one process of git, asked for ahead of their answers."""

from __future__ import annotations

from pathlib import Path

from onbook.repo import Repository
from support.git import Repo


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
