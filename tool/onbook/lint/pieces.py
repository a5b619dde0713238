"""What a process found in some prompts, as bytes: they are sent to another process, and kept, as they are.

Python's own encoding is read several times as fast as JSON. Notes for comparing prompts, which are most of what is
found and which a run does not need where nothing has changed, stand apart.
"""

from __future__ import annotations

import json
import marshal
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from onbook.lint.looking import Looked, Note
from onbook.lint.rows import Row, from_row, to_row
from onbook.lint.trace import Asked
from onbook.prompt import id_of

SHORT_NOTE = 16
"""Characters of a note that stands with its row."""

Notes = dict[str, dict[str, Note]]
"""By rule and prompt."""


class Piece(NamedTuple):
    """What was found in some prompts.

    Attributes:
        worker: the process that found it. Each piece counts on the tables of those that it made before.
        found: a :class:`Found`.
        notes: :data:`Notes`.
        loose: rows by id, which must not be kept.
    """

    worker: int
    found: bytes
    notes: bytes
    loose: bytes


class Found(NamedTuple):
    """The rows of a piece with what they depend on.

    Attributes:
        paths, identities: those that no piece of this worker has named before; rows name them by their numbers.
        absent: likewise, lists of files that do not stand beside a prompt, by what follows its stem.
        rows: by id a row, the numbers of what it depends on, and the number of what is absent.
    """

    paths: list[str]
    identities: list[str]
    absent: list[list[str]]
    rows: dict[str, list[Any]]


@dataclass(slots=True)
class Packer:
    """Packs what one process finds; each path and each list of missing files is sent once.

    Attributes:
        worker: the process that it belongs to.
    """

    worker: int = field(default_factory=os.getpid)
    _paths: dict[str, int] = field(default_factory=dict)
    _identities: list[str] = field(default_factory=list)
    _absent: dict[tuple[str, ...], int] = field(default_factory=dict)

    def renewed(self) -> bool:
        """Whether it came here from another process: then nothing was packed here yet, and it begins anew."""
        if self.worker == os.getpid():
            return False
        self.worker, self._paths, self._identities, self._absent = os.getpid(), {}, [], {}
        return True

    def pack(self, looked: Iterable[tuple[str, Looked, Asked | None]]) -> Piece:
        """A piece of prompts, each with what it depends on. None: it must not be kept."""
        paths, absent = len(self._paths), len(self._absent)
        rows: dict[str, list[Any]] = {}
        loose: dict[str, Row] = {}
        notes: Notes = {}
        for id, found, asked in looked:
            short: dict[str, Note] = {}
            for rule, note in found.notes.items():
                if len(note) <= SHORT_NOTE and isinstance(note, str):
                    short[rule] = note
                else:
                    notes.setdefault(rule, {})[id] = note
            row = to_row(found, short)
            depends = None if asked is None else self._depends(found.path, asked)
            if depends is None:
                loose[id] = row
            else:
                rows[id] = [row, *depends]
        new = Found(
            list(self._paths)[paths:],
            self._identities[paths:],
            [list(suffixes) for suffixes in list(self._absent)[absent:]],
            rows,
        )
        return Piece(self.worker, _dumped(tuple(new)), marshal.dumps(notes), _dumped(loose) if loose else b"")

    def _depends(self, path: str, asked: Asked) -> tuple[list[int], int] | None:
        """The numbers of paths and of what is absent; None where an identity differs from that of another prompt."""
        depends, absent = [], asked.absent
        for each, identity in asked.identities.items():
            # Next to each prompt many files might stand, and few do: their suffixes are the same for all.
            if not identity and each.startswith(f"{id_of(path)}."):
                absent = (*absent, each.removeprefix(id_of(path)))
                continue
            number = self._paths.setdefault(each, len(self._identities))
            if number == len(self._identities):
                self._identities.append(identity)
            elif self._identities[number] != identity:
                return None  # the file changed between the two: both were right, and only one can be kept
            depends.append(number)
        return depends, self._absent.setdefault(absent, len(self._absent))


class Collected(NamedTuple):
    """What stands in some pieces.

    Attributes:
        found: by id, with the notes that stand with it; those that stand apart are in ``notes``.
        kept: the ids of what may be kept.
    """

    found: dict[str, Looked]
    notes: Notes
    kept: set[str]
    pieces: list[Piece]


def collect(pieces: Iterable[Piece]) -> Collected:
    """Read each piece as soon as it comes, while other processes pack the next."""
    all_ = Collected({}, {}, set(), [])
    for piece in pieces:
        all_.pieces.append(piece)
        rows = found_of(piece.found).rows
        all_.kept.update(rows)
        all_.found.update((id, from_row(row)) for id, (row, *_) in rows.items())
        all_.found.update((id, from_row(row)) for id, row in _loose(piece).items())
        merge(all_.notes, notes_of(piece.notes))
    return all_


def merge(notes: Notes, others: Mapping[str, Mapping[str, Note]]) -> None:
    """Add notes to notes."""
    for rule, some in others.items():
        notes.setdefault(rule, {}).update(some)


def found_of(found: bytes) -> Found:
    """What a piece holds, packed by this version of onbook."""
    return Found(*marshal.loads(found))  # noqa: S302 a process of our own wrote it, or its checksum is right


def _loose(piece: Piece) -> Mapping[str, Row]:
    read: dict[str, Row] = marshal.loads(piece.loose) if piece.loose else {}  # noqa: S302 as above
    return read


def notes_of(notes: bytes) -> Mapping[str, Mapping[str, Note]]:
    """The notes of a piece, packed by this version of onbook."""
    read: Notes = marshal.loads(notes)  # noqa: S302 as above
    return read


def _dumped(data: Any) -> bytes:
    try:
        return marshal.dumps(data)
    except ValueError:  # a rule of a plug-in told something that only looks like a text
        return marshal.dumps(json.loads(json.dumps(data)))


def absent_of(path: str, suffixes: Iterable[str]) -> Iterator[str]:
    """The paths of what is absent beside a prompt's file."""
    stem = id_of(path)
    return (stem + suffix for suffix in suffixes)
