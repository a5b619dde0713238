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
import marshal
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from datetime import date
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import onbook
from onbook.files import write_atomic
from onbook.lint.rows import NOTES, Row
from onbook.lint.trace import Identities, listing
from onbook.project import Catalog
from onbook.prompt import id_of
from onbook.repo import Snapshot
from onbook.repo.snapshot import Index
from onbook.repo.worktree import WorkTree
from onbook.rules import Rule

FORMAT = 3
MAX_BYTES = 64 * 1024 * 1024
"""Of one file; what is larger is not kept."""
SHORT_NOTE = 16
"""Characters of a note that stands with its row."""
MAX_FILES = 6
"""Of one repository: for the work tree and the index, under this and that selection of rules."""

ASSERTIONS = "onbook.assertions"

_OURS = Path(onbook.__file__).parent


class Memory:
    """One file of rows, for one place (work tree or index) and one selection of rules."""

    def __init__(self, path: Path, key: str, snapshot: Snapshot, folder: str) -> None:
        self._path = path
        self._folder = folder
        self._key = key
        self._snapshot = snapshot
        self._kept: _Kept | None = None
        self._recalled: Set[str] = frozenset()

    @staticmethod
    def open(catalog: Catalog, rules: Sequence[Rule]) -> Memory | None:
        """The memory of a place; None where there is no git directory, and for commits, which nobody lints twice."""
        snapshot = catalog.snapshot
        if not isinstance(snapshot, WorkTree | Index):
            return None
        config = catalog.config
        place = [snapshot.name, str(snapshot.repo.root), config.prompts, [rule.id for rule in rules]]
        name = hashlib.sha256(json.dumps(place).encode("utf-8", "surrogatepass")).hexdigest()[:16]
        key = [FORMAT, place, onbook.__version__, sys.version, _tool(), _installed(), list(_plugins(rules))]
        text = json.dumps(key, sort_keys=True).encode("utf-8", "surrogatepass")
        path = snapshot.repo.git_dir / "onbook" / "lint" / f"{name}.kept"
        return Memory(path, hashlib.sha256(text).hexdigest(), snapshot, config.prompts)

    def recall(self, paths: Mapping[str, str]) -> dict[str, Row]:
        """The rows of the prompts, by id, for which nothing has changed."""
        self._kept = kept = _read(self._path, self._key)
        if kept is None:
            return {}
        changed = {number for number, path in enumerate(kept.paths) if self._identity(path) != kept.identities[number]}
        new = self._new(kept)
        found = {}
        for id, path in paths.items():
            row = kept.rows.get(id)
            if row is None or row[0][0] != path:
                continue
            depends, absent = row[1], row[2]
            if changed.isdisjoint(depends) and (not new or new.isdisjoint(_absent(path, kept.absent[absent]))):
                found[id] = row[0]
        self._recalled = found.keys()
        return found

    def recall_notes(self, rows: Mapping[str, Row]) -> None:
        """Complete recalled rows with what only comparing prompts needs."""
        notes = self._kept.notes() if self._kept else {}
        for id in self._recalled:
            rows[id][NOTES] = {**rows[id][NOTES], **notes.get(id, {})}

    def compared(self, day: date) -> dict[str, Row] | None:
        """What comparing the prompts told on this day, where all of them were recalled; None if it must be done."""
        kept = self._kept
        if kept is None or kept.rows.keys() != self._recalled or kept.compared is None or kept.day != day.isoformat():
            return None
        return kept.compared

    def keep(
        self,
        rows: Mapping[str, Row],
        asked: Mapping[str, Identities | None],
        day: date,
        compared: Mapping[str, Row] | None,
    ) -> None:
        """Keep rows: those that were recalled, and new ones with what they depend on. None: it must not be kept."""
        old, writing = self._kept, _Writing()
        for id, row in rows.items():
            if id in asked:
                identities = asked[id]
                if identities is not None:
                    writing.add(id, row, identities)
            elif old is not None:
                writing.add(id, row, old.depends(id))
        with contextlib.suppress(OSError, ValueError, TypeError):
            data = writing.data(self._key, day.isoformat(), compared)
            if len(data) <= MAX_BYTES:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                write_atomic(self._path, data, durable=False)
                _tidy(self._path.parent)

    def _identity(self, path: str) -> str | None:
        if path.endswith("/"):
            return listing(self._snapshot, path[:-1])
        return self._snapshot.identity(path)

    def _new(self, kept: _Kept) -> set[str]:
        """Paths of which nothing was known: one of them may stand where a prompt found nothing."""
        known = set(kept.paths)
        return {path for path in self._snapshot.entries(self._folder) if path not in known}


