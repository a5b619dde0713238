"""The folder that a site is written to: only files that its own list names are ever replaced or deleted."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from onbook.errors import OnbookError, UsageError
from onbook.files import TEMPORARY, write_atomic

LIST = ".onbook-site.json"
"""What onbook wrote there, with the key of what each file was made of."""

_VERSION = 1
_MAX_BYTES = 64 * 1024 * 1024
_OURS = re.compile(
    r"(?:index\.html|style\.css|site\.js|\.nojekyll|p/(?:[a-z0-9][a-z0-9_-]*/)*[a-z0-9_][a-z0-9_-]*\.html)"
)
_LEFT = re.compile(rf"{re.escape(TEMPORARY)}[0-9a-f]{{16}}")
_UNKNOWN = ""


class File(NamedTuple):
    """One file that onbook wrote: the key of what it was made of, and its bytes' number."""

    key: str
    size: int


class Folder:
    """A folder for a site, new or written before.

    Args:
        path: it need not exist.

    Raises:
        UsageError: it is no folder, or holds other files and no list of onbook's.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._real = Path(os.path.realpath(path))
        self._parents: set[str] = set()
        self.files: dict[str, File] = self._read()

    def _read(self) -> dict[str, File]:
        if not self._real.exists():
            return {}
        if not self._real.is_dir():
            raise UsageError("this is no folder", place=str(self.path), hint="name a folder with --out")
        if not (self._real / LIST).is_file() or (self._real / LIST).is_symlink():
            # A branch of its own that is checked out there has this one.
            others = sorted(name for name in os.listdir(self._real) if name != ".git" and not _LEFT.fullmatch(name))
            if others:
                raise UsageError(
                    f"this folder holds other files ({', '.join(others[:3])}) and no {LIST}: they are not onbook's",
                    place=str(self.path),
                    hint="choose an empty folder, or one that `onbook site` has written",
                )
            return {}
        try:
            if (self._real / LIST).stat().st_size > _MAX_BYTES:
                raise ValueError
            data = json.loads((self._real / LIST).read_bytes())
            if data["version"] != _VERSION:
                raise ValueError
            files = {str(path): File(str(key), int(size)) for path, (key, size) in data["files"].items()}
            if any(not _OURS.fullmatch(path) for path in files):
                raise ValueError
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise UsageError(
                "this list of onbook's files cannot be used",
                place=str(self.path / LIST),
                hint="delete the folder and build it anew",
            ) from None
        return files

    def has(self, path: str, key: str) -> bool:
        """Whether a file stands there as it was made of the same."""
        known = self.files.get(path)
        if known is None or known.key != key:
            return False
        try:
            return os.lstat(self._real / path).st_size == known.size
        except OSError:
            return False

    def begin(self, wanted: Iterable[str], changing: Iterable[str]) -> None:
        """Make ready for writing: note which files are about to change, so that a build that is killed hides nothing.

        Raises:
            UsageError: a file stands in the way that onbook did not write.
            OnbookError: the folder cannot be written.
        """
        names = list(changing)
        for path in wanted:
            if path not in self.files and os.path.lexists(self._real / path):
                raise UsageError(
                    "this file is not onbook's, and a page would take its place",
                    place=str(self.path / path),
                    hint="move it away",
                )
        for path in names:
            self.files[path] = File(_UNKNOWN, 0)
        self._save()
        self._sweep()

    def _sweep(self) -> None:
        """Delete what a build that was killed left half written; no link is followed."""
        pages = self._real / "p"
        for parent, _, names in () if pages.is_symlink() else os.walk(pages):
            for name in filter(_LEFT.fullmatch, names):
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(parent, name))
        for name in filter(_LEFT.fullmatch, os.listdir(self._real)):
            with contextlib.suppress(OSError):
                (self._real / name).unlink()

    def write(self, path: str, key: str, data: bytes) -> None:
        """Write one file in one step.

        Raises:
            OnbookError: it cannot be written, or a link on the way leads out of the folder.
        """
        assert _OURS.fullmatch(path), path
        try:
            self._parent(path)
            write_atomic(self._real / path, data, durable=False)
        except OSError as error:
            raise self._failed(path, error) from None
        self.files[path] = File(key, len(data))

    def remove(self, path: str) -> None:
        """Delete a file that onbook wrote, and the folders that it leaves empty.

        Raises:
            OnbookError: it cannot be deleted, or a link on the way leads out of the folder.
        """
        try:
            if os.path.lexists(self._real / path):
                self._parent(path)
                (self._real / path).unlink(missing_ok=True)
        except OSError as error:
            raise self._failed(path, error) from None
        self.files.pop(path, None)
        for parent in list(Path(path).parents)[:-1]:
            with contextlib.suppress(OSError):
                (self._real / parent).rmdir()
                self._parents.discard(str(parent))

    def finish(self) -> None:
        """Write the list, last of all: what it says is there."""
        self._save()

    def _save(self) -> None:
        files: Mapping[str, object] = {path: [*file] for path, file in sorted(self.files.items())}
        text = json.dumps({"version": _VERSION, "files": files}, indent=0, separators=(",", ":"))
        try:
            self._real.mkdir(parents=True, exist_ok=True)
            write_atomic(self._real / LIST, f"{text}\n".encode())
        except OSError as error:
            raise self._failed(LIST, error) from None

    def _parent(self, path: str) -> None:
        """The folder of a file, made where it is not there, and no link to elsewhere."""
        parent = os.path.dirname(path)
        if parent in self._parents:
            return
        target = self._real / parent
        # Looked at before anything is made: a link would have it made elsewhere.
        if os.path.realpath(target) != str(target):
            raise OnbookError(
                "a symbolic link here leads elsewhere, and nothing is written through it",
                place=str(self.path / parent),
                hint="delete the folder and build it anew",
            )
        target.mkdir(parents=True, exist_ok=True)
        self._parents.add(parent)

    def _failed(self, path: str, error: OSError) -> OnbookError:
        return OnbookError(f"this cannot be written: {error.strerror or error}", place=str(self.path / path))
