"""What changed in one prompt since its release, looking at nothing but its own files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from onbook.manifest import ClosureFile
from onbook.project import Config, Source
from onbook.project.load import load_prompt
from onbook.prompt import id_of
from onbook.repo import Repository
from onbook.repo.snapshot import Commit
from onbook.repo.tags import TagRef

if TYPE_CHECKING:
    from onbook.diff import PromptDiff


def since_release(repo: Repository, config: Config, ref: TagRef, files: Iterable[ClosureFile]) -> PromptDiff | None:
    """What changed between a release and HEAD; None where nothing did, or the prompt is not there any more.

    Only the files of this one prompt are looked at, however many others there are.

    Args:
        files: what the release's tag lists.

    Raises:
        UsageError: one of the two cannot be read.
    """
    listed = list(files)
    head, tagged = Commit(repo, "HEAD"), Commit(repo, ref.commit)
    id, folder = ref.tag.id, config.prompts
    path = next((f.path for f in listed if id_of(f.path.removeprefix(f"{folder}/")) == id), None)
    if path is None or head.entry(path) is None:
        return None
    if all(head.identity(file.path) == f"{file.mode} {file.blob}" for file in listed):
        return None
    from onbook.diff import diff_sources, waive, waivers_of

    old, new = (Source(load_prompt(snapshot, path, folder), snapshot) for snapshot in (tagged, head))
    found = diff_sources(id, old, new, base=ref.tag.version, readers=config.readers)
    return waive(found, waivers_of(config, new)) if found.changes else None
