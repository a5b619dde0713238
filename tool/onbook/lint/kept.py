"""The file in which lint keeps what was found: pieces as they were packed, each with what it depends on."""

from __future__ import annotations

import hashlib
import marshal
from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from onbook.lint.pieces import Found, Notes, Packer, Piece, found_of, notes_of
from onbook.lint.rows import Row, from_row
from onbook.lint.trace import Asked

MAX_BYTES = 64 * 1024 * 1024
"""Of one file; what is larger is not kept."""
FEWEST_OUTDATED = 100
"""Rows that do not count any more, before the others are packed anew."""

_Piece = tuple[int, bytes, bytes]  # the number of its worker, what was found, the notes


class Kept:
    """What such a file holds.

    Attributes:
        tables: by the number of a worker, the paths, identities and missing files that its rows name by numbers.
        rows: by id a row, what it depends on, what is absent, and the number of the worker.
        present: the paths of the prompts folder when the file was written, joined by NUL.
        state: of what rows depend on that is no file, a hash.
        compared: what comparing the prompts told on a day; None if it must be done again.
    """

    def __init__(self) -> None:
        self.tables: dict[int, Found] = {}
        self.rows: dict[str, list[Any]] = {}
        self.present = ""
        self.state = ""
        self.day = ""
        self.compared: dict[str, Row] | None = None
        self._pieces: list[_Piece] = []
        self._gone: list[str] = []  # ids whose rows do not count, though they stand in a piece
        self._count = 0  # rows in all pieces
        self._named: list[Iterable[str]] = []  # the ids of each piece; of several pieces the last one counts

    @staticmethod
    def read(path: Path, key: str) -> Kept | None:
        """A file's content, or None where it is missing, damaged, or of another key."""
        try:
            if path.stat().st_size > MAX_BYTES:
                return None
            head, _, text = path.read_bytes().partition(b"\n")
            known, checksum = head.decode("ascii").split(" ")
            # Nothing is decoded but what this onbook wrote: the checksum is looked at first.
            if known != key or checksum != hashlib.sha256(text).hexdigest():
                return None
            return Kept._decoded(text)
        except (OSError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
            return None

    @staticmethod
    def _decoded(text: bytes) -> Kept:
        kept = Kept()
        read = marshal.loads(text)  # noqa: S302 its checksum is right
        kept._pieces, kept._gone, kept.present, kept.state, kept.day, kept.compared = read
        for worker, found, _ in kept._pieces:
            new = found_of(found)
            table = kept.tables.setdefault(worker, Found([], [], [], {}))
            table.paths.extend(new.paths)
            table.identities.extend(new.identities)
            table.absent.extend(new.absent)
            for row in new.rows.values():
                row.append(worker)
            kept.rows.update(new.rows)
            kept._named.append(new.rows.keys())
            kept._count += len(new.rows)
        for id in kept._gone:
            del kept.rows[id]
        return kept

    def notes(self, ids: Set[str]) -> Notes:
        """The notes that stand apart, of some prompts."""
        read: Notes = {}
        homes = {id: number for number, named in enumerate(self._named) for id in named}
        for number, (_, _, notes) in enumerate(self._pieces):
            for rule, some in notes_of(notes).items():
                counting = {id: note for id, note in some.items() if homes.get(id) == number and id in ids}
                read.setdefault(rule, {}).update(counting)
        return read

    def with_pieces(self, fresh: Sequence[Piece], recalled: Set[str], ids: Set[str]) -> Kept:
        """These pieces and new ones. Only rows that were recalled, or are new and may be kept (``ids``), count."""
        start = max((worker for worker, _, _ in self._pieces), default=-1) + 1
        workers: dict[int, int] = {}
        for piece in fresh:
            workers.setdefault(piece.worker, start + len(workers))
        kept = Kept()
        kept._pieces = self._pieces
        kept._gone = sorted(id for id in {*self.rows, *self._gone} if id not in recalled and id not in ids)
        # Rows that do not count cost their reading in every run: they are left out once they are many.
        if self._count - len(recalled) > len(recalled) + FEWEST_OUTDATED:
            kept._pieces, kept._gone = [self._packed(recalled, start + len(workers))], []
        if ids:
            added = [(workers[piece.worker], piece.found, piece.notes) for piece in fresh]
            kept._pieces = [*kept._pieces, *added]
        return kept

    def data(self, key: str, present: str, state: str, day: str, compared: Mapping[str, Row] | None) -> bytes:
        """The file's bytes: a line with the key and a checksum, then everything else."""
        told = None if compared is None else dict(compared)
        text = marshal.dumps((self._pieces, self._gone, present, state, day, told))
        return f"{key} {hashlib.sha256(text).hexdigest()}\n".encode() + text

    def _packed(self, ids: Set[str], worker: int) -> _Piece:
        notes = self.notes(ids)
        looked = []
        for id in (id for id in self.rows if id in ids):
            found = from_row(self.rows[id][0])
            found.notes |= {rule: some[id] for rule, some in notes.items() if id in some}
            looked.append((id, found, self._depends(id)))
        piece = Packer(worker).pack(looked)
        return worker, piece.found, piece.notes

    def _depends(self, id: str) -> Asked:
        """What a row depends on, as it was given."""
        _, depends, absent, worker = self.rows[id]
        table = self.tables[worker]
        found = {table.paths[number]: table.identities[number] for number in depends}
        return Asked(found, tuple(table.absent[absent]))
