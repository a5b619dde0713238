"""Reading objects: one process for all of them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import weakref
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO

from onbook.repo.git import STARTING, Environment, GitError, environment
from onbook.repo.stored import Stored


def _head(answers: IO[bytes]) -> tuple[str, int, IO[bytes]] | None:
    """An answer's type and size, and where the rest of it is to be read. Raises EOFError: git has ended."""
    line = answers.readline()
    if not line:
        raise EOFError
    head = line.split(b" ")
    if len(head) != 3 or not head[2].strip().isdigit():
        return None
    return head[1].decode(), int(head[2]), answers


def _whole(answers: IO[bytes]) -> tuple[str, bytes] | None:
    found = _head(answers)
    if found is None:
        return None
    kind, size, _ = found
    data = answers.read(size)
    # Git says what an object is before it finds that it is damaged, and ends in the middle of it.
    if len(data) != size:
        raise EOFError
    answers.read(1)
    return kind, data


# Requests that are written before their answers are read: together far less than a pipe holds, or both ends would wait.
_AHEAD = 32


# Processes of a parent, in its children: kept, because forgetting one would warn that nobody waited for it.
_ABANDONED: list[subprocess.Popen[bytes] | None] = []


class Objects:
    """One long-lived ``git cat-file --batch``: starting git costs more than reading most objects does.

    Threads may share it: one asks and takes its answer, the others wait.
    """

    def __init__(self, root: Path, env: Environment) -> None:
        self._root = root
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()
        self._alone = threading.Lock()
        _ALL.add(self)

    def read(self, name: str) -> tuple[str, bytes] | None:
        """An object's type and bytes, or None if it is not here.

        Raises:
            GitError: git ended while it read the object, which may be damaged.
        """
        if "\n" in name:
            return None
        with self._asking():
            try:
                return _whole(self._send([name]))
            except EOFError:
                raise self._ended(name) from None

    def stored(self, name: str) -> tuple[str, Stored] | None:
        """As :meth:`read`; the bytes lie on disk if they are many."""
        with self._asking():
            return self._stored(name)

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        with self._alone:
            try:
                yield
            except BaseException:
                # The rest of an answer that somebody interrupted still stands in the pipe, and would be the next one's.
                self.close()
                raise

    def _stored(self, name: str) -> tuple[str, Stored] | None:
        try:
            head = self._ask(name)
        except EOFError:
            raise self._ended(name) from None
        if head is None:
            return None
        kind, size, answers = head
        left = size

        def chunks() -> Iterator[bytes]:
            nonlocal left
            while left and (chunk := answers.read(min(left, 256 * 1024))):
                left -= len(chunk)
                yield chunk
            if left:
                raise EOFError

        try:
            found = Stored.of_chunks(chunks())
        except EOFError:
            raise self._ended(name) from None
        answers.read(1)
        return kind, found

    def read_all(self, names: Iterable[str]) -> Iterator[tuple[str, bytes] | None]:
        """Types and bytes of many, in order; a few are read at a time, and others may read in between.

        None also where git ended while it read an object: whoever asks for just that one is told.
        """
        left = iter(names)
        while some := list(islice(left, _AHEAD)):
            # All answers of these are taken before anything is given: a caller may stop, or ask for more.
            with self._asking():
                found = self._some(some)
            yield from found

    def _some(self, names: list[str]) -> list[tuple[str, bytes] | None]:
        found: list[tuple[str, bytes] | None] = []
        while len(found) < len(names):
            rest = names[len(found) :]
            answers = self._send([name for name in rest if "\n" not in name])
            try:
                for name in rest:
                    found.append(None if "\n" in name else _whole(answers))  # noqa: PERF401 some may come
            except EOFError:
                self.close()
                found.append(None)
        return found

    def _ended(self, name: str) -> GitError:
        self.close()
        hint = "`git fsck` tells whether the repository is damaged"
        return GitError(f"git cat-file ended while it read {name}", place=str(self._root), hint=hint)

    def _ask(self, name: str) -> tuple[str, int, IO[bytes]] | None:
        """An object's type and size, and where its bytes and a line feed are to be read, or None if it is not here."""
        if "\n" in name:
            return None
        return _head(self._send([name]))

    def _send(self, names: Iterable[str]) -> IO[bytes]:
        """Ask for some objects, and return where their answers are to be read."""
        requests, answers = self._pipes()
        try:
            requests.write("".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape"))
            requests.flush()
        except BrokenPipeError:
            self.close()
            raise GitError("git cat-file ended unexpectedly", place=str(self._root)) from None
        return answers

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._owner != os.getpid():
            # After a fork the pipes are the parent's: two processes that ask through one get each other's answers.
            _ABANDONED.append(self._process)
            self._process, self._owner = None, os.getpid()
        if self._process is None or self._process.poll() is not None:
            self.close()
            with STARTING:
                self._process = subprocess.Popen(
                    ["git", "cat-file", "--batch"],
                    cwd=self._root,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env=environment(self._env),
                )
        assert self._process.stdin
        assert self._process.stdout
        return self._process.stdin, self._process.stdout

    def close(self) -> None:
        """End the process; it starts again when needed."""
        if self._process is None or self._owner != os.getpid():
            return
        process, self._process = self._process, None
        for pipe in (process.stdin, process.stdout):
            if pipe:
                # What could not be written to a process that died cannot be written while closing either.
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        # Not waited for: a process that was forked meanwhile may hold the other end of the pipe. It only reads.
        process.kill()
        process.wait()


_ALL: weakref.WeakSet[Objects] = weakref.WeakSet()


def _forked() -> None:
    # In a child nobody takes the answer that a thread of the parent was waiting for.
    for each in list(_ALL):
        each._alone = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
