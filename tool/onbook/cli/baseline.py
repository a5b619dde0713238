"""Which older version a prompt is compared with."""

from __future__ import annotations

from collections.abc import Iterable

from onbook.bases import Bases
from onbook.cli.common import note
from onbook.project import Catalog, Source
from onbook.repo import Repository
from onbook.repo.snapshot import Commit
from onbook.testing.asking import Progress
from onbook.testing.baseline import Compared, against, ask, judge, settle
from onbook.testing.details import Details
from onbook.testing.limits import Meter
from onbook.testing.selection import Selection

RELEASE = "release"
"""Not a revision: each prompt's own last release."""


def compare_with(
    repo: Repository,
    catalog: Catalog,
    sources: Iterable[Source],
    revision: str,
    selection: Selection,
    *,
    fresh: tuple[Meter, Progress] | None = None,
    details: Details | None = None,
) -> list[Compared]:
    """Compare prompts with what they were at a revision, or at their last release; a new one is compared with nothing.

    Args:
        fresh: ask both sides for everything now, instead of looking at recordings.
        details: takes the old answers.

    Raises:
        UsageError: the revision does not exist.
        OnbookError: the clone is shallow, so that the last release is not known.
    """
    head = catalog.snapshot.name
    bases = Bases(repo, catalog, head if head not in ("worktree", "index") else repo.head)
    before = None if revision == RELEASE else Catalog(Commit(repo, revision))
    found = []
    for source in sources:
        old, version = (before.get(source.id), revision) if before else bases.source(source.id)
        if old is None:
            why = f"{version} does not have it" if version else "it is not released yet"
            note(f"{source.id} is compared with nothing: {why}")
        elif source.cases:
            found += against(old, source, str(version), selection, fresh=fresh is not None)
    if fresh is not None:
        ask(found, *fresh)
    compared = settle([judge(match) for match in found])
    if details is not None:
        for match in found:
            details.compared(match)
    return compared
