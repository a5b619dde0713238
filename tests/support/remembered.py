"""A repository of many prompts that lint looks at again and again, and what it keeps of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

from onbook.lint import lint
from onbook.project import Catalog
from onbook.repo import Repository, Snapshot
from onbook.repo.worktree import WorkTree
from onbook.report import Report
from support.git import Repo

TODAY = date(2027, 1, 31)
COUNT = 32

Place = Callable[[Repository], Snapshot]


def report(repo: Repo, *, keep: bool = True, place: Place = WorkTree, today: date = TODAY) -> Report:
    return lint(Catalog(place(Repository.discover(repo.path))), today=today, keep=keep)


def prompts(repo: Repo) -> list[Path]:
    return sorted(repo.path.glob("prompts/*/*.prompt.yml"))


def kept(repo: Repo) -> list[Path]:
    return sorted((repo.path / ".git/onbook/lint").glob("*"))


def spoil(repo: Repo) -> None:
    """Make a mistake in a prompt."""
    path = prompts(repo)[5]
    path.write_text(path.read_text().replace("role: user", "role: usr"))
