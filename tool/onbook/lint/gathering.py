"""Everything that rules say of the prompts of a catalog: looked for by several processes, or remembered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from onbook.errors import OnbookError
from onbook.lint.looking import Looked, look
from onbook.lint.memory import Memory
from onbook.lint.rows import Row, from_row, to_row
from onbook.lint.trace import Identities, Traced
from onbook.lint.workers import shared_out
from onbook.project import Catalog, Source
from onbook.project.load import load_prompt
from onbook.repo import Snapshot
from onbook.rules import Rule, all_rules
from onbook.rules.base import Hit

MIN_SHARED = 200
"""Prompts to look at before other processes are worth their start."""


def gather(
    catalog: Catalog, named: Sequence[str], rules: Sequence[Rule], *, jobs: int, keep: bool
) -> dict[str, Looked]:
    """What rules say of the prompts that are named, or of all; by id, in the order of the catalog."""
    paths = catalog.paths
    if named:
        paths = {id: catalog.path(id) for id in named}
    memory = Memory.open(catalog, rules) if keep and not named else None
    found: dict[str, Row] = memory.recall(paths) if memory else {}
    missing = [id for id in paths if id not in found]
    work = _Work(catalog.snapshot, catalog.config.prompts, paths, tuple(rule.id for rule in rules), memory is not None)
    asked: dict[str, Identities | None] = {}
    for id, row, identities in _worked(work, missing, jobs):
        found[id] = row
        asked[id] = identities
    if memory:
        memory.keep({id: found[id] for id in paths}, asked)
    return {id: from_row(found[id]) for id in paths}


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
