"""Release tags in a repository: listing, reading, and writing them all or none."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from onbook.errors import IntegrityError, OnbookError, UsageError
from onbook.manifest import Manifest, TagObject
from onbook.repo.git import GitError
from onbook.repo.repository import Repository
from onbook.versions import Tag, Version

_MOST_ASKED = 500  # prompts that a command line names


@dataclass(frozen=True, slots=True)
class TagRef:
    """A release tag as it stands in a repository.

    Attributes:
        object: the id of what the ref points at; ``annotated`` says whether that is a tag object.
        commit: the id of the commit behind it, empty where the tag leads to none that is here.
    """

    tag: Tag
    object: str
    annotated: bool
    commit: str


def list_tags(
    repo: Repository,
    *,
    prefix: str = "",
    prompt: str | None = None,
    prompts: Collection[str] | None = None,
    merged: str | None = None,
) -> list[TagRef]:
    """The release tags of one prompt, of some, or of all; with ``merged`` only those reachable from that commit.

    What the repository awaits (:attr:`Repository.awaited`) is listed as if it were here.

    Raises:
        OnbookError: a tag leads to an object that is not here.
    """
    asked = prompts if prompt is None else (prompt,)
    if asked is not None and not asked:
        return []
    # Git reads the object behind every tag that it lists, so it is asked for no others while the names are few.
    patterns = ["refs/tags/"]
    if asked is not None and len(asked) <= _MOST_ASKED:
        patterns = [f"refs/tags/{prefix}{id}/" for id in asked]
    args = ["for-each-ref", "--format=%(refname)%00%(objectname)%00%(objecttype)%00%(*objectname)%00%(*objecttype)"]
    try:
        out = repo.text(*args, *([f"--merged={merged}"] if merged else []), *patterns)
    except GitError as error:
        if "missing object" not in error.message:
            raise
        raise OnbookError(
            f"a tag leads to an object that is not here: {error.message}",
            hint="`git fsck` lists what is lacking here; fetch it, or delete the tag with `git update-ref -d REF`",
        ) from None
    found = []
    # Not splitlines: a ref's name may hold what Python takes for the end of a line.
    for line in out.split("\n") if out else ():
        ref, oid, kind, peeled, peeled_kind = line.split("\0")
        tag = Tag.parse(ref.removeprefix("refs/tags/"), prefix)
        if tag is None or (asked is not None and tag.id not in asked):
            continue
        commit = peeled if peeled_kind == "commit" else oid if kind == "commit" else ""
        found.append(TagRef(tag, oid, kind == "tag", commit))
    if repo.awaited:
        here = {ref.tag.ref for ref in found}
        found += [ref for ref in _awaited(repo, prefix, asked, merged) if ref.tag.ref not in here]
    return found


def _awaited(repo: Repository, prefix: str, asked: Collection[str] | None, merged: str | None) -> Iterator[TagRef]:
    reached: dict[str, bool] = {}
    for name, oid in repo.awaited.items():
        tag = Tag.parse(name.removeprefix("refs/tags/"), prefix)
        kind, raw = repo.read_object(oid) or ("", b"")
        if tag is None or kind != "tag" or (asked is not None and tag.id not in asked):
            continue
        commit = TagObject.parse(raw, name).target
        if merged and commit not in reached:
            # Exit code 1 says no; what is not here is an error of its own.
            base = repo.text("merge-base", commit, merged, accept=(0, 1))
            reached[commit] = base == commit
        if not merged or reached[commit]:
            yield TagRef(tag, oid, True, commit)


def release_of(refs: Iterable[TagRef], id: str, version: Version) -> TagRef:
    """The release of one version among the tags of a prompt.

    Raises:
        UsageError: there is none here; the newest that were not withdrawn are named.
    """
    everything = list(refs)
    found = {ref.tag.version: ref for ref in everything if not ref.tag.yanked}
    if version in found:
        return found[version]
    newest = sorted(found.keys() - {ref.tag.version for ref in everything if ref.tag.yanked}, reverse=True)[:5]
    hint = f"there are: {', '.join(map(str, newest))}" if newest else "`git fetch --tags` brings the tags of others"
    raise UsageError(f"{id} {version} is not released here", hint=hint)


def read_tag(repo: Repository, ref: TagRef) -> TagObject:
    """The tag object behind a ref.

    Raises:
        IntegrityError: the tag is not annotated.
        OnbookError: the object is not in the repository.
    """
    found = repo.read_object(ref.object)
    if found is None:
        raise OnbookError(f"tag object {ref.object} is missing", place=ref.tag.name, hint="run `git fetch --tags`")
    return TagObject.parse(found[1] if found[0] == "tag" else b"", ref.tag.name)


def read_release(repo: Repository, ref: TagRef, found: TagObject | None = None) -> tuple[TagObject, Manifest]:
    """The tag object of a release and what it lists, once it is one that clients take: anybody may write a tag.

    Args:
        found: the tag object, where it was read already.

    Raises:
        IntegrityError: it is none: lightweight, copied under another name, not of a commit, or not written by onbook.
        OnbookError: the object is not in the repository.
    """
    if not ref.annotated:
        raise IntegrityError(
            "this is a lightweight tag; releases are annotated tags",
            place=ref.tag.name,
            hint="releases are made with `onbook release`",
        )
    found = found or read_tag(repo, ref)
    if found.name != ref.tag.name:
        raise IntegrityError(
            f"this tag says that its name is {found.name!r}: it was copied, and clients refuse it",
            place=ref.tag.name,
            hint="a release is never another one's tag object: `onbook release` makes one",
        )
    if found.type != "commit":
        raise IntegrityError(f"this tag points at a {found.type}, and a release points at a commit", place=ref.tag.name)
    return found, found.manifest(ref.tag.name)


def read_tags(repo: Repository, refs: Iterable[TagRef]) -> dict[str, TagObject]:
    """The tag objects behind many refs, by object id. One that is not here, or no annotated tag, is left out."""
    wanted = {ref.object: ref.tag.name for ref in refs if ref.annotated}
    found = {}
    for (oid, name), read in zip(wanted.items(), repo.read_objects(wanted), strict=True):
        if read is not None and read[0] == "tag":
            with contextlib.suppress(IntegrityError):
                found[oid] = TagObject.parse(read[1], name)
    return found


def tagger(repo: Repository, why: str = "a release tag names its tagger") -> str:
    """Who tags, and when, as git would write it: ``Name <mail> 1700000000 +0000``.

    Args:
        why: what needs to know it, in the words of the error.

    Raises:
        OnbookError: git knows no name or mail.
    """
    try:
        return repo.text("var", "GIT_COMMITTER_IDENT")
    except GitError as error:
        raise OnbookError(
            f"git does not know who you are, and {why}",
            hint='run `git config user.name "..."` and `git config user.email "..."`',
        ) from error


def write_objects(repo: Repository, payloads: Iterable[bytes]) -> list[str]:
    """Write raw tag objects and return their ids, in order. Nothing refers to them yet."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, payload in enumerate(payloads):
            path = Path(folder) / str(number)
            path.write_bytes(payload)
            paths.append(str(path))
        out = repo.git("hash-object", "-t", "tag", "-w", "--stdin-paths", stdin="\n".join([*paths, ""]).encode())
    return out.decode().split()


def create_refs(repo: Repository, refs: Mapping[str, str]) -> None:
    """Create refs in one transaction: all, or none.

    Raises:
        GitError: a ref exists already, or is locked by somebody else.
    """
    lines = [f"create {ref} {oid}\n" for ref, oid in refs.items()]
    repo.git("update-ref", "--stdin", stdin="".join(["start\n", *lines, "prepare\n", "commit\n"]).encode())
