"""The cache of fetched releases: verified files by digest, shared by processes, safe to delete at any time.

    <cache>/files/<digest>/<path>                 the files of one closure
    <cache>/releases/<hash of URL and id>/<version>.json   what a version is

Nothing here is believed: files are held against their digest whenever they are read.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
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
        """Whether the files of a digest are here and intact; what is damaged is removed, to be fetched again."""
        try:
            self.read(stated, files)
        except OnbookError:
            shutil.rmtree(self.folder(stated), ignore_errors=True)
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
            except OSError:
                raise OnbookError("a cached file is missing", place=str(folder / file.path)) from None
            if sha256(found[file.path]) != file.sha256:
                raise IntegrityError("a cached file is damaged", place=str(folder / file.path))
        if digest(files) != stated:
            raise IntegrityError(f"the cached list of files does not have digest {stated}", place=str(folder))
        return found

    def store(self, stated: str, files: Mapping[str, bytes]) -> None:
        """Keep verified files under their digest; whoever reads sees all of them or none."""
        target = self.folder(stated)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=target.parent, prefix=".draft-"))
        try:
            for path, data in files.items():
                (draft / path).parent.mkdir(parents=True, exist_ok=True)
                (draft / path).write_bytes(data)
            draft.rename(target)
        except OSError:
            # Another process was first: the same digest means the same files.
            shutil.rmtree(draft, ignore_errors=True)
            if not target.is_dir():
                raise

    def remember(self, cached: Cached) -> None:
        """Keep what a version is, so that an exact version needs no remote."""
        path = self._index(cached.release.url, cached.release.id, cached.release.version)
        path.parent.mkdir(parents=True, exist_ok=True)
        files = [asdict(file) for file in cached.files]
        data = {"release": asdict(cached.release), "tag": cached.tag, "files": files}
        write_atomic(path, json.dumps(data).encode())

    def find(self, url: str, id: str, version: str) -> Cached | None:
        """What a version is, if its files are here and intact."""
        try:
            data = json.loads(self._index(url, id, version).read_bytes())
            release = LockedRelease(**data["release"])
            files = tuple(ClosureFile(**file) for file in data["files"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if (release.url, release.id, release.version) != (url, id, version):
            return None
        if not self.holds(release.digest, files):
            return None
        return Cached(release, str(data["tag"]), files, self.folder(release.digest))

    def _index(self, url: str, id: str, version: str) -> Path:
        name = hashlib.sha256(f"{url}\0{id}".encode()).hexdigest()
        return self._root / "releases" / name / f"{version}.json"


def _default() -> Path:
    if configured := os.environ.get("ONBOOK_CACHE"):
        return Path(configured)
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "onbook" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "onbook"
