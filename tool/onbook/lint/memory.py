"""What was found in prompts, kept in the git directory from one run to the next.

A row counts only while everything that it depends on has the identity that it had: each file that was read, each path
that was asked for and stood nowhere, each folder that was listed. The file as a whole counts only for the same onbook,
the same rules and the same configuration. It is a convenience: it may be deleted at any time, what is damaged in it is
as good as deleted, and that it cannot be written is no fault.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from datetime import date
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import onbook
from onbook.files import write_atomic
from onbook.lint.kept import MAX_BYTES, Kept
from onbook.lint.pieces import Collected, Notes, absent_of
from onbook.lint.rows import Row, path_of
from onbook.lint.trace import listing
from onbook.plugins import entry_points
from onbook.project import Catalog
from onbook.repo import Snapshot
from onbook.repo.snapshot import Index
from onbook.repo.worktree import WorkTree
from onbook.rules import Rule

FORMAT = 4
MAX_FILES = 8
"""Of one repository: for the work tree and the index, under this and that selection of rules, and against releases."""

ASSERTIONS = "onbook.assertions"

_OURS = Path(onbook.__file__).parent


class Beyond(NamedTuple):
    """What rows depend on that is no file.

    Attributes:
        prefix: what its names begin with, and no path does.
        state: a hash that differs where the identity of any of it does.
        identity: the identity of one, by what follows the prefix of its name; None where it cannot be told.
    """

    prefix: str
    state: str
    identity: Callable[[str], str | None]


class Memory:
    """One file of rows, for one place (work tree or index) and one selection of rules."""

    def __init__(self, path: Path, key: str, snapshot: Snapshot, folder: str, beyond: Beyond | None) -> None:
        self._path = path
        self._folder = folder
        self._key = key
        self._snapshot = snapshot
        self._beyond = beyond
        self._kept: Kept | None = None
        self._recalled: Set[str] = frozenset()

    @staticmethod
    def open(
        catalog: Catalog, rules: Sequence[Rule], *, key: Sequence[str] = (), beyond: Beyond | None = None
    ) -> Memory | None:
        """The memory of a place; None where there is no git directory, and for commits, which nobody lints twice.

        Args:
            key: what else the rows as a whole depend on.
        """
        snapshot = catalog.snapshot
        if not isinstance(snapshot, WorkTree | Index):
            return None
        config = catalog.config
        kind = beyond.prefix if beyond else ""
        place = [snapshot.name, str(snapshot.repo.root), config.prompts, kind, [rule.id for rule in rules]]
        name = hashlib.sha256(json.dumps(place).encode("utf-8", "surrogatepass")).hexdigest()[:16]
        tool = [FORMAT, place, onbook.__version__, sys.version, _tool(), _installed(), list(_plugins(rules)), *key]
        text = json.dumps(tool, sort_keys=True).encode("utf-8", "surrogatepass")
        path = snapshot.repo.kept / "lint" / f"{name}.kept"
        return Memory(path, hashlib.sha256(text).hexdigest(), snapshot, config.prompts, beyond)

    @cached_property
    def present(self) -> str:
        """See :func:`present_in`."""
        return present_in(self._snapshot, self._folder)

    def recall(self, paths: Mapping[str, str]) -> dict[str, Row]:
        """The rows of the prompts, by id, for which nothing has changed."""
        self._kept = kept = Kept.read(self._path, self._key)
        if kept is None:
            return {}
        changed = self._changed(kept)
        new = self._new(kept)
        found = {}
        for id, path in paths.items():
            known = kept.rows.get(id)
            if known is None:
                continue
            row, depends, absent, worker = known
            if path_of(row) != path or not changed[worker].isdisjoint(depends):
                continue
            if not new or new.isdisjoint(absent_of(path, kept.tables[worker].absent[absent])):
                found[id] = row
        self._recalled = found.keys()
        return found

    @property
    def moved(self) -> bool:
        """Whether something that is no file is not as it was, though perhaps nothing that a row depends on."""
        return self._kept is not None and self._kept.state != self._state

    @property
    def _state(self) -> str:
        return self._beyond.state if self._beyond else ""

    def recall_notes(self) -> Notes:
        """The notes of what was recalled, as far as they stand apart."""
        return self._kept.notes(self._recalled) if self._kept else {}

    def compared(self, day: date) -> dict[str, Row] | None:
        """What comparing the prompts told on this day, where all of them were recalled; None if it must be done."""
        kept = self._kept
        if kept is None or kept.rows.keys() != self._recalled or kept.compared is None or kept.day != day.isoformat():
            return None
        return kept.compared

    def keep(self, fresh: Collected, day: date, compared: Mapping[str, Row] | None) -> None:
        """Keep what was recalled, and what was found since.

        Args:
            compared: what comparing all prompts told; None where it cannot be kept.
        """
        with contextlib.suppress(OSError, ValueError, TypeError):
            kept = (self._kept or Kept()).with_pieces(fresh.pieces, self._recalled, fresh.kept)
            data = kept.data(self._key, self.present, self._state, day.isoformat(), compared)
            if len(data) <= MAX_BYTES:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                write_atomic(self._path, data, durable=False)
                _tidy(self._path.parent)

    def _changed(self, kept: Kept) -> dict[int, set[int]]:
        """By worker, the numbers of the paths that are not what they were."""
        known = self._snapshot.identities(self._folder)
        if self._beyond and not self.moved:
            prefix = self._beyond.prefix
            for table in kept.tables.values():
                pairs = zip(table.paths, table.identities, strict=True)
                known |= {path: identity for path, identity in pairs if path.startswith(prefix)}
        return {
            worker: {
                number
                for number, (path, identity) in enumerate(zip(table.paths, table.identities, strict=True))
                if known.get(path) != identity and self._identity(path) != identity
            }
            for worker, table in kept.tables.items()
        }

    def _new(self, kept: Kept) -> set[str]:
        """Paths where nothing stood when the file was written: a prompt may have found nothing there."""
        now, then = self.present, kept.present
        return set() if now == then else set(now.split("\0")) - set(then.split("\0"))

    def _identity(self, path: str) -> str | None:
        if self._beyond and path.startswith(self._beyond.prefix):
            return self._beyond.identity(path.removeprefix(self._beyond.prefix))
        if path.endswith("/"):
            return listing(self._snapshot, path[:-1])
        return self._snapshot.identity(path)


def present_in(snapshot: Snapshot, folder: str) -> str:
    """The paths of all files below a folder, as one text."""
    return "\0".join(snapshot.entries(folder))


def _tidy(folder: Path) -> None:
    """Delete the files that were not written for the longest time, beyond those that are allowed.

    Also what a process left that was killed while it wrote.
    """
    found = sorted(folder.glob("[!.]*"), key=lambda path: path.stat().st_mtime, reverse=True)
    left = [path for path in folder.glob(".onbook-*") if path.stat().st_mtime < time.time() - 3600]
    for path in (*found[MAX_FILES:], *left):
        path.unlink(missing_ok=True)


def _tool() -> str:
    """A hash of onbook's own files: rules, readers, schemas and tables."""
    return _hash_of(_OURS, _OURS.parents[1] / "schemas" if _OURS.parent.name == "tool" else None)


