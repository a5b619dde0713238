"""The one door to git: snapshots of files, tags, and remotes.

Local plumbing runs as plain subprocesses with list arguments, because it stands in every hook's start-up and importing
GitPython costs several times what the plumbing does. GitPython is asked which URLs would run a program.
"""

from __future__ import annotations

from onbook.repo.git import GitError
from onbook.repo.repository import Repository
from onbook.repo.snapshot import Entry, Files, Snapshot, SnapshotError

__all__ = ["Entry", "Files", "GitError", "Repository", "Snapshot", "SnapshotError"]
