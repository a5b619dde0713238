"""Asking again in the background: one thread for a book, which ends when there is nothing left to ask."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from onbook.client.failures import Failures
from onbook.errors import OnbookError
from onbook.repo.git import GitTimeoutError

Job = tuple[str, ...]


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
        self.reset()

    def reset(self) -> None:
        """Forget all jobs: in a forked child no thread does them."""
        self._lock = threading.Lock()
        self._waiting: deque[Job] = deque()
        self._known: set[Job] = set()
        self._not_before: dict[Job, float] = {}
        self._running = False

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
                threading.Thread(target=self._run, name="onbook-refresh", daemon=True).start()
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
