"""What applications import: fetch a released prompt by its tag, verify it, keep it, call it.

    book = onbook.open("https://example.com/team/prompts.git", lock="onbook.lock")
    prompt = book.get("support/triage", "^1.4")
    answer = litellm.completion(**prompt.request(ticket="I was charged twice"))
    label = prompt.parse(answer.choices[0].message.content)

*Verified* means intact: the bytes are those that the tag lists. Whether the tag is the one that was meant is what the
lock file holds, and the signature where ``verify="signed"``.

What an application does with it stands in docs/client.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onbook.client.book import Book
    from onbook.client.failures import Failure
    from onbook.client.loaded import LoadedPrompt
    from onbook.client.opening import open
    from onbook.client.releases import Fetched
    from onbook.client.remote import RemoteBook

__all__ = ["Book", "Failure", "Fetched", "LoadedPrompt", "RemoteBook", "open"]

_HOMES = {
    "Book": "book",
    "Failure": "failures",
    "Fetched": "releases",
    "LoadedPrompt": "loaded",
    "RemoteBook": "remote",
    "open": "opening",
}


def __getattr__(name: str) -> object:
    # What only some need, YAML and templates above all, is loaded when it is needed.
    if name not in _HOMES:
        raise AttributeError(f"module 'onbook.client' has no attribute {name!r}")
    import importlib

    found: object = getattr(importlib.import_module(f"onbook.client.{_HOMES[name]}"), name)
    globals()[name] = found
    return found
