"""Snapshot: path -> bytes at one place in history. Whoever reads one does not know which place it is."""

from __future__ import annotations

import contextlib
import hashlib
import re
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeVar

from onbook.errors import OnbookError, UsageError
from onbook.manifest import REGULAR_MODES
from onbook.repo.conversion import records
from onbook.repo.git import Begun, GitError
from onbook.repo.repository import Repository
from onbook.repo.stored import Stored

SYMLINK = "120000"
SUBMODULE = "160000"
SPECIAL = "000000"  # a pipe, a socket, a device: git keeps none

Held = TypeVar("Held", bytes, Stored)


class SnapshotError(OnbookError):
    """A file that cannot be read: it is not there, it is no regular file, or reading it failed."""


class Entry(NamedTuple):
    """One path of a snapshot: git's mode, and the blob id where there is one.

    A tuple, for tens of thousands are made before a command does anything else.
    """

    path: str
    mode: str
    blob: str = ""

    @property
    def is_regular(self) -> bool:
        """Whether this is a plain file: no symbolic link, no submodule."""
        return self.mode in REGULAR_MODES


class Snapshot(ABC):
    """Files at one place in history.

    Attributes:
        name: ``worktree``, ``index``, or the commit's id.
        remembers: whether a file that was read is at hand when it is asked for again, with the same bytes.
    """

    name: str
    remembers = False

    @abstractmethod
    def entries(self, folder: str) -> Mapping[str, Entry]:
        """All paths below a folder (``""`` is the root), at any depth."""

    @abstractmethod
    def entry(self, path: str) -> Entry | None:
        """One path, or None."""

    def standing(self, beginning: str, endings: Collection[str]) -> list[str]:
        """Of paths that begin alike, how those end at which something stands. Every ending begins with a dot."""
        return [ending for ending in endings if self.entry(beginning + ending) is not None]

    @abstractmethod
    def _read(self, entry: Entry) -> bytes:
        """The bytes of a regular file, as git stores them."""

    def _stored(self, entry: Entry) -> Stored:
        """The bytes of a regular file, as git stores them, not held where they are many."""
        return Stored(self._read(entry))

    def expect(self, folder: str) -> None:  # noqa: B027 most have nothing to prepare
        """Say that a folder will be listed, so that listing it may begin while something else is done."""

    def again(self) -> Snapshot:
        """The same place as it stands now; what cannot change is returned as it is."""
        return self

    def identity(self, path: str) -> str | None:
        """What stands at a path, as a short text that differs where mode or bytes do; empty where nothing stands.

        None where it cannot be told. It is told without reading the file where git knows it.
        """
        entry = self.entry(path)
        if entry is None:
            return ""
        if not entry.is_regular:
            return entry.mode
        if entry.blob:
            return f"{entry.mode} {entry.blob}"
        try:
            return self.identity_of(entry, self.read(path))
        except SnapshotError:
            return None

    def identities(self, folder: str) -> dict[str, str | None]:
        """Identities below a folder that listing it has told already; of what is left out :meth:`identity` tells."""
        return {}

    def identity_of(self, entry: Entry, raw: bytes) -> str:
        """The identity of a regular file with these bytes."""
        return f"{entry.mode} {blob_id(raw)}"

    def read(self, path: str) -> bytes:
        """The bytes of a file, as git stores them.

        Raises:
            SnapshotError: there is no such path, or it is no regular file, or it cannot be read.
        """
        return self._read(self._regular(path))

    def stored(self, path: str) -> Stored:
        """The bytes of a file, as git stores them, for those who want a line at a time.

        Raises:
            SnapshotError: as :meth:`read`.
        """
        return self._stored(self._regular(path))

    def _regular(self, path: str) -> Entry:
        """Raises SnapshotError."""
        try:
            path.isascii() or path.encode()
        except UnicodeEncodeError:
            shown = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            raise SnapshotError("the name of this file is not UTF-8", place=shown, hint="rename it") from None
        entry = self.entry(path)
        if entry is None:
            is_folder = any(other.startswith(f"{path}/") for other in self.entries(path.rpartition("/")[0]))
            kind = "this is a folder, and only regular files are read" if is_folder else "there is no such file"
            raise SnapshotError(kind, place=path)
        if not entry.is_regular:
            kind = {SYMLINK: "a symbolic link", SUBMODULE: "a submodule"}.get(entry.mode, "no regular file")
            raise SnapshotError(f"this is {kind}, and only regular files are read", place=path)
        return entry


