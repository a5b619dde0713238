"""Prompts that still run somewhere and have no file where the pages look: their last word is a release."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from onbook.environments import Deployment
from onbook.errors import OnbookError
from onbook.project import Catalog, Source
from onbook.project.load import Loaded
from onbook.repo import Repository
from onbook.repo.snapshot import Commit
from onbook.repo.tags import TagRef, list_tags
from onbook.report import Problem
from onbook.versions import Version

DELETED, ELSEWHERE = "deleted", "elsewhere"
"""Why there is no file: it was taken away, or it never was there: another branch released it, or a later commit."""


@dataclass(frozen=True, slots=True)
class Absent:
    """One such prompt.

    Attributes:
        source: as its release has it; why: see DELETED and ELSEWHERE.
        version: the release that is shown; None where none of those that run is here.
    """

    source: Source
    why: str
    version: Version | None


def absent(
    repo: Repository,
    catalog: Catalog,
    running: Mapping[str, Sequence[Deployment]],
    refs: Mapping[str, Sequence[TagRef]],
) -> Iterator[Absent]:
    """The prompts that run and that a catalog does not have, by id. Git is asked a few times for each of them.

    Args:
        running: what runs, by prompt; refs: the release tags, by prompt.
    """
    ids = sorted(running.keys() - set(catalog.ids))
    if not ids:
        return
    looked_at = catalog.snapshot.name if isinstance(catalog.snapshot, Commit) else repo.head
    merged = list_tags(repo, prefix=catalog.config.tag_prefix, prompts=ids, merged=looked_at) if looked_at else ()
    once_here = {ref.tag.id for ref in merged}
    catalogs: dict[str, Catalog] = {}
    for id in ids:
        why = DELETED if id in once_here else ELSEWHERE
        found = next(_released(repo, id, running[id], refs.get(id, ()), catalogs), None)
        yield Absent(*found[:1], why, found[1]) if found else Absent(_unknown(catalog, id), why, None)


def _released(
    repo: Repository,
    id: str,
    running: Sequence[Deployment],
    refs: Sequence[TagRef],
    catalogs: dict[str, Catalog],
) -> Iterator[tuple[Source, Version]]:
    """The prompt as the releases that run have it, the newest first."""
    commits = {ref.tag.version: ref.commit for ref in refs if not ref.tag.yanked}
    versions = {run.version for each in running for run in (each.stable, each.canary) if run is not None}
    for version in sorted(versions, reverse=True):
        if commit := commits.get(version):
            try:
                there = catalogs.setdefault(commit, Catalog(Commit(repo, commit)))
                source = there.get(id)
            except OnbookError:
                continue  # its configuration, or an object, cannot be read
            if source is not None:
                yield source, version


def _unknown(catalog: Catalog, id: str) -> Source:
    path = f"{catalog.config.prompts}/{id}.prompt.yml"
    message = "it runs somewhere, and neither its file nor a release that runs is here"
    hint = "run `git fetch --tags`; if its tags are nowhere, environments name what nobody can fetch"
    return Source(Loaded(id, path, None, None, (Problem("absent", message, path, hint=hint),), ()), catalog.snapshot)
