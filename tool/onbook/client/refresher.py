"""Asking again in the background: one thread for a book, which ends when there is nothing left to ask.

A process that ends waits a little for it: one that runs now and then, and not for long, would else never hear of
anything new, and serve from the cache what was stale long ago.
"""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable

from onbook.client.failures import Failures
from onbook.errors import OnbookError
from onbook.repo.git import GitTimeoutError

Job = tuple[str, ...]

AT_EXIT = 3.0
"""Seconds that a process which ends waits at most for what is being asked."""


class Refresher:
    """Does jobs one after the other.

    Args:
        work: does one job, or raises an OnbookError, which is kept as a failure.
        pause: seconds until a job that failed is tried again.
    """

    def __init__(self, work: Callable[[Job], None], failures: Failures, pause: float) -> None:
        self._work = work
        self._failures = failures
        self._pause = pause
        self._over = False
        self.reset()
        _ALL.add(self)

    def reset(self) -> None:
        """Forget all jobs: in a forked child no thread does them."""
        self._lock = threading.Lock()
        self._waiting: deque[Job] = deque()
        self._known: set[Job] = set()
        self._not_before: dict[Job, float] = {}
        self._running = False
        self._thread: threading.Thread | None = None

    def finish(self, seconds: float) -> None:
        """Wait for what is being asked, so long at most; what comes of it later is nobody's matter any more."""
        if self._thread is not None:
            self._thread.join(max(0.0, seconds))
        self._over = True

    def ask(self, job: Job, *, soon: bool = False) -> None:
        """Have a job done, unless it is about to be, or has just failed. ``soon`` puts it before the others."""
        if job in self._known or time.monotonic() < self._not_before.get(job, 0.0):
            return
        with self._lock:
            if job in self._known:
                return
            self._known.add(job)
            (self._waiting.appendleft if soon else self._waiting.append)(job)
            start, self._running = not self._running, True
        if start:
            try:
                thread = threading.Thread(target=self._run, name="onbook-refresh", daemon=True)
                thread.start()
                self._thread = thread
            except RuntimeError:
                # No thread can be started, as while Python ends: whoever asks next tries again.
                self.reset()

    def _run(self) -> None:
        hung: OnbookError | None = None
        while True:
            with self._lock:
                if not self._waiting:
                    self._running = False
                    return
                job = self._waiting.popleft()
            hung = self._one(job, hung)

    def _one(self, job: Job, hung: OnbookError | None) -> OnbookError | None:
        """Do one job. Once the remote has let one wait in vain, the others that wait are not tried one by one."""
        error: OnbookError | None = hung
        try:
            if hung is None:
                self._work(job)
        except OnbookError as failure:
            error = failure
        except Exception as failure:
            # In a thread nobody would see it.
            error = OnbookError(f"unexpected {type(failure).__name__}: {failure}")
        if self._over:
            return error
        if error is not None:
            self._failures.add(told(job), error)
            self._not_before[job] = time.monotonic() + self._pause
        else:
            self._failures.clear(told(job))
        with self._lock:
            self._known.discard(job)
        return error if isinstance(error, GitTimeoutError) else None


def told(job: Job) -> str:
    """A job as people see it: ``support/triage@^1.4``, or an environment's name."""
    return "@".join(job[1:])


_ALL: weakref.WeakSet[Refresher] = weakref.WeakSet()


def _finish() -> None:
    end = time.monotonic() + AT_EXIT
    for each in list(_ALL):
        each.finish(end - time.monotonic())


# What is registered last runs first: before git is ended, and before folders are taken away in which it works. That is
# done by finalizers, whose place in that order is where the first of them is made.
weakref.finalize(Refresher, int)
atexit.register(_finish)
