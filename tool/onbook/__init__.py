"""onbook: prompts as versioned files in git.

Applications need one function::

    import onbook
    book = onbook.open("https://example.com/team/prompts.git")
    prompt = book.get("support/triage", "^1.4")
    messages = prompt.render(ticket="I was charged twice")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from onbook.client import Book, LoadedPrompt, open
    from onbook.errors import InputError, IntegrityError, OnbookError, UsageError

__all__ = ["Book", "InputError", "IntegrityError", "LoadedPrompt", "OnbookError", "UsageError", "open"]

_HOMES = {
    "Book": "client", "LoadedPrompt": "client", "open": "client",
    "InputError": "errors", "IntegrityError": "errors", "OnbookError": "errors", "UsageError": "errors",
}  # fmt: skip


def __getattr__(name: str) -> object:
    # Importing onbook costs nothing until something is asked of it: hooks and web workers both start with it.
    if name not in _HOMES:
        raise AttributeError(f"module 'onbook' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"onbook.{_HOMES[name]}"), name)
