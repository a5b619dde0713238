"""One of several threads that want the same does the work; the others wait and share what comes of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

Result = TypeVar("Result")


class _Flight:
    def __init__(self) -> None:
        self.landed = threading.Event()
        self.result: Any = None
        self.error: Exception | None = None
        self.lost = False


class Flights:
    """Work under way, by what it is for."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all work: in a forked child nobody does it."""
        self._lock = threading.Lock()
        self._flying: dict[Hashable, _Flight] = {}

    def share(self, key: Hashable, work: Callable[[], Result]) -> Result:
        """Do the work, or wait for whoever does it already; an error is raised in all of them."""
        while True:
            with self._lock:
                flight = self._flying.get(key)
                mine = flight is None
                if flight is None:
                    flight = self._flying[key] = _Flight()
            if mine:
                return self._fly(key, flight, work)
            flight.landed.wait()
            if flight.error is not None:
                raise flight.error
            if not flight.lost:
                result: Result = flight.result
                return result
            # Whoever did it was interrupted, which is no answer for the others.

    def _fly(self, key: Hashable, flight: _Flight, work: Callable[[], Result]) -> Result:
        try:
            flight.result = work()
        except Exception as error:
            flight.error = error
            raise
        except BaseException:
            flight.lost = True
            raise
        finally:
            with self._lock:
                self._flying.pop(key, None)
            flight.landed.set()
        result: Result = flight.result
        return result
