"""Asking a remote that may be away: it is not waited for twice, and what stands in for it has bounds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from onbook.client.bundle import Bundle
from onbook.errors import OnbookError, StaleError
from onbook.repo.git import GitError, GitTimeoutError

# A remote that has just let somebody wait in vain is not waited for again at once.
_RECOVERY = 5.0  # seconds

Result = TypeVar("Result")


class Asking:
    """One remote, and what is done while it cannot be asked.

    Args:
        timeout: seconds that one question may take.
        max_stale: seconds after which what it said last is served no more.
        bundle: what was shipped with the application.
    """

    def __init__(self, timeout: float, max_stale: float, bundle: Bundle | None) -> None:
        self._timeout, self._max_stale, self._bundle = timeout, max_stale, bundle
        self._hung: tuple[float, GitTimeoutError] | None = None

    def forget(self) -> None:
        """Wait for it again, even if it has just let somebody wait in vain."""
        self._hung = None

    def ask(self, question: Callable[[], Result]) -> Result:
        """Ask, unless it has just let somebody wait in vain.

        Raises:
            GitTimeoutError: it did not answer in time, now or a moment ago.
        """
        if self._hung is not None and time.monotonic() < self._hung[0]:
            error = self._hung[1]
            raise GitTimeoutError(error.message, place=error.place, hint=error.hint)
        try:
            return question()
        except GitTimeoutError as error:
            self._hung = time.monotonic() + min(_RECOVERY, self._timeout), error
            raise

    def instead(self, error: OnbookError, age: float | None) -> Bundle | None:
        """The bundle, if it may answer: the remote could not be asked, and nothing newer than it is known.

        Args:
            age: seconds since the remote last said something of it; None where it never did.
        """
        may = isinstance(error, GitError) and self._bundle is not None and (age is None or self._bundle.age < age)
        return self._bundle if may else None

    def too_old(self, error: OnbookError, age: float | None, what: str) -> OnbookError:
        """What to raise where nothing may answer."""
        if age is None or not isinstance(error, GitError):
            return error
        return StaleError(
            f"{what}: what the remote said last is {age:,.0f} seconds old,"
            f" more than max_stale ({self._max_stale:,.0f}), and it cannot be asked again: {error.message}",
            place=error.place,
            hint=error.hint,
        )
