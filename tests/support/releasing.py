"""Releases as the command makes them, by the functions that it calls, and what they leave."""

from __future__ import annotations

from pathlib import Path

from onbook import release
from onbook.manifest import TagObject
from onbook.repo import Repository
from onbook.repo.journal import JOURNAL
from onbook.report import Status
from support.git import PROMPT, Repo, new_repo

TRIAGE = "prompts/support/triage.prompt.yml"
REWORDED = PROMPT.replace("You sort", "You carefully sort")


def two_prompts(path: Path) -> Repo:
    """A repository with two prompts that are not released: ``review`` and ``support/triage``."""
    found = new_repo(path)
    found.commit({TRIAGE: PROMPT, "prompts/review.prompt.yml": PROMPT})
    return found


def open_(repo: Repo) -> Repository:
    return Repository.discover(repo.path)


def make(repo: Repo, *ids: str, remote: str | None = None, revision: str = "HEAD") -> list[str]:
    """Release as the command does, and return the tags."""
    found = open_(repo)
    release.recover(found)
    plan = release.plan(found, ids, revision=revision)
    assert plan.report.status is Status.PASSED, plan.report.findings
    release.apply(found, plan, remote=remote)
    return [item.tag.name for item in plan.releases]


def tag(repo: Repo, name: str) -> TagObject:
    return TagObject.parse(repo.git("cat-file", "tag", name).encode() + b"\n", name)


def journal(repo: Repo) -> Path:
    return repo.path / ".git/onbook" / JOURNAL
