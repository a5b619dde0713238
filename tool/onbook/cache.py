"""The cache of fetched releases: verified files by digest, shared by processes, safe to delete at any time.

    <cache>/files/<digest>/<path>                 the files of one closure
    <cache>/releases/<hash of URL and id>/<version>.json   what a version is

Nothing here is believed: files are held against their digest whenever they are read.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from onbook.errors import IntegrityError, OnbookError
from onbook.files import write_atomic
from onbook.lockfile import LockedRelease
from onbook.manifest import ClosureFile, digest, sha256


@dataclass(frozen=True, slots=True)
class Cached:
    """A release that was fetched before."""

    release: LockedRelease
    tag: str
    files: tuple[ClosureFile, ...]
    folder: Path


class Cache:
    """A folder of fetched releases; None is the user's cache folder."""

    def __init__(self, root: Path | None = None) -> None:
        self._root = root or _default()

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

    def remember(self, cached: Cached) -> None:
        """Keep what a version is, so that an exact version needs no remote.

        Raises:
            OnbookError: the cache cannot be written.
        """
        path = self._index(cached.release.url, cached.release.id, cached.release.version)
        files = [asdict(file) for file in cached.files]
        data = {"release": asdict(cached.release), "tag": cached.tag, "files": files}
        self._write(path, json.dumps(data).encode())

    def find(self, url: str, id: str, version: str) -> Cached | None:
        """What a version is, if its files are here and intact."""
        try:
            data = json.loads(self._index(url, id, version).read_bytes())
            release = LockedRelease(**data["release"])
            files = tuple(ClosureFile(**file) for file in data["files"])
            texts = [
                data["tag"],
                *asdict(release).values(),
                *(text for file in files for text in asdict(file).values()),
            ]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if not all(isinstance(text, str) for text in texts):
            return None
        if (release.url, release.id, release.version) != (url, id, version) or not self.holds(release.digest, files):
            return None
        return Cached(release, data["tag"], files, self.folder(release.digest))

    def _write(self, path: Path, data: bytes) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, data)
        except OSError as error:
            raise OnbookError(
                f"the cache cannot be written: {error.strerror}",
                place=str(path),
                hint="set ONBOOK_CACHE to a folder that can be written, or delete what stands in the way",
            ) from None

    def _index(self, url: str, id: str, version: str) -> Path:
        name = hashlib.sha256(f"{url}\0{id}".encode()).hexdigest()
        return self._root / "releases" / name / f"{version}.json"


def _default() -> Path:
    if configured := os.environ.get("ONBOOK_CACHE"):
        return Path(configured)
    try:
        if os.name == "nt":
            return Path(os.environ.get("LOCALAPPDATA") or Path.home()) / "onbook" / "cache"
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "onbook"
    except RuntimeError:
        raise OnbookError("there is no home folder to keep a cache in", hint="set ONBOOK_CACHE to a folder") from None
