"""Docstrings that people read: the pages of rules and assertions, and what ``onbook explain`` prints."""

from __future__ import annotations

import inspect
import re


def markdown(what: object) -> str:
    """The docstring of a class or a function as Markdown; empty where it has none.

    Two backticks are the docstrings' way, one is Markdown's.
    """
    return re.sub(r"(?<!`)``(?!`)(.+?)(?<!`)``(?!`)", r"`\1`", inspect.getdoc(what) or "")
