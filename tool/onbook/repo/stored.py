"""The bytes of one file without holding them: few are in memory, many stay on disk and are read where they are wanted.

A gold set of many cases and its recordings are read from beginning to end, then line by line; whoever holds one of
these holds no more of it than the line at hand.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator

from onbook.errors import OnbookError

IN_MEMORY = 1024 * 1024
"""Bytes of a file up to which it is simply kept: most files are that small, and reading them again costs more."""

MAX_BYTES = 512 * 1024 * 1024
"""Of one file that is read. Readers of each format have far smaller limits of their own."""

_CHUNK = 256 * 1024

# Descriptors are few (1,024 in a usual shell); what comes after these is kept in memory, however large.
_MOST_OPEN = 64


def read_all(descriptor: int, size: int) -> bytes:
    """What an open file holds from here on, which had this size when it was opened. Raises OSError."""
    # Python's own file objects ask the system several times more, which is felt over ten thousand files.
    raw = os.read(descriptor, size + 1)
    while len(raw) != size:  # it is being written
        more = os.read(descriptor, MAX_BYTES + 1 - len(raw))
        if not more:
            break
        raw += more
    return raw


class Stored:
    """Bytes that do not change, in memory or in a file that nobody else writes.

    Attributes:
        size: how many there are.
    """

    _open = 0

    def __init__(self, raw: bytes = b"", descriptor: int | None = None) -> None:
        self._raw = raw
        self._descriptor = descriptor
        self.size = len(raw)
        if descriptor is not None:
            Stored._open += 1
            self.size = os.fstat(descriptor).st_size

    @staticmethod
    def of_file(descriptor: int, size: int) -> Stored:
        """What an open file of this size holds. The descriptor is taken over; a small file is read and closed at once.

        Raises:
            OSError: it cannot be read.
        """
        # A file that is open cannot be replaced on Windows, which has no pread either.
        if size > IN_MEMORY and Stored._open < _MOST_OPEN and hasattr(os, "pread"):
            return Stored(descriptor=descriptor)
        try:
            return Stored(read_all(descriptor, size))
        finally:
            os.close(descriptor)

    @staticmethod
    def of_chunks(chunks: Iterable[bytes]) -> Stored:
        """Bytes that come bit by bit: those of a file that git holds go to a temporary one if they are many.

        Raises:
            OnbookError: there is no room for it.
        """
        parts: list[bytes] = []
        size = 0
        waiting = iter(chunks)
        for chunk in waiting:
            parts.append(chunk)
            size += len(chunk)
            if size > IN_MEMORY and Stored._open < _MOST_OPEN and hasattr(os, "pread"):
                break
        else:
            return Stored(b"".join(parts))
        try:
            with tempfile.TemporaryFile(prefix="onbook-") as file:
                file.writelines(parts)
                parts.clear()
                file.writelines(waiting)
                file.flush()
                return Stored(descriptor=os.dup(file.fileno()))
        except OSError as error:
            hint = f"make room in {tempfile.gettempdir()}, or name another folder in TMPDIR"
            raise OnbookError(f"a large file cannot be laid aside: {error.strerror}", hint=hint) from None

    def __del__(self) -> None:
        if self._descriptor is not None:
            Stored._open -= 1
            with contextlib.suppress(OSError):
                os.close(self._descriptor)

    @property
    def on_disk(self) -> bool:
        """Whether it is read from a file each time."""
        return self._descriptor is not None

    def read(self, start: int, size: int) -> bytes:
        """Bytes from a place on; fewer at the end."""
        if self._descriptor is None:
            return self._raw[start : start + size]
        return os.pread(self._descriptor, size, start)

    def whole(self) -> bytes:
        """All bytes at once."""
        return self._raw if self._descriptor is None else b"".join(self.chunks())

    def chunks(self) -> Iterator[bytes]:
        """All bytes, some at a time."""
        if self._descriptor is None:
            yield self._raw
            return
        start = 0
        # Another run may append to a file of recordings meanwhile: what was there when it was opened is what is read.
        while chunk := os.pread(self._descriptor, min(_CHUNK, self.size - start), start):
            yield chunk
            start += len(chunk)

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Each line without its line feed, with the place where it begins; the last is what follows the last one."""
        start = 0
        begun: list[bytes] = []  # a line that is longer than a chunk
        for chunk in self.chunks():
            first, *others = chunk.split(b"\n")
            begun.append(first)
            if not others:
                continue
            *whole, rest = b"".join(begun), *others
            for line in whole:
                yield start, line
                start += len(line) + 1
            begun = [rest]
        yield start, b"".join(begun)

    def line(self, start: int, guess: int = 2048) -> bytes:
        """The line that begins at a place, without its line feed."""
        if self._descriptor is None:
            stop = self._raw.find(b"\n", start)
            return self._raw[start : stop if stop >= 0 else None]
        parts: list[bytes] = []
        while chunk := os.pread(self._descriptor, guess, start):
            head, end, _ = chunk.partition(b"\n")
            parts.append(head)
            if end:
                break
            start, guess = start + len(chunk), guess * 2
        return b"".join(parts)

    def holds(self, byte: bytes) -> bool:
        """Whether a byte stands anywhere."""
        return any(byte in chunk for chunk in self.chunks())

    def is_of(self, other: bytes | Stored) -> bool:
        """Whether these are the bytes."""
        other = Stored(other) if isinstance(other, bytes) else other
        start = 0
        if other.size != self.size:
            return False
        for chunk in self.chunks():
            if other.read(start, len(chunk)) != chunk:
                return False
            start += len(chunk)
        return start == other.size


class Laid:
    """Lines that come one by one and are read again: the first are in memory, many in a temporary file that no other
    process sees. Where there is no room for one they all stay in memory: nothing is lost for it.
    """

    def __init__(self) -> None:
        self._raw = bytearray()
        self._file: Stored | None = None
        self._end = 0

    def add(self, line: bytes) -> int:
        """Lay a line down, without its line feed; the place is what :meth:`line` asks for."""
        if len(self._raw) + len(line) > IN_MEMORY and self._write(line):
            return (self._end - len(line) - 1) << 1 | 1
        self._raw += line + b"\n"
        return (len(self._raw) - len(line) - 1) << 1

    def line(self, place: int) -> bytes:
        """The line of a place, without its line feed."""
        if place & 1:
            assert self._file
            return self._file.line(place >> 1)
        start = place >> 1
        return bytes(self._raw[start : self._raw.index(b"\n", start)])

    def _write(self, line: bytes) -> bool:
        try:
            if self._file is None:
                if Stored._open >= _MOST_OPEN or not hasattr(os, "pread"):
                    return False
                with tempfile.TemporaryFile(prefix="onbook-") as file:
                    self._file = Stored(descriptor=os.dup(file.fileno()))
            return self._append(line + b"\n")
        except OSError:
            return False

    def _append(self, data: bytes) -> bool:
        assert self._file
        assert self._file._descriptor is not None
        if os.pwrite(self._file._descriptor, data, self._end) != len(data):
            return False  # what was written of it is written over by the next line
        self._end += len(data)
        return True
