"""Rules that compare with what was released. What they find is kept while neither files nor releases have changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache

from onbook.bases import Bases, bases_of
from onbook.errors import OnbookError
from onbook.lint.looking import Looked, since
from onbook.lint.memory import Beyond, Memory, present_in
from onbook.lint.pieces import Packer, Piece, collect
from onbook.lint.rows import from_row
from onbook.lint.trace import Asked, Shared, Traced
from onbook.lint.workers import worked
from onbook.project import Catalog, Source
from onbook.project.load import load_prompt
from onbook.prompt import id_of
from onbook.rules import ReleaseRule, all_rules
from onbook.rules.base import Hit

_BASE = "\0base "
"""What no path begins with: it stands before an id, among the paths that a row depends on."""


def released(
    looked: Mapping[str, Looked], rules: Sequence[ReleaseRule], catalog: Catalog, day: date, *, jobs: int, keep: bool
) -> None:
    """Let rules that compare with what was released look at the prompts that they apply to.

    Args:
        looked: what is found is added to it.
        day: that what is kept counts for.
        jobs, keep: as for :func:`onbook.lint.lint`.
    """
    keeping = [rule for rule in rules if rule.kept]
    noted = {id: found.notes for id, found in looked.items() if found.notes}
    asked = {id: ids for id, notes in noted.items() if (ids := tuple(rule.id for rule in keeping if rule.id in notes))}
    told = _compared(catalog, keeping, asked, day, jobs=jobs, keep=keep)
    for id, found in told.items():
        looked[id].hits += found.hits
        looked[id].unchecked += found.unchecked
    for rule in rules:
        for id, notes in noted.items() if not rule.kept else ():
            if rule.id in notes and (source := catalog.get(id)):
                since(rule, source, catalog, bases_of(catalog), looked[id])


def _compared(
    catalog: Catalog,
    rules: Sequence[ReleaseRule],
    asked: Mapping[str, Sequence[str]],
    day: date,
    *,
    jobs: int,
    keep: bool,
) -> dict[str, Looked]:
    """What the rules that are asked of each prompt find, by id."""
    if not asked:
        return {}
    paths = {id: catalog.path(id) for id in asked}
    memory = _memory(catalog, rules, day) if keep else None
    rows = memory.recall(paths) if memory else {}
    work = _Work(catalog, asked, memory.present if memory else None)
    fresh = collect(worked(work, [id for id in paths if id not in rows], jobs))
    if memory and (fresh.pieces or memory.moved):
        memory.keep(fresh, day, None)
    return {id: from_row(row) for id, row in rows.items()} | fresh.found


def _memory(catalog: Catalog, rules: Sequence[ReleaseRule], day: date) -> Memory | None:
    bases = bases_of(catalog)
    # Of a shallow clone, and of what an interrupted release has left, more would have to be known.
    if bases is None or bases.repo.shallow or bases.repo.awaited:
        return None
    try:
        tags = bases.repo.git("show-ref", "--head", "--tags", accept=(0, 1))
    except OnbookError:
        return None
    config = catalog.config
    # The configuration as a whole: waivers and readers decide what a change asks for.
    key = (repr(config), day.isoformat(), date.today().isoformat())
    # Tags that cannot be listed are not listed once for each prompt.
    listed = cache(lambda: _listed(bases))
    beyond = Beyond(_BASE, hashlib.sha256(tags).hexdigest(), lambda id: _base(bases, id) if listed() else None)
    return Memory.open(catalog, rules, key=key, beyond=beyond)


def _listed(bases: Bases) -> bool:
    try:
        return bases.named is not None
    except OnbookError:
        return False


def _base(bases: Bases, id: str) -> str | None:
    """The identity of a prompt's base; None where it cannot be told."""
    try:
        ref = bases.ref(id)
    except OnbookError:
        return None
    return f"{ref.object} {ref.commit} {ref.tag.version}" if ref else "none"


@dataclass(slots=True)
class _Work:
    """Comparing one prompt after another with its release; picklable, for processes that are not forked.

    Attributes:
        asked: by id, the rules that apply to a prompt.
        present: the paths of all files where the prompts are; None where nothing is to be kept.
    """

    catalog: Catalog
    asked: Mapping[str, Sequence[str]]
    present: str | None
    packer: Packer = field(default_factory=Packer)
    shared: Shared = field(default_factory=Shared)

    def __call__(self, ids: Iterable[str]) -> Piece:
        if self.packer.renewed():
            folder = self.catalog.config.prompts
            self.present = self.present if self.present == present_in(self.catalog.snapshot, folder) else None
        return self.packer.pack(map(self._since, ids))

    def _since(self, id: str) -> tuple[str, Looked, Asked | None]:
        path = self.catalog.path(id)
        looked = Looked(path, True)
        snapshot = Traced(self.catalog.snapshot, id_of(path), self.shared)
        bases = bases_of(self.catalog)
        try:
            source = Source(load_prompt(snapshot, path, self.catalog.config.prompts), snapshot)
            for rule in map(all_rules().__getitem__, self.asked[id]):
                assert isinstance(rule, ReleaseRule)
                since(rule, source, self.catalog, bases, looked)
        except OnbookError:
            raise
        except Exception as error:  # a fault of a reader, as where prompts are looked at
            looked.unchecked.append(Hit(f"this prompt could not be checked: {type(error).__name__}: {error}", path))
        if self.present is None or looked.unchecked or bases is None:
            return id, looked, None
        base, asked = _base(bases, id), snapshot.asked()
        if base is None or snapshot.doubtful:
            return id, looked, None
        return id, looked, asked._replace(identities={**asked.identities, f"{_BASE}{id}": base})
