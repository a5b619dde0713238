"""The cache of fetched releases: verified files by digest, shared by processes, safe to delete at any time.

    <cache>/files/<digest>/<path>                          the files of one closure
    <cache>/releases/<hash>/<version>.json                 what a version is, with its tag object: by URL, prefix and id
    <cache>/state/<hash>.json                              what a range or an environment was when it was last asked
    <cache>/locks/<hash>                                   so that one fetches and the others wait

Nothing here is believed: files are held against their digest whenever they are read, and what has no digest of its own
is written with one. Releases that were not used for longest are dropped beyond a size.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path

from onbook.client.lockfile import LockedRelease
from onbook.client.locks import locked
from onbook.errors import IntegrityError, OnbookError
from onbook.files import write_atomic
from onbook.manifest import ClosureFile, digest, sha256

MAX_BYTES = 256 * 1024 * 1024
# What was stored or used so lately is not dropped: somebody may be about to read it.
_IN_USE = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Cached:
    """A release that was fetched before; ``raw`` is its tag object, empty where an older onbook kept none."""

    release: LockedRelease
    tag: str
    files: tuple[ClosureFile, ...]
    folder: Path
    raw: bytes = b""


class Cache:
    """A folder of fetched releases; None is the user's cache folder. ``size`` bounds the files in it, in bytes."""

    def __init__(self, root: Path | None = None, *, size: int = MAX_BYTES) -> None:
        self._root = root or _default()
        self._size = size
        # The first that is stored looks at what others have left.
        self._grown = size

    def folder(self, digest: str) -> Path:
        """Where the files of one digest are kept."""
        return self._root / "files" / digest.replace(":", "-")

    def holds(self, stated: str, files: Sequence[ClosureFile]) -> bool:
        """Whether the files of a digest are here and intact; what is not is to be fetched and stored again."""
        try:
            self.read(stated, files)
        except OnbookError:
            return False
        return True

    def read(self, stated: str, files: Sequence[ClosureFile]) -> dict[str, bytes]:
        """The files of a digest by path.

        Raises:
            OnbookError: a file is missing or damaged.
        """
        folder = self.folder(stated)
        found = {}
        for file in files:
            try:
                found[file.path] = (folder / file.path).read_bytes()
            except (OSError, ValueError):
                raise OnbookError("a cached file is missing", place=str(folder / file.path)) from None
            if sha256(found[file.path]) != file.sha256:
                raise IntegrityError("a cached file is damaged", place=str(folder / file.path))
        if digest(files) != stated:
            raise IntegrityError(f"the cached list of files does not have digest {stated}", place=str(folder))
        return found

    def store(self, stated: str, files: Mapping[str, bytes]) -> None:
        """Keep verified files under their digest, each in one step: whoever finds some missing fetches them as well.

        Raises:
            OnbookError: the cache cannot be written.
        """
        for path, data in files.items():
            self._write(self.folder(stated) / path, data)
        self._grown += sum(map(len, files.values()))
        if self._grown >= self._size // 16:
            self._grown = 0
            self._drop()

    def used(self, stated: str) -> None:
        """Note that the files of a digest were used: those that were not for longest are dropped first."""
        with contextlib.suppress(OSError):
            os.utime(self.folder(stated))

    def _drop(self) -> None:
        """Drop what was not used for longest until nine tenths of the size are left."""
        found = []
        with contextlib.suppress(OSError):
            for folder in os.scandir(self._root / "files"):
                with contextlib.suppress(OSError):
                    size = sum(file.stat().st_size for file in Path(folder.path).rglob("*") if file.is_file())
                    found.append((folder.stat().st_mtime, size, folder.path))
        total = sum(size for _, size, _ in found)
        if total <= self._size:
            return
        for used, size, path in sorted(found):
            if total <= self._size * 9 // 10 or used > time.time() - _IN_USE:
                return
            shutil.rmtree(path, ignore_errors=True)
            total -= size

    def remember(self, cached: Cached) -> None:
        """Keep what a version is, so that an exact version needs no remote.

        Raises:
            OnbookError: the cache cannot be written.
        """
        release = cached.release
        prefix = cached.tag.removesuffix(_tag(release.id, release.version))
        path = self.entry_path(release.url, release.id, release.version, prefix)
        files = [asdict(file) for file in cached.files]
        data = {"release": asdict(cached.release), "tag": cached.tag, "files": files}
        data["raw"] = cached.raw.decode("latin-1")
        self._write(path, json.dumps(data).encode())

    def find(self, url: str, id: str, version: str, prefix: str = "") -> Cached | None:
        """What a version is, if its files are here and intact."""
        found = self.entry(url, id, version, prefix)
        return found if found is not None and self.holds(found.release.digest, found.files) else None

    def entry(self, url: str, id: str, version: str, prefix: str = "") -> Cached | None:
        """What a version was when it was fetched, whether or not its files are still here.

        Args:
            prefix: what stands before its tag's name: the same id may have releases under several.
        """
        try:
            data = json.loads(self.entry_path(url, id, version, prefix).read_bytes())
            release = LockedRelease(**data["release"])
            files = tuple(ClosureFile(**file) for file in data["files"])
            texts = [
                data["tag"],
                data.get("raw", ""),
                *asdict(release).values(),
                *(text for file in files for text in asdict(file).values()),
            ]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        if not all(isinstance(text, str) for text in texts):
            return None
        # The tag as well: that of another release has files and a signature that are as good.
        stated = (release.url, release.id, release.version, data["tag"])
        if stated != (url, id, version, prefix + _tag(id, version)):
            return None
        try:
            raw = data.get("raw", "").encode("latin-1")
        except UnicodeEncodeError:
            return None
        return Cached(release, data["tag"], files, self.folder(release.digest), raw)

    def keep_state(self, key: Sequence[str], state: Mapping[str, object]) -> None:
        """Keep what was found under a key, with a digest of its own.

        Raises:
            OnbookError: the cache cannot be written.
        """
        text = json.dumps({"key": list(key), **state})
        self._write(self.state_path(key), json.dumps({"sha256": sha256(text.encode()), "state": text}).encode())

    def state(self, key: Sequence[str]) -> dict[str, object] | None:
        """What was kept under a key last; None where nothing was, or it is damaged."""
        try:
            data = json.loads(self.state_path(key).read_bytes())
            text = data["state"]
            if data["sha256"] != sha256(text.encode()):
                return None
            found = json.loads(text)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        return found if isinstance(found, dict) and found.pop("key", None) == list(key) else None

    def state_path(self, key: Sequence[str]) -> Path:
        """Where the state of a key is kept."""
        return self._root / "state" / f"{_name(key)}.json"

    def locked(
        self, key: Sequence[str], timeout: float, until: Callable[[], bool] = lambda: False
    ) -> AbstractContextManager[bool]:
        """Hold the lock of a key among all that share this cache; see :func:`onbook.client.locks.locked`."""
        return locked(self._root / "locks" / _name(key), timeout, until)

    def _write(self, path: Path, data: bytes) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # What is here can be fetched again, and is held against a digest: the disk is not waited for.
            write_atomic(path, data, durable=False)
        except OSError as error:
            raise OnbookError(
                f"the cache cannot be written: {error.strerror}",
                place=str(path),
                hint="set ONBOOK_CACHE to a folder that can be written, or delete what stands in the way",
            ) from None

    def entry_path(self, url: str, id: str, version: str, prefix: str = "") -> Path:
        """Where it is kept what a version is."""
        key = f"{url}\0{id}\0{prefix}" if prefix else f"{url}\0{id}"
        return self._root / "releases" / hashlib.sha256(key.encode()).hexdigest() / f"{version}.json"


def _tag(id: str, version: str) -> str:
    return f"{id}/v{version}"


def _name(key: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(key).encode("utf-8", "surrogatepass")).hexdigest()


def _default() -> Path:
    if configured := os.environ.get("ONBOOK_CACHE"):
        return Path(configured)
    try:
        if os.name == "nt":
            return Path(os.environ.get("LOCALAPPDATA") or Path.home()) / "onbook" / "cache"
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "onbook"
    except RuntimeError:
        raise OnbookError("there is no home folder to keep a cache in", hint="set ONBOOK_CACHE to a folder") from None
