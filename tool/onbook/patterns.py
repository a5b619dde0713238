"""Patterns that are compiled when they are first needed: compiling all of them is a tenth of a command's start."""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


class _Later:
    def __init__(self, text: str | bytes, flags: int) -> None:
        self._text, self._flags = text, flags

    def __getattr__(self, name: str) -> Any:
        # Asked for only what is not here yet; from then on each method is the compiled pattern's own.
        found = getattr(re.compile(self._text, self._flags), name)
        setattr(self, name, found)
        return found


def later(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """What ``re.compile`` returns, but for the time of compiling. A text that is no pattern is an error at its use."""
    return cast("re.Pattern[AnyStr]", _Later(text, flags))
