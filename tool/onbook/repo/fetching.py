"""Fetching what belongs to one prompt, or to one file at the tip of a branch, and nothing else.

Objects come into temporary repositories. Nothing is checked out, and neither hooks nor filters run.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from onbook.errors import IntegrityError, OnbookError, UsageError
from onbook.manifest import REGULAR_MODES
from onbook.repo.access import Access, Deadline, require_safe
from onbook.repo.git import NO_HOOKS, GitError, GitTimeoutError
from onbook.repo.remote import exchange
from onbook.repo.repository import Repository
from onbook.repo.tags import TagRef, list_tags

# A tree that is larger is none that a person keeps.
MAX_TREE = 4_000_000
# Commits that are asked for, step by step, to see whether one descends from another.
DEPTHS = (32, 1_024, 32_768)

_OTHER_FORMAT = re.compile(r"mismatched algorithms|repository's object format")
_REF = re.compile(r"(?!-)(?!.*(?:\.\.|//|@\{|\.lock(?:/|\Z)))[^\x00-\x20\x7f~^:?*\[\\]+(?<![./])")


class Objects:
    """Objects of a remote, fetched into temporary repositories, one for each exchange.

    Attributes:
        notes: what went otherwise than it should have, for people.

    Raises:
        UsageError: the URL is one that would run a program.
        OnbookError: the remote cannot be reached, or does not answer in time.
    """

    def __init__(self, access: Access, deadline: Deadline | None = None) -> None:
        require_safe(access.url)
        self.access = access
        self.notes: list[str] = []
        self._deadline = deadline or Deadline(access.timeout)
        # Not TemporaryDirectory, which would clean up in a forked child as well.
        folder = tempfile.mkdtemp(prefix="onbook-fetch-")
        self._close = weakref.finalize(self, _clean, folder, os.getpid())
        self._folder = Path(folder)
        self._repos: list[Repository] = []

    def __exit__(self, *exception: object) -> None:
        for repo in self._repos:
            repo.close()
        self._close()

    def note(self, message: str) -> None:
        """Keep what people should know, once."""
        if message not in self.notes:
            self.notes.append(message)

    def read(self, ids: Iterable[str], kind: str = "blob") -> dict[str, bytes]:
        """Those of some objects that are here, by id."""
        found: dict[str, bytes] = {}
        for repo in self._repos:
            for oid in ids:
                answer = repo.read_object(oid) if oid not in found else None
                if answer and answer[0] == kind:
                    found[oid] = answer[1]
        return found

    def fetch(self, options: Sequence[str], specs: Sequence[str]) -> Repository:
        """Fetch into a new repository, so that nothing of an earlier exchange is taken for had.

        Raises:
            GitError: the remote refused, cannot be reached or did not answer in time.
        """
        spoken = self.access.object_format
        try:
            return self._fetch(options, specs, spoken)
        except GitError as error:
            if not _OTHER_FORMAT.search(error.message):
                raise
        # An empty repository cannot be asked what it speaks; once known, it is kept. Another thread may have found the
        # same meanwhile, so that it is the other one of what was tried here, and not of what stands there by now.
        other = self.access.object_format = "sha256" if spoken == "sha1" else "sha1"
        return self._fetch(options, specs, other)

    def _fetch(self, options: Sequence[str], specs: Sequence[str], object_format: str) -> Repository:
        folder = self._folder / str(len(self._repos))
        folder.mkdir()
        repo = Repository.temporary(folder, object_format)
        self._repos.append(repo)
        config = folder / "config"
        # By name: a URL on the command line is there for all to see, and a path is no name for a promisor.
        named = config.read_bytes() + f'[remote "origin"]\n\turl = {_quoted(self.access.url)}\n'.encode()
        config.write_bytes(named)
        quiet = ["--no-tags", "--no-write-fetch-head", "--recurse-submodules=no", "--quiet", "--no-auto-maintenance"]
        command = [*NO_HOOKS, "fetch", *quiet, *options, "--end-of-options"]
        try:
            exchange(
                repo,
                [*command, "origin", *specs],
                self.access.url,
                self._deadline.left(),
                self.access.environment(),
            )
        except GitTimeoutError as error:
            told = f"git fetch did not end within {self.access.timeout:g} seconds"
            raise GitTimeoutError(told, place=self.access.shown, hint=error.hint) from None
        except GitError as error:
            raise GitError(self.access.hide(error.message), place=error.place, hint=error.hint) from None
        finally:
            # A filtered fetch notes a promisor, and every missing object would then be asked for by itself.
            config.write_bytes(named)
        return repo


class RemoteTags(Objects):
    """The release tags of one prompt, and files on demand."""

    def __enter__(self) -> RemoteTags:
        return self

    def seek(self, patterns: Sequence[str]) -> None:
        """Fetch tags by what follows ``refs/tags/``, with at most one ``*`` in each: never all refs."""
        specs = [f"+refs/tags/{pattern}:refs/tags/{pattern}" for pattern in patterns]
        # Only tag objects and the commits behind them: no trees, no files.
        try:
            self.fetch(["--depth=1", "--filter=tree:0"], specs)
        except GitError as error:
            # Where no ref matches, git with --depth fails and says nothing; there are no tags then.
            if not error.message.endswith(" failed: exit code 1"):
                raise

    def tags(self, prefix: str, prompt: str) -> list[TagRef]:
        """The prompt's release tags."""
        return list_tags(self._repos[-1], prefix=prefix, prompt=prompt)

    def read_tag(self, ref: TagRef) -> bytes:
        """The raw tag object; empty where the ref names another kind of object."""
        found = self._repos[-1].read_object(ref.object)
        if found is None:
            raise OnbookError("the remote sent no such tag object", place=f"{self.access.shown} {ref.tag.name}")
        return found[1] if found[0] == "tag" else b""

    def read_blobs(self, ids: Iterable[str], ref: TagRef) -> dict[str, bytes]:
        """Files of a release by blob id. Only those are asked for; a server that refuses is asked for the commit.

        Raises:
            OnbookError: the remote does not have them.
        """
        wanted = list(dict.fromkeys(ids))
        found = self.read(wanted)
        if found:
            self.note("this server cannot leave out files, so whole commits were fetched (depth 1)")
        if missing := [blob for blob in wanted if blob not in found]:
            try:
                self.fetch(["--depth=1"], missing)
            except GitTimeoutError:
                raise
            except GitError:
                self.fetch(["--depth=1"], [f"+{ref.tag.ref}:{ref.tag.ref}"])
                self.note("this server gives no single files, so the whole commit was fetched (depth 1)")
            found = self.read(wanted)
        if absent := [blob for blob in wanted if blob not in found]:
            told = f"the remote does not have file {absent[0]}, which the release lists"
            raise OnbookError(told, place=self.access.shown)
        return found