def _plugins(rules: Iterable[Rule]) -> Iterator[str]:
    """A hash of each package that adds a rule, or an assertion that a rule may ask about."""
    names = {type(rule).__module__.partition(".")[0] for rule in rules}
    names |= {point.module.partition(".")[0] for point in entry_points(ASSERTIONS)}
    for name in sorted(names - {"onbook"}):
        spec = find_spec(name)
        file = Path(spec.origin) if spec and spec.origin else None
        if file is None or not file.exists():
            yield f"{name} {os.urandom(8).hex()}"  # nobody can tell whether it changed
        else:
            yield f"{name} {_hash_of(file.parent if file.stem == '__init__' else file)}"


def _installed() -> list[tuple[str, int]]:
    """The folders that packages are imported from, with their times: installing or removing one changes them.

    Not where the command itself stands, nor the current folder, which ``python -m`` adds.
    """
    passed_over = {"", os.getcwd(), os.path.dirname(os.path.abspath(sys.argv[0]))}
    found = []
    for folder in sys.path:
        with contextlib.suppress(OSError):
            if folder not in passed_over:
                found.append((folder, os.stat(folder).st_mtime_ns))
    return found


def _hash_of(*roots: Path | None) -> str:
    """A hash of the names, sizes and times of files, as Python looks at them before it runs their bytecode."""
    found = hashlib.sha256()
    for root in roots:
        for path in sorted(_files(root)) if root else ():
            stood = os.stat(path)
            found.update(f"{path}\0{stood.st_size} {stood.st_mtime_ns}\0".encode("utf-8", "surrogateescape"))
    return found.hexdigest()


def _files(root: Path) -> Iterator[str]:
    if root.is_file():
        yield str(root)
        return
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name != "__pycache__"]
        yield from (os.path.join(folder, name) for name in names)