class _Kept:
    """A file that was read: shaped as ``_Writing`` shapes it."""

    def __init__(self, data: dict[str, Any], notes: bytes) -> None:
        self._notes = notes
        self.paths: list[str] = data["paths"]
        self.identities: list[str] = data["identities"]
        self.absent: list[list[str]] = data["absent"]
        self.rows: dict[str, list[Any]] = data["rows"]
        self.day: str = data["day"]
        self.compared: dict[str, Row] | None = data["compared"]
        if not len(self.paths) == len(self.identities):
            raise ValueError("paths and identities do not match")

    def notes(self) -> dict[str, dict[str, str]]:
        """What stands apart: by prompt and rule."""
        found: dict[str, dict[str, str]] = marshal.loads(self._notes)  # noqa: S302 its checksum is right
        return found

    def depends(self, id: str) -> Identities:
        """What a row depends on, as it was given."""
        row, depends, absent = self.rows[id]
        found = {self.paths[number]: self.identities[number] for number in depends}
        return found | dict.fromkeys(_absent(row[0], self.absent[absent]), "")


class _Writing:
    """A file that is being written: each path and each list of missing files stands in it once."""

    def __init__(self) -> None:
        self._paths: dict[str, int] = {}
        self._identities: list[str] = []
        self._absent: dict[tuple[str, ...], int] = {}
        self._rows: dict[str, list[Any]] = {}

    def add(self, id: str, row: Row, identities: Identities) -> None:
        """A row with all that it depends on; left out where an identity differs from that of another row."""
        stem, depends, absent = id_of(row[0]), [], []
        for path, identity in identities.items():
            # Next to each prompt many files might stand, and few do: their suffixes are the same for all.
            if not identity and path.startswith(f"{stem}."):
                absent.append(path.removeprefix(stem))
                continue
            number = self._paths.setdefault(path, len(self._identities))
            if number == len(self._identities):
                self._identities.append(identity)
            elif self._identities[number] != identity:
                return  # the file changed between the two: both were right, and only one can be kept
            depends.append(number)
        missing = self._absent.setdefault(tuple(absent), len(self._absent))
        self._rows[id] = [row, depends, missing]

    def data(self, key: str, day: str, compared: Mapping[str, Row] | None) -> bytes:
        """The file's bytes: a line with the key, a checksum and the length of the first of two parts, then both.

        The second holds the notes, which make up most of it and which a run does not need where nothing has changed.
        Python's own encoding is read several times as fast as JSON; the key holds Python's version.
        """
        apart: dict[str, dict[str, str]] = {}
        rows: dict[str, list[Any]] = {}
        for id, (row, *others) in self._rows.items():
            apart[id] = {rule: note for rule, note in row[NOTES].items() if len(note) > SHORT_NOTE}
            short = {rule: note for rule, note in row[NOTES].items() if rule not in apart[id]}
            rows[id] = [[*row[:NOTES], short, *row[NOTES + 1 :]], *others]
        body = {
            "paths": list(self._paths),
            "identities": self._identities,
            "absent": [list(suffixes) for suffixes in self._absent],
            "rows": rows,
            "day": day,
            "compared": None if compared is None else dict(compared),
        }
        text = marshal.dumps(body)
        length = len(text)
        text += marshal.dumps(apart)
        return f"{key} {length} {_checksum(length, text)}\n".encode() + text


def _checksum(length: int, text: bytes) -> str:
    found = hashlib.sha256(f"{length}\n".encode())
    found.update(text)
    return found.hexdigest()


def _absent(path: str, suffixes: Iterable[str]) -> Iterator[str]:
    stem = id_of(path)
    return (stem + suffix for suffix in suffixes)


def _read(path: Path, key: str) -> _Kept | None:
    """A file's content, or None where it is missing, damaged, or of another key."""
    try:
        if path.stat().st_size > MAX_BYTES:
            return None
        raw = path.read_bytes()
        head, _, text = raw.partition(b"\n")
        known, length, checksum = head.decode("ascii").split(" ")
        # Nothing is decoded but what this onbook wrote: the checksum is looked at first.
        if known != key or checksum != _checksum(int(length), text):
            return None
        kept = _Kept(marshal.loads(text), text[int(length) :])  # noqa: S302 its checksum is right
    except (OSError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        return None
    return kept


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
    names |= {point.module.partition(".")[0] for point in metadata.entry_points(group=ASSERTIONS)}
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
    found = hashlib.sha256()
    for root in roots:
        for path in sorted(_files(root)) if root else ():
            found.update(f"{path}\0".encode("utf-8", "surrogatepass"))
            with open(path, "rb", buffering=0) as file:
                found.update(hashlib.sha256(file.read()).digest())
    return found.hexdigest()


def _files(root: Path) -> Iterator[str]:
    if root.is_file():
        yield str(root)
        return
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name != "__pycache__"]
        yield from (os.path.join(folder, name) for name in names)
