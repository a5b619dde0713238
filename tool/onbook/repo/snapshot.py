"""Snapshot: path -> bytes at one place in history. Whoever reads one does not know which place it is."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from onbook.errors import OnbookError, UsageError
from onbook.manifest import REGULAR_MODES
from onbook.repo.conversion import Conversion, records
from onbook.repo.git import Repository
from onbook.repo.stored import MAX_BYTES, Stored, read_all

SYMLINK = "120000"
SUBMODULE = "160000"
SPECIAL = "000000"  # a pipe, a socket, a device: git keeps none


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

    def _stored(self, entry: Entry) -> Stored:
        """The bytes of a regular file, as git stores them, not held where they are many."""
        return Stored(self._read(entry))

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
            path.encode()
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
        self._beginnings: list[tuple[str, dict[str, Entry]]] = []  # the same, by what the paths within begin with
        self._single: dict[str, Entry | None] = {}
        self._algorithm = "sha1"

    def identity_of(self, entry: Entry, raw: bytes) -> str:
        return f"{entry.mode} {blob_id(raw, self._algorithm)}"

    def __reduce__(self) -> tuple[object, ...]:
        # To another process goes where it is; what was read here is read there again.
        return type(self), (self.repo,)

    @abstractmethod
    def _list(self, folder: str) -> Iterable[Entry]:
        """Everything below a folder, at any depth."""

    @abstractmethod
    def _find(self, path: str) -> Entry | None:
        """One path that stands in no folder listed so far."""

    def entries(self, folder: str) -> Mapping[str, Entry]:
        if folder not in self._trees:
            beginning = f"{folder}/" if folder else ""
            found = {entry.path: entry for entry in self._list(folder) if entry.path.startswith(beginning)}
            self._trees[folder] = found
            self._beginnings.append((beginning, found))
        return self._trees[folder]

    def identities(self, folder: str) -> dict[str, str | None]:
        return {path: f"{e.mode} {e.blob}" for path, e in self.entries(folder).items() if e.blob and e.is_regular}

    def entry(self, path: str) -> Entry | None:
        for beginning, tree in self._beginnings:
            if path.startswith(beginning):
                return tree.get(path)
        if path not in self._single:
            self._single[path] = self._find(path)
        return self._single[path]

    def _read(self, entry: Entry) -> bytes:
        found = self.repo.read_object(entry.blob)
        if found is None or found[0] != "blob":
            raise SnapshotError(f"blob {entry.blob} is missing from the repository", place=entry.path)
        return found[1]

    def _stored(self, entry: Entry) -> Stored:
        found = self.repo.stored(entry.blob)
        if found is None or found[0] != "blob":
            raise SnapshotError(f"blob {entry.blob} is missing from the repository", place=entry.path)
        return found[1]


class Commit(_Listed):
    """The files of one commit."""

    def __init__(self, repo: Repository, revision: str) -> None:
        super().__init__(repo)
        self.name = repo.resolve(revision)
        self._folders: dict[str, dict[str, Entry]] = {}

    def __reduce__(self) -> tuple[object, ...]:
        return Commit, (self.repo, self.name)

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
        for mode, blob, path in _IN_TREE.findall(out.decode("utf-8", "surrogateescape")):
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
        if parent := path.rpartition("/")[0]:
            # Schemas stand side by side, and starting git costs more than listing their folder does.
            return self.entries(parent).get(path)
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
        self._top = f"{repo.root}{os.sep}"
        self._inside: dict[str, bool] = {}
        self._clean: dict[str, str] = {}
        self._conversion = Conversion(repo)

    def again(self) -> Snapshot:
        return WorkTree(self.repo)

    def identity(self, path: str) -> str | None:
        entry = self.entry(path)
        if entry is not None and (blob := self._clean.get(path)):
            return f"{entry.mode} {blob}"
        return super().identity(path)

    def identities(self, folder: str) -> dict[str, str | None]:
        entries, clean = self.entries(folder), self._clean
        known = {path: f"{e.mode} {clean[path]}" for path, e in entries.items() if path in clean}
        return {**super().identities(folder), **known}

    def _list(self, folder: str) -> Iterable[Entry]:
        # Git compares the files' times and sizes with its index, and their bytes where these cannot tell; what it does
        # not list as modified has the blob of the index, and its mode.
        kinds = ["--cached", "--others", "--modified", "--exclude-standard"]
        out = self.repo.git("ls-files", "-z", "-v", "-s", "--full-name", *kinds, "--", folder or ".")
        tags: dict[str, str] = {}
        indexed: dict[str, Entry] = {}
        for record in records(out):
            tag, rest = record[0], record[2:]
            if tag == "?":
                tags.setdefault(rest, tag)
                continue
            meta, path = rest.split("\t", 1)
            tags[path] = tag if path not in tags else "C"
            if path not in indexed:
                mode, blob, _ = meta.split(" ")
                indexed[path] = Entry(path, mode, blob)
        found = [entry for path, tag in sorted(tags.items()) if (entry := self._listed(path, tag, indexed.get(path)))]
        # Of a link to a folder git follows none, and nor does this.
        special = [path for path in self._special(folder) if path not in tags] if folder else []
        if special:
            ignored = self._ignored(special)
            found += [Entry(path, SPECIAL) for path in special if path not in ignored]
            found.sort(key=lambda entry: entry.path)
        return found

    def _ignored(self, paths: Iterable[str]) -> frozenset[str]:
        # This command knows no literal pathspecs: a path that begins with ./ means itself whatever else it holds.
        asked = "\0".join(f"./{path}" for path in paths).encode("utf-8", "surrogateescape")
        out = self.repo.git(
            "check-ignore", "-z", "--stdin", stdin=asked, env={"GIT_LITERAL_PATHSPECS": "0"}, accept=(0, 1)
        )
        return frozenset(path.removeprefix("./") for path in records(out))

    def _special(self, folder: str) -> Iterator[str]:
        """What git passes over in silence: pipes, sockets, devices. Somebody may take one of them for a file.

        Raises:
            SnapshotError: a folder cannot be read, so that nobody knows what it holds.
        """
        waiting = [folder]
        while waiting:
            parent = waiting.pop()
            try:
                with os.scandir(self._top + parent) as listed:
                    for item in listed:
                        path = f"{parent}/{item.name}"
                        if item.is_dir(follow_symlinks=False):
                            if item.name != ".git":
                                waiting.append(path)
                        elif not item.is_file(follow_symlinks=False) and not item.is_symlink():
                            yield path
            except (FileNotFoundError, NotADirectoryError):
                continue  # it vanished, or was never there
            except OSError as error:
                raise SnapshotError(f"the folder cannot be read: {error.strerror}", place=parent) from None

    def _listed(self, path: str, tag: str, indexed: Entry | None) -> Entry | None:
        if indexed and tag == "H" and self._is_inside(path):
            if indexed.is_regular:
                self._algorithm = "sha256" if len(indexed.blob) == 64 else "sha1"
                self._clean[path] = indexed.blob
            return Entry(path, indexed.mode)
        if entry := self._on_disk(path, indexed):
            return entry
        return indexed if indexed and tag.upper() == "S" else None

    def _find(self, path: str) -> Entry | None:
        seen = self._on_disk(path, None) if path else None
        if seen is None or seen.mode == SPECIAL:
            return seen
        if parent := path.rpartition("/")[0]:
            return self.entries(parent).get(path)
        return next((entry for entry in self._list(path) if entry.path == path), None)

    def _is_inside(self, path: str) -> bool:
        parent = path.rpartition("/")[0]
        if parent not in self._inside:
            # A link on the way would lead out of the repository, where nothing is versioned.
            real = os.path.realpath(self.repo.root)
            expected = os.path.join(real, parent) if parent else real
            self._inside[parent] = os.path.realpath(self._top + parent) == expected
        return self._inside[parent]

    def _on_disk(self, path: str, listed: Entry | None) -> Entry | None:
        try:
            mode = os.lstat(self._top + path).st_mode
        except (OSError, ValueError):
            return None
        if path.endswith("/") or not self._is_inside(path):
            return None
        if stat.S_ISREG(mode):
            return Entry(path, self._mode(mode, listed))
        return Entry(path, SYMLINK if stat.S_ISLNK(mode) else SUBMODULE if stat.S_ISDIR(mode) else SPECIAL)

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
            raw = _bytes_of(self._top + entry.path)
        except OSError as error:
            raise SnapshotError(f"cannot be read: {error.strerror}", place=entry.path) from None
        if b"\r" not in raw and not self._conversion.concerns(entry.path, self._neighbours):
            return raw
        return self._converted(entry)

    def _stored(self, entry: Entry) -> Stored:
        if entry.blob:
            return super()._stored(entry)
        try:
            found = Stored.of_file(*_opened(self._top + entry.path))
        except OSError as error:
            raise SnapshotError(f"cannot be read: {error.strerror}", place=entry.path) from None
        if not found.holds(b"\r") and not self._conversion.concerns(entry.path, self._neighbours):
            return found
        return Stored(self._converted(entry))

    def _converted(self, entry: Entry) -> bytes:
        stored = self._conversion.stored(entry.path, self._neighbours)
        if stored is None:
            raise SnapshotError("git cannot convert it to what it would store", place=entry.path)
        return stored

    def _neighbours(self, path: str) -> list[str]:
        """The regular files that were listed together with a path: git is asked for all of them at once.

        Of a file that changed, those that changed: where most is remembered, nothing else is read.
        """
        clean = path in self._clean
        for tree in self._trees.values():
            if path in tree:
                found = (entry.path for entry in tree.values() if entry.is_regular and not entry.blob)
                return [other for other in found if clean or other not in self._clean]
        return [path]


def _bytes_of(path: str) -> bytes:
    """The bytes of a file that was a regular one when it was listed; what took its place since is not waited for."""
    descriptor, size = _opened(path)
    try:
        return read_all(descriptor, size)
    finally:
        os.close(descriptor)


def _opened(path: str) -> tuple[int, int]:
    """A descriptor of a regular file, and the file's size. Raises OSError."""
    descriptor = os.open(path, _READING)
    try:
        found = os.fstat(descriptor)
        if found.st_size > MAX_BYTES:
            raise OSError(errno.EFBIG, f"it has more than {MAX_BYTES:,} bytes")
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file any more")
    except OSError:
        os.close(descriptor)
        raise
    return descriptor, found.st_size


_READING = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_FOLDER = "040000"
_IN_TREE = re.compile(r"(\d+) \w+ (\w+)\t([^\0]+)\0")  # ls-tree -z
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
