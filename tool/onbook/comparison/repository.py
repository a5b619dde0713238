"""The diff of a repository: which prompts may have changed, against what, and what else is known of each change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from onbook.bases import Bases
from onbook.diff import PromptDiff, diff_sources, waive, waivers_of
from onbook.diff.closures import Closures
from onbook.diff.moves import paired
from onbook.errors import OnbookError
from onbook.project import Catalog, Source
from onbook.repo import Repository
from onbook.repo.snapshot import Commit
from onbook.report import Finding
from onbook.waivers import Waiver

Waivers = Callable[[Source | None], Sequence[Waiver]]

# What changes the number of tokens that a call has, or their price.
_COSTS = frozenset(
    {"wording-changed", "messages-restructured", "examples-changed", "model-changed", "provider-changed"}
)
_FEW = 5  # prompts
_MOST_GONE = 100  # prompts that were released and are gone, looked at when a new one comes


@dataclass(slots=True)
class Comparison:
    """What changed between two places in history.

    Attributes:
        diffs: the prompts that changed, by id.
        broken: prompts that could not be compared, with the reason.
        more: tokens and behaviour of each prompt that changed, as rows of the report.
        passed_over: tags that have the name of a release and are none, by prompt: a warning each.
    """

    diffs: list[PromptDiff] = field(default_factory=list)
    broken: dict[str, OnbookError] = field(default_factory=dict)
    more: dict[str, Mapping[str, object]] = field(default_factory=dict)
    passed_over: dict[str, Sequence[Finding]] = field(default_factory=dict)


def compare(
    repo: Repository,
    catalog: Catalog,
    *,
    base: str | None,
    commit: str | None,
    ids: Iterable[str] = (),
    waivers: Waivers | None = None,
) -> Comparison:
    """Compare prompts with a revision, or each with its own latest release.

    Only prompts whose closure may have changed are read; the index of closures is kept in the git directory.

    Args:
        base: a revision; None means each prompt's latest release.
        commit: the commit that releases must be reachable from when there is no base.
        waivers: those that may speak of a prompt's changes; None means all of its own and of the configuration.

    Raises:
        UsageError: an id that neither side has, or a base that is no commit.
    """
    wanted = list(ids)
    before = Catalog(Commit(repo, base)) if base else None
    only = wanted[0] if len(wanted) == 1 and wanted[0] in catalog.paths else None
    bases = Bases(repo, catalog.config, before.snapshot.name if before else commit, prompts=(only,) if only else None)
    if only and before is None and bases.ref(only) is None:
        # It is new: whether it moved is asked of all the others.
        bases = Bases(repo, catalog.config, commit)
    for id in wanted:
        if before is None or id not in before.paths:
            catalog.find(id)
    found, closures = Comparison(), Closures(repo)
    chosen = wanted or sorted({*catalog.ids, *(before.ids if before else _gone(repo, bases, catalog, commit))})
    # One or two prompts are read sooner than an index of all of them is.
    if before is not None and (not wanted or len(wanted) > _FEW):
        touched = closures.touched(before, catalog)
        chosen = [id for id in chosen if id in touched]
    if before is not None:
        bases = Bases(repo, catalog.config, before.snapshot.name, prompts=frozenset(chosen))
    for id in chosen:
        ref = bases.named.get(id) if before is None and not repo.shallow and id in catalog.paths else None
        if ref is None or not closures.as_released(ref, catalog.paths[id], catalog.snapshot):
            _compare_one(id, found, bases, before, catalog)
    found.passed_over = {id: told for id in chosen if (told := bases.passed_over(id))}
    found.diffs = paired(found.diffs, _earlier(found, bases, before, catalog), readers=catalog.config.readers)
    if wanted:
        # Somebody who asks for one side of a move is told of it.
        found.diffs = [each for each in found.diffs if {each.id, each.moved_from} & {*wanted}]
    speaking: Waivers = waivers or (lambda source: waivers_of(catalog.config, source))
    found.diffs = [waive(each, speaking(each.new)) for each in found.diffs]
    found.more = {each.id: row for each in found.diffs if (row := _more(each))}
    closures.save()
    return found


def _compare_one(id: str, found: Comparison, bases: Bases, before: Catalog | None, catalog: Catalog) -> None:
    """Compare one prompt, and note what came of it."""
    try:
        old, version = bases.source(id) if before is None else (before.get(id), bases.version(id))
        new = catalog.get(id)
        if old is None and new is None:
            return  # its tags are no releases, so that it never was one
        compared = diff_sources(id, old, new, base=version, readers=catalog.config.readers)
    except OnbookError as error:
        found.broken[id] = error
        return
    if compared.changes:
        found.diffs.append(compared)


def _gone(repo: Repository, bases: Bases, catalog: Catalog, commit: str | None) -> list[str]:
    """Released prompts that the commit still has and the place that is looked at has not: about to be deleted."""
    missing = bases.named.keys() - catalog.paths.keys()
    if not missing or commit is None or catalog.snapshot.name == commit:
        return []
    return sorted(missing & Catalog(Commit(repo, commit)).paths.keys())


def _earlier(found: Comparison, bases: Bases, before: Catalog | None, catalog: Catalog) -> list[Source]:
    """Prompts that were released and are gone: what a new one may have been. Only asked where there are new ones."""
    if before is not None or not any(each.old is None for each in found.diffs):
        return []
    told = {each.id for each in found.diffs}
    sources: list[Source] = []
    for id in islice(bases.others(catalog.paths.keys() | told), _MOST_GONE):
        try:
            source, _ = bases.source(id)
        except OnbookError:
            continue
        sources += [source] if source else []
    return sources


def _more(found: PromptDiff) -> dict[str, object]:
    """What a change costs, and how the answers moved."""
    from onbook.comparison.behaviour import behaviour
    from onbook.diff.cost import cost

    old, new = found.old, found.new
    if old is None or new is None or old.prompt is None or new.prompt is None:
        return {}
    row: dict[str, object] = {}
    if any(change.rule.slug in _COSTS for change in found.changes):
        counted = cost(old.prompt, new.prompt, (case.inputs for case in new.cases))
        row["tokens"] = counted.row() if counted else None
    moved = behaviour(old, new)
    row["behaviour"] = moved.row() if moved else None
    return row
