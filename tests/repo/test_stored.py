"""Files that are too large to be held: the same bytes, wherever they lie."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from onbook.repo import Repository, SnapshotError
from onbook.repo.snapshot import Commit, Index
from onbook.repo.stored import _MOST_OPEN, IN_MEMORY, Stored
from onbook.repo.worktree import WorkTree
from support.git import new_repo


def text(seed: int, size: int) -> bytes:
    """Lines of all lengths, some longer than what is read at once, and none at the end."""
    chance = random.Random(seed)
    lines, left = [], size
    while left > 0:
        length = chance.choice([0, 1, 2047, 2048, 2049, 700_000, *range(50)])
        lines.append(bytes(chance.choices(b"abc \xc3", k=min(length, left))))
        left -= length + 1
    return b"\n".join(lines)


@pytest.mark.parametrize("size", [0, 1, IN_MEMORY, IN_MEMORY + 1, 3_000_000])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_the_same_bytes_in_memory_in_a_file_and_in_chunks(tmp_path: Path, size: int, end: bytes) -> None:
    raw = (text(size, size) + end)[: max(size, len(end))]
    (tmp_path / "f").write_bytes(raw)
    found = {
        "memory": Stored(raw),
        "file": Stored.of_file(os.open(tmp_path / "f", os.O_RDONLY), len(raw)),
        "chunks": Stored.of_chunks(raw[start : start + 65_536] for start in range(0, len(raw), 65_536)),
    }
    assert {each.on_disk for name, each in found.items() if name != "memory"} == {len(raw) > IN_MEMORY}
    for each in found.values():
        lines = list(each.lines())
        assert [line for _, line in lines] == raw.split(b"\n")
        assert (each.size, each.whole(), b"".join(each.chunks())) == (len(raw), raw, raw)
        for start, line in lines[:: max(1, len(lines) // 50)]:
            assert each.line(start) == line
        assert each.read(1, 7) == raw[1:8]
        assert each.holds(b"\xc3") == (b"\xc3" in raw)
        assert each.is_of(raw)
        assert not each.is_of(raw + b"x")
        assert not each.is_of(raw[:-1] + b"?") or not raw


def test_descriptors_are_few(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(raw := b"x" * (IN_MEMORY + 1))
    every = [Stored.of_file(os.open(tmp_path / "f", os.O_RDONLY), len(raw)) for _ in range(_MOST_OPEN + 3)]
    assert sum(each.on_disk for each in every) == _MOST_OPEN
    assert all(each.whole() == raw for each in every)
    del every
    assert Stored.of_file(os.open(tmp_path / "f", os.O_RDONLY), len(raw)).on_disk


def test_what_is_appended_meanwhile_is_not_seen(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(raw := b"x\n" * IN_MEMORY)
    stored = Stored.of_file(os.open(tmp_path / "f", os.O_RDONLY), len(raw))
    with (tmp_path / "f").open("ab") as file:
        file.write(b"more\n")
    assert stored.on_disk
    assert stored.is_of(raw)
    assert not stored.is_of(raw + b"more\n")


@pytest.mark.parametrize("attributes", ["", "*.txt text eol=crlf\n"])
def test_work_tree_index_and_commit_hold_the_same(tmp_path: Path, attributes: str) -> None:
    repo = new_repo(tmp_path / "r")
    raw = b"".join(b"line %d\r\n" % number for number in range(200_000))
    repo.commit({".gitattributes": attributes, "p/large.txt": raw, "p/small.txt": b"small\n"})
    found = Repository.discover(repo.path)
    for snapshot in (WorkTree(found), Index(found), Commit(found, "HEAD")):
        large = snapshot.stored("p/large.txt")
        assert large.whole() == snapshot.read("p/large.txt") == (raw.replace(b"\r", b"") if attributes else raw)
        # The pipe to git stands where it should.
        assert snapshot.stored("p/small.txt").whole() == b"small\n"
        with pytest.raises(SnapshotError, match="no such file"):
            snapshot.stored("p/none.txt")
