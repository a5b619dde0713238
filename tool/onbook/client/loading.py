"""Files of a release -> a prompt that can be called."""

from __future__ import annotations

from collections.abc import Mapping

from onbook.call import Caller
from onbook.client.loaded import Confirmation, LoadedPrompt
from onbook.client.lockfile import LockedRelease
from onbook.client.releases import Fetched
from onbook.errors import OnbookError
from onbook.project.load import load_prompt
from onbook.prompt import SUFFIXES, Prompt
from onbook.repo import Files


def load(
    release: LockedRelease,
    tag: str,
    path: str,
    files: Mapping[str, bytes],
    notes: tuple[str, ...] = (),
    confirmed: Confirmation | None = None,
) -> LoadedPrompt:
    """The prompt of a release.

    Args:
        path: of the prompt's own file; files: verified bytes by path.

    Raises:
        OnbookError: this onbook cannot read it.
    """
    folder = path.removesuffix(next(suffix for suffix in SUFFIXES if path.endswith(suffix)))
    folder = folder.removesuffix(release.id).rstrip("/")
    loaded = load_prompt(Files(files, tag), path, folder)
    if loaded.prompt is None or loaded.problems:
        problem = loaded.problems[0]
        raise OnbookError(f"{tag} cannot be read by this onbook: {problem.message}", place=problem.place)
    return LoadedPrompt(
        release.id,
        release.version,
        tag,
        release.commit,
        release.digest,
        loaded.prompt,
        Caller(loaded.prompt).render,
        (*notes, *_deprecated(loaded.prompt)),
        confirmed or Confirmation(),
    )


def loaded(fetched: Fetched, confirmed: Confirmation) -> LoadedPrompt:
    """The prompt of a release that was fetched; see :func:`load`."""
    return load(fetched.release, fetched.tag, fetched.prompt_file, fetched.data, fetched.notes, confirmed)


def _deprecated(prompt: Prompt) -> tuple[str, ...]:
    if prompt.metadata.get("status") != "deprecated":
        return ()
    instead = prompt.metadata.get("replacedBy")
    return (f"{prompt.id} is deprecated" + (f"; {instead} replaces it" if isinstance(instead, str) else ""),)
