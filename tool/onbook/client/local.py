"""Prompts as they stand in a local repository, for developing."""

from __future__ import annotations

from onbook.call import Caller
from onbook.client.book import Book, require_one
from onbook.client.loaded import LoadedPrompt
from onbook.repo import Repository, Snapshot
from onbook.repo.snapshot import Commit, Index
from onbook.repo.worktree import WorkTree

WORKTREE = "worktree"
INDEX = "index"


class LocalBook(Book):
    """Prompts as they stand in a local repository: neither versions nor environments count."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def get(self, id: str, request: str = "*", *, env: str | None = None, key: str | int | None = None) -> LoadedPrompt:
        """One prompt as it stands there now; see :meth:`Book.get`."""
        from onbook.project import Catalog

        require_one(request, env, key)
        # Read anew each time: whoever works on a prompt wants to see what they have just written.
        source = Catalog(self._snapshot.again()).find(id)
        prompt = source.usable()
        commit = self._snapshot.name if self._snapshot.name not in (WORKTREE, INDEX) else ""
        return LoadedPrompt(id, self._snapshot.name, "", commit, source.digest, prompt, Caller(prompt).render)


def snapshot_at(repo: Repository, at: str) -> Snapshot:
    """``worktree``, ``index`` or a revision of a repository."""
    if at == WORKTREE:
        return WorkTree(repo)
    return Index(repo) if at == INDEX else Commit(repo, at)
