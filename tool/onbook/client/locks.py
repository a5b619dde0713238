"""A lock that threads and processes share: whoever holds a file's lock works, the others wait for so long."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_PAUSE = 0.02  # seconds between two tries: a lock that can time out cannot be waited for
_MOST = 1_000  # paths of which it is known when they were let go of

_let_go: dict[Path, float] = {}


@contextlib.contextmanager
def locked(path: Path, timeout: float, until: Callable[[], bool] = lambda: False) -> Iterator[bool]:
    """Hold the lock of a file while the block runs; false where it could not be had in ``timeout`` seconds.

    Args:
        until: whether there is nothing left to wait for; then the block runs without the lock. Whoever looks only now
            and then may miss each moment in which others let go of it, on a machine that has too much to do.

    A process that ends lets go of its locks. Where no lock can be had at all, on a file system that has none or a
    folder that cannot be written, it is true at once: then work is done twice, and never wrongly.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not inherited: a program that is started meanwhile must not hold the lock on.
        handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
    except OSError:
        yield True
        return
    # Who lets go and takes again at once would never let another process in, which looks only now and then.
    time.sleep(max(0.0, _let_go.get(path, 0.0) + 2 * _PAUSE - time.monotonic()))
    try:
        yield _wait(handle, time.monotonic() + timeout, until)
    finally:
        if len(_let_go) > _MOST:
            _let_go.clear()
        _let_go[path] = time.monotonic()
        # Closing is not enough: a process that was forked meanwhile holds the same open file.
        with contextlib.suppress(OSError):
            _release(handle)
        os.close(handle)


def _wait(handle: int, end: float, until: Callable[[], bool]) -> bool:
    while True:
        try:
            _take(handle)
        except (BlockingIOError, PermissionError):
            if until():
                return True
            if time.monotonic() >= end:
                return False
            time.sleep(_PAUSE)
        except OSError:
            return True
        else:
            return True


if os.name == "nt":
    import msvcrt

    def _take(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]

    def _release(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined]

else:
    import fcntl

    def _take(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _release(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)
