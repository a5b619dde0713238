"""What went wrong while nobody waited for it: kept, and told to the log."""

from __future__ import annotations

import time
from dataclasses import dataclass

from onbook.errors import OnbookError


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something could not be refreshed.

    Attributes:
        error: what happened last; at: when, in seconds since 1970; count: how often in a row.
    """

    error: OnbookError
    at: float
    count: int = 1

    def __str__(self) -> str:
        return f"{self.error} (the last of {self.count} tries)" if self.count > 1 else str(self.error)


class Failures:
    """The present failures of a book, by what failed."""

    def __init__(self) -> None:
        self.present: dict[str, Failure] = {}

    def add(self, what: str, error: OnbookError) -> None:
        """Keep a failure; the log is told when it is a new one."""
        import logging

        known = self.present.get(what)
        self.present[what] = Failure(error, time.time(), known.count + 1 if known else 1)
        if known is None or known.error.message != error.message:
            logging.getLogger("onbook").warning("%s could not be refreshed: %s", what, error)

    def clear(self, what: str) -> None:
        """Forget a failure that is over."""
        self.present.pop(what, None)
