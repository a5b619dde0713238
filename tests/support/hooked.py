"""A repository with a released prompt that has recorded answers, for hooks to judge."""

from __future__ import annotations

import shutil
from pathlib import Path

from support.console import Person, person
from support.copies import copied

ROOT = Path(__file__).parents[2]
TRIAGE = "prompts/support/triage.prompt.yml"
RECORDINGS = "prompts/support/triage.recordings.jsonl"
# An edit of each kind, as (old, new): a fault, a call that is now rejected, a request that nobody has recorded.
FAULT = ("{{ ticket }}", "{{ tikcet }}")
BREAKING = ("required: [ticket]", "required: [ticket, channel]")
DECLARED = ("      x-untrusted: true\n", "      x-untrusted: true\n    channel: {type: string}\n")
WORDING = ("Sort the support ticket", "Sort the ticket of a customer")
HARMLESS = ("sorts it into a queue.", "sorts it into one of four queues.")


def released(folder: Path) -> Person:
    """Someone in a repository with a copy of our own ``support/triage``, committed and released as 0.1.0."""
    return Person(copied(_released, folder))


def _released(folder: Path) -> None:
    author = person(folder)
    (folder / "prompts/support").mkdir(parents=True)
    shutil.copytree(ROOT / "prompts/_shared", folder / "prompts/_shared")
    for path in sorted((ROOT / "prompts/support").glob("triage.*")):
        shutil.copy(path, folder / "prompts/support")
    author.commit("A first prompt")
    author.onbook("release")


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    """The bytes of each file of the work tree, and when it was last written."""
    files = (path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts)
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}
