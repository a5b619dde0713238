"""The schema of prompt files, put where an editor finds it."""

from __future__ import annotations

from pathlib import Path

from onbook import resources
from onbook.files import write_atomic

SCHEMA = "_schemas/prompt.schema.json"
"""From the prompts folder. What begins with _ there is no prompt."""


def write_schema(folder: Path, *, refresh: bool = False) -> bool:
    """Put the schema below the prompts folder; whether it was written.

    Args:
        refresh: write it again where it is another, as after an update of onbook.
    """
    path, raw = folder / SCHEMA, resources.read("schemas/prompt.schema.json")
    if path.is_symlink() or (path.exists() and not (refresh and path.is_file() and path.read_bytes() != raw)):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, raw)
    return True


def schema_comment(id: str) -> str:
    """The first line of a prompt's file, by which editors with a YAML language server check it while you type."""
    return f"# yaml-language-server: $schema={'../' * id.count('/')}{SCHEMA}\n"
