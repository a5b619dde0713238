"""The three places in history that hold the same files: what each says of them."""

from __future__ import annotations

from onbook.repo import Repository, Snapshot
from onbook.repo.snapshot import Commit, Index
from onbook.repo.worktree import WorkTree
from support.git import Repo


def three(repo: Repo, start: str = "") -> list[Snapshot]:
    found = Repository.discover(repo.path / start)
    return [WorkTree(found), Index(found), Commit(found, "HEAD")]


def contents(snapshot: Snapshot, folder: str = "prompts") -> dict[str, tuple[str, bytes]]:
    entries = snapshot.entries(folder).values()
    return {e.path: (e.mode, snapshot.read(e.path) if e.is_regular else b"") for e in entries}


def agree(repo: Repo, folder: str = "prompts") -> dict[str, tuple[str, bytes]]:
    tree, index, commit = (contents(snapshot, folder) for snapshot in three(repo))
    assert tree == index == commit
    # The same one by one, without listing the folder first.
    for snapshot in three(repo):
        for path, (mode, data) in commit.items():
            entry = snapshot.entry(path)
            assert entry
            assert entry.mode == mode
            assert not entry.is_regular or snapshot.read(path) == data
    # And what stands there is told alike, before it is read and after.
    for path in commit:
        assert len({snapshot.identity(path) for snapshot in three(repo)}) == 1, path
    return commit
