"""Everything that rules say of the prompts of a catalog: looked for by several processes, or remembered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from onbook.errors import OnbookError
from onbook.lint.looking import Looked, across, look
from onbook.lint.memory import Memory
from onbook.lint.rows import Row, from_row, to_row
from onbook.lint.trace import Identities, Traced
from onbook.lint.workers import shared_out
from onbook.project import Catalog, Source
from onbook.project.load import load_prompt
from onbook.repo import Snapshot
from onbook.rules import AcrossRule, Rule, all_rules
from onbook.rules.base import Hit

MIN_SHARED = 200
"""Prompts to look at before other processes are worth their start."""


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
    work = _Work(catalog.snapshot, catalog.config.prompts, paths, tuple(rule.id for rule in rules), memory is not None)
    asked: dict[str, Identities | None] = {}
    for id, row, identities in _worked(work, missing, jobs):
        rows[id] = row
        asked[id] = identities
    # Comparing prompts takes long where there are many, and tells the same of the same notes on the same day.
    told = memory.compared(day) if memory and not missing else None
    if memory and told is None:
        memory.recall_notes(rows)
    looked = {id: from_row(rows[id]) for id in paths}
    compared = {id: from_row(row) for id, row in told.items()} if told is not None else None
    if compared is None:
        compared = across(looked, [rule for rule in rules if isinstance(rule, AcrossRule)], day)
    if memory and (missing or told is None):
        sure = not any(found.unchecked for found in compared.values())
        fresh = {id: to_row(found) for id, found in compared.items()} if sure else None
        memory.keep({id: rows[id] for id in paths}, asked, day, fresh)
    for id, found in compared.items():
        looked[id].hits += found.hits
        looked[id].unchecked += found.unchecked
    return looked


@dataclass(slots=True)
class _Work:
    """Looking at one prompt after another; picklable, for processes that are not forked."""

    snapshot: Snapshot
    folder: str
    paths: Mapping[str, str]
    rules: tuple[str, ...]
    keep: bool

    def __call__(self, id: str) -> tuple[str, Row, Identities | None]:
        known = all_rules()
        snapshot = Traced(self.snapshot)
        path = self.paths[id]
        try:
            looked = look(
                Source(load_prompt(snapshot, path, self.folder), snapshot), [known[rule] for rule in self.rules]
            )
        except OnbookError:
            raise
        except Exception as error:  # a fault of a reader: what it could not read is not fine, and hides no other prompt
            message = f"this prompt could not be checked: {type(error).__name__}: {error}"
            looked = Looked(path, False, unchecked=[Hit(message, path)])
        asked = snapshot.asked() if self.keep and not looked.unchecked else None
        return id, to_row(looked), None if snapshot.doubtful else asked


def _worked(work: _Work, ids: Sequence[str], jobs: int) -> Iterable[tuple[str, Row, Identities | None]]:
    if jobs < 2 or len(ids) < MIN_SHARED:
        return map(work, ids)
    # What git tells of all files at once is asked for before there are many to ask.
    first = work(ids[0])
    return (first, *shared_out(work, ids[1:], jobs))