def blob_id(raw: bytes, algorithm: str = "sha1") -> str:
    """The id that git gives to a blob with these bytes, in a repository of this object format."""
    made = hashlib.sha256 if algorithm == "sha256" else hashlib.sha1
    return made(b"blob %d\0%b" % (len(raw), raw), usedforsecurity=False).hexdigest()


class Files(Snapshot):
    """Files in memory: what a client fetched and verified."""

    remembers = True

    def __init__(self, files: Mapping[str, bytes], name: str = "memory") -> None:
        self.name = name
        self._files = files

    def entries(self, folder: str) -> Mapping[str, Entry]:
        return {path: Entry(path, REGULAR_MODES[0]) for path in sorted(self._files) if _below(path, folder)}

    def entry(self, path: str) -> Entry | None:
        return Entry(path, REGULAR_MODES[0]) if path in self._files else None

    def _read(self, entry: Entry) -> bytes:
        return self._files[entry.path]


class Listed(Snapshot):
    """A snapshot that git lists: a folder in one call, and what stands elsewhere path by path."""

    def __init__(self, repo: Repository) -> None:
        self.repo = repo
        self._trees: dict[str, dict[str, Entry]] = {}
        self._beginnings: list[tuple[str, dict[str, Entry]]] = []  # the same, by what the paths within begin with
        self._sorted: dict[str, list[str]] = {}  # their paths
        self._single: dict[str, Entry | None] = {}
        self._algorithm = "sha1"
        self._begun: dict[str, Begun] = {}

    def identity_of(self, entry: Entry, raw: bytes) -> str:
        return f"{entry.mode} {blob_id(raw, self._algorithm)}"

    def __reduce__(self) -> tuple[object, ...]:
        # To another process goes where it is; what was read here is read there again.
        return type(self), (self.repo,)

    @abstractmethod
    def _command(self, folder: str) -> list[str]:
        """The git command that lists a folder."""

    @abstractmethod
    def _list(self, folder: str) -> Iterable[Entry]:
        """Everything below a folder, at any depth."""

    @abstractmethod
    def _find(self, path: str) -> Entry | None:
        """One path that stands in no folder listed so far."""

    def expect(self, folder: str) -> None:
        if folder not in self._trees and folder not in self._begun:
            with contextlib.suppress(OSError):  # no room for what it says: it will be asked when it is needed
                self._begun[folder] = self.repo.begin(*self._command(folder))

    def _out(self, folder: str) -> bytes:
        """What git says of a folder."""
        if begun := self._begun.pop(folder, None):
            with contextlib.suppress(GitError):
                return begun.out()
        return self.repo.git(*self._command(folder))

    def entries(self, folder: str) -> Mapping[str, Entry]:
        if folder not in self._trees:
            beginning = f"{folder}/" if folder else ""
            # What stands within a folder that was listed is known.
            above = next((tree.values() for start, tree in self._beginnings if beginning.startswith(start)), None)
            listed = self._list(folder) if above is None else above
            found = {entry.path: entry for entry in listed if entry.path.startswith(beginning)}
            self._trees[folder] = found
            self._beginnings.append((beginning, found))
        return self._trees[folder]

    def identities(self, folder: str) -> dict[str, str | None]:
        return {path: f"{e.mode} {e.blob}" for path, e in self.entries(folder).items() if e.blob and e.is_regular}

    def standing(self, beginning: str, endings: Collection[str]) -> list[str]:
        for folder, tree in self._beginnings:
            if beginning.startswith(folder):
                # What begins alike stands side by side: it is looked for once, and not each of many that are not there.
                paths = self._sorted.get(folder)
                if paths is None:
                    paths = self._sorted[folder] = sorted(tree)
                found: list[str] = []
                at = bisect_left(paths, start := f"{beginning}.")
                while at < len(paths) and paths[at].startswith(start):
                    found.append(paths[at][len(beginning) :])
                    at += 1
                return [ending for ending in found if ending in endings]
        return super().standing(beginning, endings)

    def entry(self, path: str) -> Entry | None:
        for beginning, tree in self._beginnings:
            if path.startswith(beginning):
                return tree.get(path)
        if path not in self._single:
            self._single[path] = self._find(path)
        return self._single[path]

    def _read(self, entry: Entry) -> bytes:
        return _of_blob(entry, self.repo.read_object)

    def _stored(self, entry: Entry) -> Stored:
        return _of_blob(entry, self.repo.stored)


