"""Everything that rules say of the prompts of a catalog: looked for by several processes, or remembered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from onbook.lint.batches import look_at
from onbook.lint.looking import Looked, across
from onbook.lint.memory import Memory, present_in
from onbook.lint.pieces import Notes, Packer, Piece, collect, merge
from onbook.lint.rows import Row, from_row, to_row
from onbook.lint.trace import Asked, Shared, Traced
from onbook.lint.workers import METHOD, shared_out, worked
from onbook.project import Catalog
from onbook.prompt import id_of
from onbook.repo import Snapshot
from onbook.rules import AcrossRule, Rule, all_rules

MIN_COMPARED = 3_000
"""Prompts whose comparing is worth processes of its own."""


def gather(
    catalog: Catalog, named: Sequence[str], rules: Sequence[Rule], day: date, *, jobs: int, keep: bool
) -> dict[str, Looked]:
    """What rules say of the prompts that are named, or of all; by id, in the order of the catalog."""
    paths = catalog.paths
    if named:
        paths = {id: catalog.path(id) for id in named}
    memory = Memory.open(catalog, rules) if keep and not named else None
    rows: dict[str, Row] = memory.recall(paths) if memory else {}
    missing = [id for id in paths if id not in rows]
    names = tuple(rule.id for rule in rules)
    work = _Work(catalog.snapshot, catalog.config.prompts, paths, names, memory.present if memory else None)
    fresh = collect(worked(work, missing, jobs))
    found = {id: from_row(row) for id, row in rows.items()} | fresh.found
    looked = {id: found[id] for id in paths}
    # Comparing prompts takes long where there are many, and tells the same of the same notes on the same day.
    told = memory.compared(day) if memory and not missing else None
    if told is not None:
        compared = {id: from_row(row) for id, row in told.items()}
    else:
        if memory:
            merge(fresh.notes, memory.recall_notes())
        compared = _compared(looked, [rule for rule in rules if isinstance(rule, AcrossRule)], day, fresh.notes, jobs)
        if memory:
            sure = not any(each.unchecked for each in compared.values())
            memory.keep(fresh, day, {id: to_row(each) for id, each in compared.items()} if sure else None)
    for id, each in compared.items():
        looked[id].hits += each.hits
        looked[id].unchecked += each.unchecked
    return looked


def _compared(
    looked: Mapping[str, Looked], rules: Sequence[AcrossRule], day: date, notes: Notes, jobs: int
) -> dict[str, Looked]:
    """What rules find that compare prompts: each is one process's work, where they need not be sent the notes."""
    if jobs < 2 or len(looked) < MIN_COMPARED or METHOD != "fork":
        return across(looked, rules, day, notes)

    def work(some: Iterable[AcrossRule]) -> dict[str, Row]:
        return {id: to_row(found) for id, found in across(looked, some, day, notes).items()}

    told: dict[str, Looked] = {}
    for rows in shared_out(work, rules, jobs, smallest=1):
        for id, found in ((id, from_row(row)) for id, row in rows.items()):
            before = told.setdefault(id, found)
            if before is not found:
                before.hits += found.hits
                before.unchecked += found.unchecked
    return told


@dataclass(slots=True)
class _Work:
    """Looking at one prompt after another; picklable, for processes that are not forked.

    Attributes:
        present: the paths of all files where the prompts are; None where nothing is to be kept.
    """

    snapshot: Snapshot
    folder: str
    paths: Mapping[str, str]
    rules: tuple[str, ...]
    present: str | None
    packer: Packer = field(default_factory=Packer)
    shared: Shared = field(default_factory=Shared)

    def __call__(self, ids: Iterable[str]) -> Piece:
        if self.packer.renewed():
            # A process that is not forked lists the folder itself, perhaps after something has come or gone.
            self.present = self.present if self.present == present_in(self.snapshot, self.folder) else None
        return self.packer.pack(self._looked(ids))

    def _looked(self, ids: Iterable[str]) -> Iterator[tuple[str, Looked, Asked | None]]:
        known = all_rules()
        rules = [known[rule] for rule in self.rules]
        paths = ((id, self.paths[id]) for id in ids)
        prompts = ((id, path, Traced(self.snapshot, id_of(path), self.shared)) for id, path in paths)
        for id, looked, snapshot in look_at(prompts, self.folder, rules):
            asked = snapshot.asked() if self.present is not None and not looked.unchecked else None
            yield id, looked, None if snapshot.doubtful else asked
