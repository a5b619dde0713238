"""What a run may spend, what it has spent, and whether it goes on."""

from __future__ import annotations

from dataclasses import dataclass

# Requests that one provider is sent at the same time: well below what a first paid tier allows in a minute.
CONCURRENCY = 16


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may do.

    Attributes:
        concurrency: requests under way at one provider at the same time.
        max_calls: sends in all, those that are sent again included; None means no limit.
        max_cost: US dollars; nothing is sent any more once they are spent. What is under way then is still paid for.
    """

    concurrency: int = CONCURRENCY
    max_calls: int | None = None
    max_cost: float | None = None


class Meter:
    """Counts what one run sends and pays, over all prompts and models.

    Attributes:
        calls: sends so far; cost: US dollars so far, as far as prices are known.
        stopped: why nothing is sent any more, or None.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.calls = 0
        self.cost = 0.0
        self.stopped: str | None = None

    def refuses(self) -> str | None:
        """Why nothing may be sent now, or None."""
        limits = self.limits
        if self.stopped is None:
            if limits.max_calls is not None and self.calls >= limits.max_calls:
                self.stopped = f"--max-calls {limits.max_calls} was reached"
            elif limits.max_cost is not None and self.cost >= limits.max_cost:
                self.stopped = f"--max-cost {limits.max_cost:g} was reached (${self.cost:.4f} spent)"
        return self.stopped

    def sent(self) -> None:
        """One more send."""
        self.calls += 1

    def paid(self, cost: float | None) -> None:
        """What an answer cost, where that is known."""
        self.cost += cost or 0.0

    def stop(self, why: str) -> None:
        """Send nothing any more."""
        self.stopped = self.stopped or why