def _of_blob(entry: Entry, read: Callable[[str], tuple[str, Held] | None]) -> Held:
    """What a blob holds. Raises SnapshotError: it is not here, or damaged."""
    try:
        found = read(entry.blob)
    except GitError as error:
        raise SnapshotError(error.message, place=entry.path, hint=error.hint) from None
    if found is None or found[0] != "blob":
        raise SnapshotError(f"blob {entry.blob} is missing from the repository", place=entry.path)
    return found[1]


class Commit(Listed):
    """The files of one commit."""

    def __init__(self, repo: Repository, revision: str) -> None:
        super().__init__(repo)
        self.name = repo.resolve(revision)
        self._folders: dict[str, dict[str, Entry]] = {}

    def __reduce__(self) -> tuple[object, ...]:
        return Commit, (self.repo, self.name)

    def _command(self, folder: str) -> list[str]:
        return ["ls-tree", "-z", "--full-tree", "-r", self.name, *(["--", f"{folder}/"] if folder else [])]

    def _list(self, folder: str) -> Iterable[Entry]:
        return _in_tree(self._out(folder))

    def _find(self, path: str) -> Entry | None:
        # Configuration stands in the root, schemas often side by side: one call serves a folder.
        parent = path.rpartition("/")[0]
        if parent not in self._folders:
            args = ["ls-tree", "-z", "--full-tree", self.name, *(["--", f"{parent}/"] if parent else [])]
            self._folders[parent] = {entry.path: entry for entry in _in_tree(self.repo.git(*args))}
        found = self._folders[parent].get(path)
        return None if found is None or found.mode == _FOLDER else found


def _in_tree(out: bytes) -> Iterator[Entry]:
    for mode, blob, path in _IN_TREE.findall(out.decode("utf-8", "surrogateescape")):
        yield Entry(path, mode, blob)


class Index(Listed):
    """The files that the next commit will hold."""

    name = "index"

    def __init__(self, repo: Repository) -> None:
        if repo.bare:
            raise UsageError("there is no index without a work tree", hint="name a commit with --at")
        super().__init__(repo)

    def again(self) -> Snapshot:
        return Index(self.repo)

    def _command(self, folder: str) -> list[str]:
        return ["ls-files", "-z", "-s", "--full-name", "--", folder or "."]

    def _list(self, folder: str) -> Iterable[Entry]:
        found = []
        for mode, blob, stage, path in _IN_INDEX.findall(self._out(folder).decode("utf-8", "surrogateescape")):
            if stage != "0":
                raise UsageError("the index holds an unmerged path", place=path, hint="finish the merge first")
            found.append(Entry(path, mode, blob))
        intended = self._intended() if any(entry.blob in _EMPTY_BLOBS for entry in found) else frozenset()
        return [entry for entry in found if entry.path not in intended]

    def _find(self, path: str) -> Entry | None:
        if parent := path.rpartition("/")[0]:
            # Schemas stand side by side, and starting git costs more than listing their folder does.
            return self.entries(parent).get(path)
        return next((entry for entry in self._list(path) if entry.path == path), None) if path else None

    def _intended(self) -> frozenset[str]:
        """What `git add --intent-to-add` only announced: it stands in the index, empty, and no commit will hold it."""
        return frozenset(records(self.repo.git("diff-files", "-z", "--name-only", "--diff-filter=A")))


_FOLDER = "040000"
_IN_TREE = re.compile(r"(\d+) \w+ (\w+)\t([^\0]+)\0")  # ls-tree -z
_IN_INDEX = re.compile(r"(\d+) (\w+) (\d)\t([^\0]+)\0")  # ls-files -z -s
_EMPTY_BLOBS = (
    "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
    "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
)


def _below(path: str, folder: str) -> bool:
    return not folder or path.startswith(f"{folder}/")
