"""How far a run has come, on standard error: one line that moves at a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time

from onbook.cli.streams import say
from onbook.testing.asking import Standing

# Seconds between two lines where nobody looks on, and between two pictures where somebody does.
_LINE_S = 10.0
_PICTURE_S = 0.1


class Bar:
    """Called with every standing; ``done`` ends the line."""

    def __init__(self) -> None:
        self._moving = sys.stderr is not None and sys.stderr.isatty()
        self._told_at = time.monotonic()
        self._last: Standing | None = None
        self._width = 0

    def __call__(self, standing: Standing) -> None:
        """Tell how far it is, if it is time to."""
        self._last = standing
        now = time.monotonic()
        if now - self._told_at < (_PICTURE_S if self._moving else _LINE_S):
            return
        self._told_at = now
        self._write(line(standing), end=not self._moving)

    def done(self, verb: str) -> None:
        """Tell what came of it all. ``verb``: ``recorded`` or ``asked``."""
        if self._last is None:
            return
        it = self._last
        failed = f", {it.failed} brought none" if it.failed else ""
        self._write(
            f"{verb} {it.arrived} {'answer' if it.arrived == 1 else 'answers'}{failed}; "
            f"{it.calls} {'call' if it.calls == 1 else 'calls'}, ${it.cost:.4f}, {_time(it.elapsed_s)}",
            end=True,
        )

    def _write(self, text: str, *, end: bool) -> None:
        start = "\r" if self._moving else ""
        padding = " " * max(self._width - len(text), 0)
        self._width = 0 if end else len(text)
        say(f"{start}  {text}{padding}", err=True, nl=end)


def line(standing: Standing) -> str:
    """``412/1000 answers, 3 failed, 18.2/s, $0.0412, 32 s left``"""
    parts = [f"{standing.arrived}/{standing.wanted} answers"]
    if standing.failed:
        parts.append(f"{standing.failed} failed")
    parts += [f"{standing.rate:.1f}/s", f"${standing.cost:.4f}"]
    if standing.remaining_s is not None:
        parts.append(f"{_time(standing.remaining_s)} left")
    return ", ".join(parts)


def _time(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60:02} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60:02} min"
