"""Prompts from texts, as a catalog reads them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from onbook.project import Catalog, Source
from support.snapshots import files

MODEL = "openai/gpt-4.1-2025-04-14"
PROMPT = f"""\
model: {MODEL}
messages:
  - role: user
    content: "Sort this: {{{{ticket}}}}"
"""


def source(contents: Mapping[str, str | bytes], id: str = "a", *, links: Collection[str] = ()) -> Source:
    """The prompt ``id`` of a repository that holds these files."""
    return Catalog(files(contents, links)).find(id)
