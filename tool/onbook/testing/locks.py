"""Keeping runs that record apart: of two on one recordings file the second one is told, before it asks for anything."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import IO

from onbook.errors import OnbookError

try:
    import fcntl
except ImportError:  # Windows: nobody is kept apart there
    fcntl = None  # type: ignore[assignment]


LOCK = "recording.lock"
"""The file of the locks, in onbook's folder of the git directory."""


def wait_for(file: IO[bytes]) -> None:
    """Wait until nobody else writes an open file, which is then ours until it is closed."""
    if fcntl is not None:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX)


class Locks:
    """One file of which each byte stands for a recordings file, by a hash of its path: a run locks as many as it
    records, and needs one descriptor for all. The system lets go of them when the process ends, however it does.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def __enter__(self) -> Locks:
        if fcntl is not None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            except OSError:
                self._file = None  # a git directory that cannot be written keeps nobody from recording
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def take(self, path: Path) -> None:
        """Lock the place of a recordings file.

        Raises:
            OnbookError: another process has it.
        """
        if self._file is None:
            return
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _place(path))
        except (BlockingIOError, PermissionError):  # POSIX allows either
            raise _busy(path) from None
        except OSError:
            return  # a file system without locks

    def drop(self, path: Path) -> None:
        """Let go of it."""
        if self._file is not None:
            try:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _place(path))
            except OSError:
                return


def _place(path: Path) -> int:
    digest = hashlib.sha256(str(path.resolve()).encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:7], "big")  # an offset has 63 bits


def _busy(path: Path) -> OnbookError:
    return OnbookError(
        "another `onbook test --record` is writing these recordings; nothing was asked",
        place=str(path),
        hint="wait until it has ended and run this again: what it has brought is not asked for twice",
    )
