"""Choosing a release among a prompt's tags, and holding what came against what the tag says."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

from onbook.errors import IntegrityError, UsageError
from onbook.manifest import ClosureFile, TagObject, digest, sha256
from onbook.prompt import SUFFIXES
from onbook.repo.tags import TagRef
from onbook.versions import Range, Tag, Version

_SAMPLE = Version(1, 0, 0)


def choose(refs: Sequence[TagRef], wanted: Range, id: str, url: str) -> TagRef:
    """The highest release that fits. Ranges pass over what was withdrawn; an exact request does not.

    Raises:
        UsageError: there is none.
    """
    withdrawn = {ref.tag.version for ref in refs if ref.tag.yanked}
    releases = {ref.tag.version: ref for ref in refs if not ref.tag.yanked}
    fitting = [v for v in releases if v in wanted and (wanted.exact or v not in withdrawn)]
    if fitting:
        return releases[max(fitting)]
    if not releases:
        told = f"version {wanted}" if wanted.exact else "any release"
        raise UsageError(
            f"the remote has no tag for {told} of {id}", place=url, hint=f"its tags are named {Tag(id, _SAMPLE).name}"
        )
    newest = ", ".join(str(version) for version in sorted(releases, reverse=True)[:5])
    gone = " (withdrawn ones are passed over)" if withdrawn else ""
    raise UsageError(f"no release of {id} fits {wanted}{gone}", place=url, hint=f"there are: {newest}")


def warnings(refs: Sequence[TagRef], chosen: TagRef) -> list[str]:
    """What a person should know about a choice."""
    if any(ref.tag.yanked and ref.tag.version == chosen.tag.version for ref in refs):
        return [f"{chosen.tag.id} {chosen.tag.version} was withdrawn; its reason is in tag {chosen.tag.name}.yanked"]
    return []


def verify_tag(ref: TagRef, raw: bytes, url: str) -> TagObject:
    """The tag object, once it is one: annotated, under its own name, of a commit.

    Raises:
        IntegrityError: it is not.
    """
    place = f"{url} {ref.tag.name}"
    if not ref.annotated:
        raise IntegrityError("this is a lightweight tag; releases are annotated tags", place=place)
    found = TagObject.parse(raw, place)
    if found.name != ref.tag.name:
        raise IntegrityError(f"this tag says that its name is {found.name!r}: it was copied", place=place)
    if found.type != "commit" or not ref.commit:
        raise IntegrityError(f"this tag points at a {found.type}, and a release points at a commit", place=place)
    return found


def verify_paths(files: Sequence[ClosureFile], tag: str) -> None:
    """Refuse what some file system takes for git's own folder: the list is a text, and anybody may write one.

    Raises:
        IntegrityError: a path leads there.
    """
    for path in (file.path for file in files):
        # As git does: dots and spaces at the end, streams and what is not seen are dropped; there are short names.
        for part in path.split("/"):
            seen = "".join(letter for letter in part if unicodedata.category(letter) != "Cf")
            if seen.partition(":")[0].rstrip(". ").lower() in (".git", "git~1"):
                raise IntegrityError(f"the release lists {path!r}, which no commit may hold", place=tag)


def verify_files(files: Mapping[str, bytes], listed: Sequence[ClosureFile], stated: str, tag: str) -> None:
    """Hold what was fetched against the tag's list.

    Raises:
        IntegrityError: a file, or all of them together, are not what the tag says.
    """
    for file in listed:
        if (found := sha256(files[file.path])) != file.sha256:
            raise IntegrityError(f"{file.path} has sha256 {found}, and the tag says {file.sha256}", place=tag)
    if digest(listed) != stated:
        raise IntegrityError(f"the files do not have the digest {stated} that the tag states", place=tag)


def prompt_file(id: str, files: Sequence[ClosureFile]) -> str:
    """The path of the prompt's own file among those of its release.

    Raises:
        IntegrityError: there is none, or more than one.
    """
    found = [file.path for file in files if any(f"/{file.path}".endswith(f"/{id}{suffix}") for suffix in SUFFIXES)]
    if len(found) != 1:
        raise IntegrityError(f"the release lists {len(found)} files for the prompt {id}, and needs just one", place=id)
    return found[0]
