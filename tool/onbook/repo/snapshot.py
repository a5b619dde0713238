"""Snapshot: path -> bytes at one place in history. Whoever reads one does not know which place it is."""

from __future__ import annotations

import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from onbook.errors import OnbookError, UsageError
from onbook.manifest import REGULAR_MODES
from onbook.repo.conversion import Conversion, records
from onbook.repo.git import Repository

SYMLINK = "120000"
SUBMODULE = "160000"


class SnapshotError(OnbookError):
    """A file that cannot be read: it is not there, it is no regular file, or reading it failed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One path of a snapshot: git's mode, and the blob id where there is one."""

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
    """

    name: str

    @abstractmethod
    def entries(self, folder: str) -> Mapping[str, Entry]:
        """All paths below a folder (``""`` is the root), at any depth."""

    @abstractmethod
    def entry(self, path: str) -> Entry | None:
        """One path, or None."""

    @abstractmethod
    def _read(self, entry: Entry) -> bytes:
        """The bytes of a regular file, as git stores them."""

    def again(self) -> Snapshot:
        """The same place as it stands now; what cannot change is returned as it is."""
        return self

    def read(self, path: str) -> bytes:
        """The bytes of a file, as git stores them.

        Raises:
            SnapshotError: there is no such path, or it is no regular file, or it cannot be read.
        """
        try:
            path.encode()
        except UnicodeEncodeError:
            shown = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            raise SnapshotError("the name of this file is not UTF-8", place=shown, hint="rename it") from None
        entry = self.entry(path)
        if entry is None:
            raise SnapshotError("there is no such file", place=path)
        if not entry.is_regular:
            kind = {SYMLINK: "a symbolic link", SUBMODULE: "a submodule"}.get(entry.mode, "no regular file")
            raise SnapshotError(f"this is {kind}, and only regular files are read", place=path)
        return self._read(entry)


class Files(Snapshot):
    """Files in memory: what a client fetched and verified."""

    def __init__(self, files: Mapping[str, bytes], name: str = "memory") -> None:
        self.name = name
        self._files = files

    def entries(self, folder: str) -> Mapping[str, Entry]:
        return {path: Entry(path, REGULAR_MODES[0]) for path in sorted(self._files) if _below(path, folder)}

    def entry(self, path: str) -> Entry | None:
        return Entry(path, REGULAR_MODES[0]) if path in self._files else None

    def _read(self, entry: Entry) -> bytes:
        return self._files[entry.path]


class _Listed(Snapshot):
    """A snapshot that git lists: a folder in one call, and what stands elsewhere path by path."""

    def __init__(self, repo: Repository) -> None:
        self.repo = repo
        self._trees: dict[str, dict[str, Entry]] = {}
        self._single: dict[str, Entry | None] = {}

    @abstractmethod
    def _list(self, folder: str) -> Iterable[Entry]:
        """Everything below a folder, at any depth."""

    @abstractmethod
    def _find(self, path: str) -> Entry | None:
        """One path that stands in no folder listed so far."""

    def entries(self, folder: str) -> Mapping[str, Entry]:
        if folder not in self._trees:
            found = (entry for entry in self._list(folder) if _below(entry.path, folder))
            self._trees[folder] = {entry.path: entry for entry in found}
        return self._trees[folder]

    def entry(self, path: str) -> Entry | None:
        for folder, tree in self._trees.items():
            if _below(path, folder):
                return tree.get(path)
        if path not in self._single:
            self._single[path] = self._find(path)
        return self._single[path]

    def _read(self, entry: Entry) -> bytes:
        found = self.repo.read_object(entry.blob)
        if found is None or found[0] != "blob":
            raise SnapshotError(f"blob {entry.blob} is missing from the repository", place=entry.path)
        return found[1]


class Commit(_Listed):
    """The files of one commit."""

    def __init__(self, repo: Repository, revision: str) -> None:
        super().__init__(repo)
        self.name = repo.resolve(revision)
        self._folders: dict[str, dict[str, Entry]] = {}

    def _list(self, folder: str) -> Iterable[Entry]:
        return self._ls_tree(folder, "-r")

    def _find(self, path: str) -> Entry | None:
        # Configuration stands in the root, schemas often side by side: one call serves a folder.
        parent = path.rpartition("/")[0]
        if parent not in self._folders:
            self._folders[parent] = {entry.path: entry for entry in self._ls_tree(parent)}
        found = self._folders[parent].get(path)
        return None if found is None or found.mode == _FOLDER else found

    def _ls_tree(self, folder: str, *options: str) -> Iterable[Entry]:
        args = ["ls-tree", "-z", "--full-tree", *options, self.name]
        out = self.repo.git(*args, *(["--", f"{folder}/"] if folder else []))
        for record in records(out):
            meta, path = record.split("\t", 1)
            mode, _, blob = meta.split(" ")
            yield Entry(path, mode, blob)


class Index(_Listed):
    """The files that the next commit will hold."""

    name = "index"

    def __init__(self, repo: Repository) -> None:
        if repo.bare:
            raise UsageError("there is no index without a work tree", hint="name a commit with --at")
        super().__init__(repo)

    def again(self) -> Snapshot:
        return Index(self.repo)

    def _list(self, folder: str) -> Iterable[Entry]:
        out = self.repo.git("ls-files", "-z", "-s", "--full-name", "--", folder or ".")
        found = []
        for record in records(out):
            entry, stage = _index_entry(record)
            if stage != "0":
                raise UsageError("the index holds an unmerged path", place=entry.path, hint="finish the merge first")
            found.append(entry)
        intended = self._intended() if any(entry.blob in _EMPTY_BLOBS for entry in found) else frozenset()
        return [entry for entry in found if entry.path not in intended]

    def _find(self, path: str) -> Entry | None:
        return next((entry for entry in self._list(path) if entry.path == path), None) if path else None

    def _intended(self) -> frozenset[str]:
        """What `git add --intent-to-add` only announced: it stands in the index, empty, and no commit will hold it."""
        return frozenset(records(self.repo.git("diff-files", "-z", "--name-only", "--diff-filter=A")))


class WorkTree(_Listed):
    """The files as they stand on disk, tracked or not, without what git ignores.

    Bytes are those that git would store: where an attribute or ``core.autocrlf`` changes what is stored, git converts.
    What a sparse checkout leaves out is read from the index, for it has not changed.
    """

    name = "worktree"

    def __init__(self, repo: Repository) -> None:
        if repo.bare:
            raise UsageError("there is no work tree here", hint="name a commit with --at")
        super().__init__(repo)
        self._inside: dict[str, bool] = {}
        self._conversion = Conversion(repo)

    def again(self) -> Snapshot:
        return WorkTree(self.repo)

    def _list(self, folder: str) -> Iterable[Entry]:
        kinds = ["--cached", "--others", "--exclude-standard"]
        out = self.repo.git("ls-files", "-z", "-t", "-s", "--full-name", *kinds, "--", folder or ".")
        found = {}
        for record in records(out):
            tag, rest = record[0], record[2:]
            listed = None if tag == "?" else _index_entry(rest)[0]
            path = listed.path if listed else rest
            if entry := self._on_disk(path, listed):
                found[path] = entry
            elif listed and tag == "S":
                found[path] = listed
        return (found[path] for path in sorted(found))

    def _find(self, path: str) -> Entry | None:
        if not path or self._on_disk(path, None) is None:
            return None
        return next((entry for entry in self._list(path) if entry.path == path), None)

    def _on_disk(self, path: str, listed: Entry | None) -> Entry | None:
        parent, _, name = path.rpartition("/")
        if parent not in self._inside:
            # A link on the way would lead out of the repository, where nothing is versioned.
            real = os.path.realpath(self.repo.root)
            expected = os.path.join(real, parent) if parent else real
            self._inside[parent] = os.path.realpath(self.repo.root / parent) == expected
        try:
            mode = (self.repo.root / path).lstat().st_mode
        except (OSError, ValueError):
            return None
        if not name or not self._inside[parent]:
            return None
        if stat.S_ISREG(mode):
            return Entry(path, self._mode(mode, listed))
        return Entry(path, SYMLINK if stat.S_ISLNK(mode) else SUBMODULE if stat.S_ISDIR(mode) else "000000")

    def _mode(self, mode: int, listed: Entry | None) -> str:
        """Git's mode of a regular file; the index knows it where the file system cannot."""
        found = REGULAR_MODES[1] if mode & 0o100 else REGULAR_MODES[0]
        if listed and listed.mode != found:
            if listed.is_regular and not self._keeps("core.fileMode"):
                return listed.mode
            if listed.mode == SYMLINK and not self._keeps("core.symlinks"):
                return SYMLINK
        return found

    def _keeps(self, key: str) -> bool:
        return self.repo.text("config", "--type=bool", "--get", key, accept=(0, 1)) != "false"

    def _read(self, entry: Entry) -> bytes:
        if entry.blob:
            return super()._read(entry)
        try:
            raw = (self.repo.root / entry.path).read_bytes()
        except OSError as error:
            raise SnapshotError(f"cannot be read: {error.strerror}", place=entry.path) from None
        if b"\r" not in raw and not self._conversion.concerns(entry.path, self._neighbours):
            return raw
        stored = self._conversion.stored(entry.path, self._neighbours)
        if stored is None:
            raise SnapshotError("git cannot convert it to what it would store", place=entry.path)
        return stored

    def _neighbours(self, path: str) -> list[str]:
        """The regular files that were listed together with a path: git is asked for all of them at once."""
        for tree in self._trees.values():
            if path in tree:
                return [entry.path for entry in tree.values() if entry.is_regular and not entry.blob]
        return [path]


_FOLDER = "040000"
_EMPTY_BLOBS = (
    "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
    "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
)


def _index_entry(record: str) -> tuple[Entry, str]:
    """An entry and its stage, from a record of ``ls-files -s``."""
    meta, path = record.split("\t", 1)
    mode, blob, stage = meta.split(" ")
    return Entry(path, mode, blob), stage


def _below(path: str, folder: str) -> bool:
    return not folder or path.startswith(f"{folder}/")