class RemoteTip(Objects):
    """The commit that a ref of a remote names, and single files of it.

    Args:
        ref: ``HEAD``, a branch, or a full ref.

    Attributes:
        commit: its id.

    Raises:
        UsageError: the ref has no legal name, or the remote has no such ref.
    """

    _TIP = "refs/onbook/tip"

    def __init__(self, access: Access, ref: str, deadline: Deadline | None = None) -> None:
        super().__init__(access, deadline)
        self._spec = f"+{full_ref(ref)}:{self._TIP}"
        try:
            repo = self.fetch(["--depth=1", "--filter=tree:1"], [self._spec])
        except GitError as error:
            if "couldn't find remote ref" in error.message:
                raise UsageError(f"the remote has no {full_ref(ref)}", place=access.shown) from None
            raise
        self.commit = repo.text("rev-parse", "--verify", "--end-of-options", f"{self._TIP}^{{commit}}")
        raw = repo.read_object(self.commit)
        assert raw is not None
        self._root = raw[1].split(b"\n", 1)[0].removeprefix(b"tree ").decode()

    def __enter__(self) -> RemoteTip:
        return self

    def files(self, paths: Sequence[str], known: Mapping[str, bytes]) -> dict[str, tuple[str, bytes]]:
        """Files by path, each with its blob id; what does not exist is left out. One exchange for each folder's depth.

        Args:
            known: blobs that need not be fetched again, by id.

        Raises:
            IntegrityError: something other than a regular file or a folder stands at a path.
        """
        at = dict.fromkeys(paths, self._root)
        blobs: dict[str, str] = {}
        depth, found = 0, {}
        while at or blobs:
            size = 20 if self.access.object_format == "sha1" else 32
            # The files of one folder come with the folders below it.
            got = self._get(at.values(), [oid for oid in blobs.values() if oid not in known])
            found.update({path: (oid, known[oid] if oid in known else got[oid]) for path, oid in blobs.items()})
            trees = {oid: _entries(got[oid], size) for oid in at.values()}
            blobs = {}
            deeper: dict[str, str] = {}
            for path, tree in at.items():
                parts = path.split("/")
                mode, oid = trees[tree].get(parts[depth], ("", ""))
                if not mode:
                    continue
                last = depth == len(parts) - 1
                if (mode not in REGULAR_MODES) if last else (mode != "40000"):
                    kind = {"120000": "a symbolic link", "160000": "a submodule", "40000": "a folder"}.get(
                        mode, "a file"
                    )
                    place = "/".join(parts[: depth + 1])
                    raise IntegrityError(f"{place} is {kind}, and is not followed", place=self.access.shown)
                (blobs if last else deeper)[path] = oid
            at, depth = deeper, depth + 1
        return found

    def descends_from(self, old: str) -> bool | None:
        """Whether a commit is this one or an ancestor of it; None where so much history was asked for in vain."""
        if old == self.commit:
            return True
        for depth in DEPTHS:
            repo = self.fetch([f"--depth={depth}", "--filter=tree:0"], [self._spec])
            if repo.read_object(self._root):
                self.note("this server cannot leave out files, so whole commits were fetched to see their order")
            if repo.read_object(old) and _is_ancestor(repo, old, self.commit):
                return True
            if not (repo.git_dir / "shallow").exists():
                return False
        return None

    def _get(self, trees: Iterable[str], blobs: Iterable[str]) -> dict[str, bytes]:
        wanted = {**dict.fromkeys(trees, "tree"), **dict.fromkeys(blobs, "blob")}
        found = self._read_kinds(wanted)
        if missing := [oid for oid in wanted if oid not in found]:
            try:
                # With this filter only what is asked for by its id comes.
                self.fetch(["--depth=1", "--filter=tree:0"], missing)
            except GitTimeoutError:
                raise
            except GitError:
                self.fetch(["--depth=1"], [self._spec])
                self.note("this server gives no single files, so the whole commit was fetched (depth 1)")
            found = self._read_kinds(wanted)
        for oid, kind in wanted.items():
            if oid not in found:
                raise OnbookError(
                    f"the remote does not have {kind} {oid}, which its tip names", place=self.access.shown
                )
        return found

    def _read_kinds(self, wanted: Mapping[str, str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for kind in ("tree", "blob"):
            if ids := [oid for oid, is_kind in wanted.items() if is_kind == kind]:
                found |= self.read(ids, kind)
        return found


def full_ref(ref: str) -> str:
    """A ref by its whole name; a short one is a branch.

    Raises:
        UsageError: git would not have it as a name.
    """
    if not _REF.fullmatch(ref):
        raise UsageError(f"{ref[:80]!r} is no name of a branch")
    return ref if ref == "HEAD" or ref.startswith("refs/") else f"refs/heads/{ref}"


def _is_ancestor(repo: Repository, old: str, new: str) -> bool:
    try:
        repo.git("merge-base", "--is-ancestor", old, new)
    except GitError:
        return False
    return True


def _entries(raw: bytes, size: int) -> dict[str, tuple[str, str]]:
    """The entries of a raw tree: name -> mode and id; ``size`` is that of an id in bytes."""
    if len(raw) > MAX_TREE:
        raise OnbookError("a folder of this repository has too many entries to be looked through")
    found, at = {}, 0
    while at < len(raw):
        space, end = raw.index(b" ", at), raw.index(b"\0", at)
        name = raw[space + 1 : end].decode("utf-8", "surrogateescape")
        found[name] = (raw[at:space].decode(), raw[end + 1 : end + 1 + size].hex())
        at = end + 1 + size
    return found


def _clean(folder: str, owner: int) -> None:
    # A child that was forked meanwhile must not take its parent's folder away.
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def _quoted(value: str) -> str:
    """A value as git's configuration files write it."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
