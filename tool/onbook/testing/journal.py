"""A recordings file while answers arrive: whatever ends the run, what has been paid for is on disk."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from onbook.errors import OnbookError
from onbook.repo.stored import Stored
from onbook.testing.locks import Locks
from onbook.testing.recording import Recording
from onbook.testing.recordings import Recordings


class Journal:
    """A recordings file while answers arrive. Each is appended at once, so that what has been paid for survives
    whatever comes next; at the end the file is sorted in one step. If nothing arrives the file stays as it is.

    Args:
        locks: keep other runs out; None where there are none.

    Raises:
        OnbookError: the file cannot be written, another run is writing it, or it has wrong lines, which writing it
            would lose; on entering, before anything is asked.
    """

    def __init__(self, recordings: Recordings, path: Path, locks: Locks | None = None) -> None:
        self.recordings = recordings
        self.path = path
        self.arrived = 0
        self._locks = locks

    def __enter__(self) -> Journal:
        if self._locks is not None:
            self._locks.take(self.path)
            self._catch_up()
        if self.recordings.problems:
            problem = self.recordings.problems[0]
            raise OnbookError(f"{problem.message}; nothing was asked", place=problem.place, hint=problem.hint)
        self._new = not self.path.exists()
        with self._told(), self.path.open("ab+") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - 1, 0))
            self._unended = file.read(1) not in (b"", b"\n")
            if self._unended and self.recordings.torn is not None:
                # A killed run left half a line. What was whole is kept; this was never read by anybody.
                file.truncate(_end_of_last_line(file, size))
                self._unended = False
        self.recordings.torn = None
        return self

    def keep(self, recording: Recording) -> None:
        """Keep an answer.

        Raises:
            RecordingError: it cannot be recorded; nothing was written.
            OnbookError: the file cannot be written.
        """
        line = self.recordings.add(recording)
        # Opened for each answer: a run may record hundreds of prompts at once, and files are few.
        with self._told(), self.path.open("ab", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            data = b"\n" * self._unended + line + b"\n"
            try:
                while data:
                    data = data[file.write(data) :]
            except OSError:
                with contextlib.suppress(OSError):
                    file.truncate(size)  # half a line would make the file unreadable
                raise
        self._unended = False
        self.arrived += 1

    def __exit__(self, *_: object) -> None:
        with self._told():
            if self.arrived:
                self.recordings.write(self.path)
            elif self._new:
                self.path.unlink(missing_ok=True)
        if self._locks is not None:
            self._locks.drop(self.path)

    def _catch_up(self) -> None:
        """Take over what another run has written since the recordings were read: it is not to be lost."""
        with self._told():
            there = Stored()
            if self.path.exists():
                descriptor = os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
                there = Stored.of_file(descriptor, os.fstat(descriptor).st_size)
        if not self.recordings.is_of(there):
            found = Recordings.read(there, str(self.path))
            self.recordings.problems += found.problems
            for recording in found:
                self.recordings.add(recording)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OnbookError(
                f"the recordings cannot be written: {error.strerror}",
                place=str(self.path),
                hint="make room or set its permissions, and run `onbook test --record` again: what arrived is kept",
            ) from None


def _end_of_last_line(file: BinaryIO, size: int) -> int:
    """Where the last line that is whole ends."""
    chunk = 64 * 1024
    for start in range((size - 1) // chunk * chunk, -1, -chunk):
        file.seek(start)
        if (found := file.read(chunk).rfind(b"\n")) >= 0:
            return start + found + 1
    return 0
