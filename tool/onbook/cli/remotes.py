"""What the commands share that fetch."""

from __future__ import annotations

import os
import re
from pathlib import Path

from onbook.client import opening
from onbook.client.remote import RemoteBook

# Ranges begin with a sign or a number, or are a star; environments begin as every name does, most with a letter.
_ENVIRONMENT = re.compile(r"(?!v?[0-9]+\.)[a-z0-9][a-z0-9_-]*")


def is_environment(request: str) -> bool:
    """Whether what follows the @ names an environment; a bare number is a range that was not written out."""
    return bool(_ENVIRONMENT.fullmatch(request)) and not request.isdigit()


def remote_book(
    url: str, *, lock: Path | None, tag_prefix: str | None, verify: str, allowed_signers: Path | None
) -> RemoteBook:
    """A remote, opened as the options say; with the token of the environment, which no list of processes shows."""
    book = opening.open(
        url,
        lock=lock,
        tag_prefix=tag_prefix,
        verify=verify,
        allowed_signers=allowed_signers,
        timeout=60,
        # A path, ssh and the like have their own ways; a token for http beyond this machine is refused, not left out.
        token=os.environ.get("ONBOOK_TOKEN") or None if url.startswith(("https://", "http://")) else None,
    )
    assert isinstance(book, RemoteBook)
    return book
