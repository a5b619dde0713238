"""The work tree as a snapshot: what stands on disk, told as git would store it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Container, Iterable, Iterator
from itertools import islice

from onbook.errors import UsageError
from onbook.manifest import REGULAR_MODES
from onbook.repo.conversion import Conversion, records
from onbook.repo.repository import Repository
from onbook.repo.snapshot import SPECIAL, SUBMODULE, SYMLINK, Entry, Listed, Snapshot, SnapshotError
from onbook.repo.stored import MAX_BYTES, Stored, read_all


class WorkTree(Listed):
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

    def _command(self, folder: str) -> list[str]:
        # Git compares the files' times and sizes with its index, and their bytes where these cannot tell; what it does
        # not list as modified has the blob of the index, and its mode.
        kinds = ["--cached", "--others", "--modified", "--exclude-standard"]
        return ["ls-files", "-z", "-v", "-s", "--full-name", *kinds, "--", folder or "."]

    def _list(self, folder: str) -> Iterable[Entry]:
        # Each step takes all of them, for there may be tens of thousands.
        listed = records(self._out(folder))
        indexed = [record.partition("\t") for record in listed if record[0] != "?"]
        found = {path: Entry(path, meta[2:8]) for meta, _, path in indexed if meta[0] == "H"}
        self._clean |= {path: meta[9:-2] for meta, _, path in indexed if meta[0] == "H" and meta[2:8] in REGULAR_MODES}
        outside = {parent for parent in set(map(_parent, found)) if not self._is_inside(parent)}
        # What is not simply as the index has it: git's letter, and the entry. What was modified stands here twice: the
        # first time as if it were not.
        odd: dict[str, tuple[str, Entry | None]] = {record[2:]: ("?", None) for record in listed if record[0] == "?"}
        for meta, _, path in indexed:
            if meta[0] != "H" or (outside and _parent(path) in outside):
                odd.setdefault(path, ("C" if path in found else meta[0], Entry(path, meta[2:8], meta[9:-2])))
        # Of a link to a folder git follows none, and nor does this.
        special = [path for path in self._special(folder, self._clean) if path not in odd] if folder else []
        for path, (tag, known) in odd.items():
            found.pop(path, None)
            self._clean.pop(path, None)
            if entry := self._listed(path, tag, known):
                found[path] = entry
        if special:
            ignored = self._ignored(special)
            found |= {path: Entry(path, SPECIAL) for path in special if path not in ignored}
        if any(len(blob) == 64 for blob in islice(self._clean.values(), 1)):
            self._algorithm = "sha256"
        return sorted(found.values())

    def _ignored(self, paths: Iterable[str]) -> frozenset[str]:
        # This command knows no literal pathspecs: a path that begins with ./ means itself whatever else it holds.
        asked = "\0".join(f"./{path}" for path in paths).encode("utf-8", "surrogateescape")
        out = self.repo.git(
            "check-ignore", "-z", "--stdin", stdin=asked, env={"GIT_LITERAL_PATHSPECS": "0"}, accept=(0, 1)
        )
        return frozenset(path.removeprefix("./") for path in records(out))

    def _special(self, folder: str, files: Container[str]) -> Iterator[str]:
        """What git passes over in silence: pipes, sockets, devices. Somebody may take one of them for a file.

        Args:
            files: regular files, which are not looked at.

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
                        if path in files:
                            continue
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
        if entry := self._on_disk(path, indexed):
            return entry
        return indexed if indexed and tag.upper() == "S" else None

    def _find(self, path: str) -> Entry | None:
        seen = self._on_disk(path, None) if path else None
        if seen is None or seen.mode == SPECIAL:
            return seen
        if parent := _parent(path):
            return self.entries(parent).get(path)
        return next((entry for entry in self._list(path) if entry.path == path), None)

    def _is_inside(self, parent: str) -> bool:
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
        if path.endswith("/") or not self._is_inside(_parent(path)):
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
        path, _, blob = entry
        if blob:
            return super()._read(entry)
        try:
            raw = _bytes_of(self._top + path)
        except OSError as error:
            raise SnapshotError(f"cannot be read: {error.strerror}", place=entry.path) from None
        if b"\r" not in raw and not self._conversion.concerns(path, self._neighbours):
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


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


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
