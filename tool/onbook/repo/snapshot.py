"""Snapshot: path -> bytes at one place in history. Whoever reads one does not know which place it is."""

from __future__ import annotations

import stat
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from onbook.errors import OnbookError, UsageError
from onbook.manifest import REGULAR_MODES
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
    """A snapshot that git lists: a folder in one call, and single paths elsewhere by their folder."""

    def __init__(self, repo: Repository) -> None:
        self.repo = repo
        self._folders: dict[str, dict[str, Entry]] = {}
        self._trees: dict[str, dict[str, Entry]] = {}

    @abstractmethod
    def _list(self, folder: str, *, deep: bool) -> Iterable[Entry]: ...

    def entries(self, folder: str) -> Mapping[str, Entry]:
        if folder not in self._trees:
            self._trees[folder] = {entry.path: entry for entry in self._list(folder, deep=True)}
        return self._trees[folder]

    def entry(self, path: str) -> Entry | None:
        for folder, tree in self._trees.items():
            if _below(path, folder):
                return tree.get(path)
        parent = path.rpartition("/")[0]
        if parent not in self._folders:
            self._folders[parent] = {entry.path: entry for entry in self._list(parent, deep=False)}
        return self._folders[parent].get(path)

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

    def _list(self, folder: str, *, deep: bool) -> Iterable[Entry]:
        args = ["ls-tree", "-z", "--full-tree", *(["-r"] if deep else []), self.name]
        out = self.repo.git(*args, *(["--", f"{folder}/"] if folder else []))
        for record in _records(out):
            meta, path = record.split("\t", 1)
            mode, _, blob = meta.split(" ")
            yield Entry(path, mode, blob)


class Index(_Listed):
    """The files that the next commit will hold."""

    name = "index"

    def again(self) -> Snapshot:
        return Index(self.repo)

    def _list(self, folder: str, *, deep: bool) -> Iterable[Entry]:
        # Literal pathspecs: a folder named like a pattern must not match others.
        out = self.repo.git("--literal-pathspecs", "ls-files", "-z", "-s", "--full-name", "--", folder or ".")
        for record in _records(out):
            meta, path = record.split("\t", 1)
            mode, blob, stage = meta.split(" ")
            if stage != "0":
                raise UsageError("the index holds an unmerged path", place=path, hint="finish the merge first")
            yield Entry(path, mode, blob)


class WorkTree(Snapshot):
    """The files as they stand on disk, tracked or not, without what git ignores.

    Bytes are those that git would store: where an attribute or ``core.autocrlf`` changes what is stored, git converts.
    """

    name = "worktree"

    def __init__(self, repo: Repository) -> None:
        if repo.bare:
            raise UsageError("a bare repository has no work tree", hint="name a commit with --at")
        self.repo = repo
        self._trees: dict[str, dict[str, Entry]] = {}

    def again(self) -> Snapshot:
        return WorkTree(self.repo)

    def entries(self, folder: str) -> Mapping[str, Entry]:
        if folder not in self._trees:
            args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--full-name", "--"]
            out = self.repo.git("--literal-pathspecs", *args, folder or ".")
            paths = sorted(set(_records(out)))
            found = ((path, self._stat(path)) for path in paths)
            self._trees[folder] = {path: entry for path, entry in found if entry}
        return self._trees[folder]

    def entry(self, path: str) -> Entry | None:
        for folder, tree in self._trees.items():
            if _below(path, folder) and path in tree:
                return tree[path]
        # A link on the way would lead out of the repository, where nothing is versioned.
        parent = self.repo.root / Path(path).parent
        if parent.resolve() != self.repo.root.resolve() / Path(path).parent:
            return None
        return self._stat(path)

    def _stat(self, path: str) -> Entry | None:
        try:
            mode = (self.repo.root / path).lstat().st_mode
        except (OSError, ValueError):
            return None
        if stat.S_ISREG(mode):
            return Entry(path, REGULAR_MODES[1] if mode & 0o100 else REGULAR_MODES[0])
        return Entry(path, SYMLINK if stat.S_ISLNK(mode) else SUBMODULE if stat.S_ISDIR(mode) else "000000")

    def _read(self, entry: Entry) -> bytes:
        try:
            raw = (self.repo.root / entry.path).read_bytes()
        except OSError as error:
            raise SnapshotError(f"cannot be read: {error.strerror}", place=entry.path) from None
        if b"\r" in raw or self._attributes_apply(entry.path):
            return self._as_stored(entry.path, raw)
        return raw

    def _attributes_apply(self, path: str) -> bool:
        if not self._attribute_files:
            return False
        names = ["filter", "ident", "working-tree-encoding"]
        out = self.repo.git("check-attr", "-z", *names, "--", path)
        return any(value not in ("unspecified", "unset") for value in _records(out)[2::3])

    @cached_property
    def _attribute_files(self) -> bool:
        """Whether any file could give these files an attribute that changes bytes which hold no carriage return."""
        out = self.repo.git(
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
            "--",
            ":(top,glob)**/.gitattributes",
        )
        texts = [self.repo.root / path for path in _records(out)] + [self.repo.git_dir / "info" / "attributes"]
        configured = self.repo.config("core.attributesFile")
        texts.append(Path(configured or "~/.config/git/attributes").expanduser())
        words = ("filter", "ident", "working-tree-encoding")
        return any(word in text.read_text("utf-8", "replace") for text in texts if text.is_file() for word in words)

    def _as_stored(self, path: str, raw: bytes) -> bytes:
        # git itself converts, into a temporary object store: the real one is left as it is.
        with tempfile.TemporaryDirectory() as store:
            objects = {
                "GIT_OBJECT_DIRECTORY": store,
                "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(self.repo.git_dir / "objects"),
            }
            args = ["-c", "core.safecrlf=false", "hash-object", "-w", "--stdin", f"--path={path}"]
            blob = self.repo.git(*args, stdin=raw, env=objects).decode().strip()
            return self.repo.git("cat-file", "blob", blob, env=objects)


def _records(out: bytes) -> list[str]:
    return [record for record in out.decode("utf-8", "surrogateescape").split("\0") if record]


def _below(path: str, folder: str) -> bool:
    return not folder or path.startswith(f"{folder}/")
