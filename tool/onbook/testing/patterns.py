"""Regular expressions with a bound on their time.

Python's engine backtracks: ``(a+)+$`` on a long answer runs for longer than anybody waits, and holds the interpreter's
lock meanwhile, so that no thread can stop it. What is not certain to end at once runs in a child process, which can be
ended. An engine of linear time would know neither Python's syntax nor its look-arounds, and what a pattern means is
fixed by the files' schemas.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import re
import subprocess
import sys
import threading
import warnings
from functools import lru_cache

from onbook.errors import OnbookError
from onbook.testing.backtracking import cheap

# Milliseconds are usual. Whoever needs this long will not come to an end, on a slow machine neither.
TIMEOUT_S = 5.0
MAX_TEXT = 1 << 20  # characters of an answer that are looked at


class PatternError(OnbookError):
    """A pattern that is no regular expression, or whose search did not come to an end."""


def wrong(pattern: str) -> str | None:
    """Why a text is no regular expression, or None."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Python may one day read otherwise still has its meaning
            re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        return str(error)
    return None


def found(pattern: str, text: str) -> bool:
    """Whether a regular expression is found in the first MAX_TEXT characters of a text.

    Raises:
        PatternError: the search takes longer than TIMEOUT_S, on this text or on an earlier one.
    """
    text = text[:MAX_TEXT]
    if cheap(pattern, len(text)):  # most are: no other process has to be asked
        return _compiled(pattern).search(text) is not None
    return _found(pattern, text)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return re.compile(pattern)


@lru_cache(maxsize=4096)
def _found(pattern: str, text: str) -> bool:
    # A pattern that has hung once is not waited for again in every other case.
    if pattern not in _endless:
        with _lock:
            told = _searcher.search(pattern, text)
        if told is not None:
            return told
        _endless.add(pattern)
    raise PatternError(
        f"the regular expression {pattern!r} did not come to an end within {TIMEOUT_S:g} s",
        hint="avoid a repetition inside a repetition, as in (a+)+",
    )


_CHILD = """
import json, re, sys, warnings
warnings.simplefilter("ignore")
for line in sys.stdin:
    pattern, text = json.loads(line)
    print(int(re.search(pattern, text) is not None), flush=True)
"""


class _Searcher:
    """The child process: started when first needed, and again after it had to be ended."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def search(self, pattern: str, text: str) -> bool | None:
        """Whether it is found; None where the time was up."""
        process = self._process = self._process or self._start()
        assert process.stdin
        assert process.stdout
        timer = threading.Timer(TIMEOUT_S, process.kill)
        timer.daemon = True
        timer.start()
        told = ""
        try:
            with contextlib.suppress(OSError):
                process.stdin.write(json.dumps([pattern, text]) + "\n")
                process.stdin.flush()
                told = process.stdout.readline()
        finally:
            timer.cancel()
            if not told:  # ended, or interrupted amid an answer
                self.end()
        return bool(int(told)) if told else None

    @staticmethod
    def _start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="ascii",
        )

    def end(self) -> None:
        process, self._process = self._process, None
        if process:
            process.kill()
            with contextlib.suppress(OSError):
                process.communicate()


_lock = threading.Lock()
_searcher = _Searcher()
_endless: set[str] = set()
atexit.register(_searcher.end)
