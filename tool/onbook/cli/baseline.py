"""Which older version a prompt is compared with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from onbook.bases import Bases
from onbook.cli.common import note
from onbook.project import Catalog, Source
from onbook.project.cases import RECORDINGS_SUFFIX, stem
from onbook.repo import Repository
from onbook.repo.snapshot import Commit
from onbook.repo.tags import list_tags
from onbook.testing.asking import Progress
from onbook.testing.baseline import Compared, against, ask, judge, settle
from onbook.testing.details import Details
from onbook.testing.limits import Meter
from onbook.testing.preference import Baselines
from onbook.testing.recordings import Recordings
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
    bases = Bases(repo, catalog.config, head if head not in ("worktree", "index") else repo.head)
    before = None if revision == RELEASE else Catalog(Commit(repo, revision))
    found = []
    for source in sources:
        old, version = (before.get(source.id), revision) if before else bases.source(source.id)
        for passed in bases.passed_over(source.id):
            note(f"warning: {passed.message}")
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


def recorded_before(repo: Repository, catalog: Catalog, source: Source) -> Baselines | None:
    """What is recorded of a prompt in the last commit and in its releases, withdrawn ones and candidates included; None
    in a shallow clone, which may lack some.
    """
    if repo.shallow:
        return None

    def every() -> Iterator[Recordings]:
        path, seen = stem(source.path) + RECORDINGS_SUFFIX, set[str]()
        tags = list_tags(repo, prefix=catalog.config.tag_prefix, prompt=source.id)
        for commit in filter(None, dict.fromkeys([repo.head, *(ref.commit for ref in tags)])):
            there = Commit(repo, commit)
            entry = there.entry(path)
            # Most releases share what was recorded long before.
            if entry is not None and entry.is_regular and entry.blob not in seen:
                seen.add(entry.blob)
                yield Recordings.read(there.stored(path), path)

    return every
