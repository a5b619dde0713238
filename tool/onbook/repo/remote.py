"""Remotes: pushing release tags, and fetching what belongs to one prompt and nothing else.

GitPython runs these commands: it refuses the URL protocols that run programs and ends a command that hangs. Nothing
that comes from a remote is checked out, and neither hooks nor filters run.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from onbook.errors import OnbookError, UsageError
from onbook.repo.git import GitError, Repository, run
from onbook.repo.tags import TagRef, list_tags

TIMEOUT = 60.0


def push(repo: Repository, remote: str, refs: Mapping[str, str], *, timeout: float = TIMEOUT) -> None:
    """Push objects to refs of a remote: all, or none. Refs that are there already, with the same object, are fine.

    Raises:
        GitError: the remote refused, or holds another object under one of the names.
    """
    specs = [f"{oid}:{ref}" for ref, oid in refs.items()]
    _run(repo.root, ["push", "--atomic", "--porcelain", "--no-verify", "--", remote, *specs], timeout=timeout)


def remote_tags(repo: Repository, remote: str, *, timeout: float = TIMEOUT) -> dict[str, str]:
    """The tags of a remote: full ref -> object id.

    Raises:
        GitError: the remote cannot be reached.
    """
    out = _run(repo.root, ["ls-remote", "--tags", "--refs", "--", remote], timeout=timeout)
    rows = (line.split("\t", 1) for line in out.splitlines() if "\t" in line)
    return {ref: oid for oid, ref in rows}


def default_remote(repo: Repository) -> str:
    """The remote that git itself would push to.

    Raises:
        UsageError: there is none.
    """
    branch = repo.text("symbolic-ref", "--short", "--quiet", "HEAD", accept=(0, 1))
    remote = (
        repo.config("remote.pushDefault")
        or (repo.config(f"branch.{branch}.pushRemote") if branch else None)
        or (repo.config(f"branch.{branch}.remote") if branch else None)
    )
    remotes = repo.text("remote").splitlines()
    if not remote and remotes:
        remote = "origin" if "origin" in remotes else remotes[0]
    if not remote:
        raise UsageError("there is no remote to push to", hint="run `git remote add origin URL`")
    return remote


class RemoteTags:
    """The release tags of one prompt at a remote, fetched into a temporary repository, and files on demand.

    Args:
        patterns: what follows ``refs/tags/``, with at most one ``*``: never all refs.

    Attributes:
        notes: what went otherwise than it should have, for people.

    Raises:
        UsageError: the URL is one that would run a program.
        OnbookError: the remote cannot be reached, or does not answer in time.
    """

    def __init__(self, url: str, patterns: Sequence[str], *, timeout: float = TIMEOUT) -> None:
        _refuse_unsafe(url)
        self.url = url
        self.notes: list[str] = []
        self._timeout = timeout
        folder = tempfile.TemporaryDirectory(prefix="onbook-fetch-")
        self._close = weakref.finalize(self, folder.cleanup)
        self._folder = Path(folder.name)
        self._repo = self._new("tags")
        self._specs = [f"+refs/tags/{pattern}:refs/tags/{pattern}" for pattern in patterns]
        # Only tag objects and the commits behind them: no trees, no files.
        self._fetch(self._repo, ["--depth=1", "--filter=tree:0"], self._specs)
        self._blobs: list[Repository] = [self._repo]

    def __enter__(self) -> RemoteTags:
        return self

    def __exit__(self, *exception: object) -> None:
        for repo in self._blobs:
            repo.close()
        self._close()

    def tags(self, prefix: str, prompt: str) -> list[TagRef]:
        """The prompt's release tags."""
        return list_tags(self._repo, prefix=prefix, prompt=prompt)

    def read_tag(self, ref: TagRef) -> bytes:
        """The raw tag object."""
        found = self._repo.read_object(ref.object)
        if found is None:
            raise OnbookError("the remote sent no such tag object", place=f"{self.url} {ref.tag.name}")
        return found[1] if found[0] == "tag" else b""

    def read_blobs(self, ids: Iterable[str]) -> dict[str, bytes]:
        """Files by blob id. Only those are asked for; a server that does not give them so sends the whole commit.

        Raises:
            OnbookError: the remote does not have them.
        """
        wanted = list(dict.fromkeys(ids))
        found = self._read(wanted)
        missing = [blob for blob in wanted if blob not in found]
        if missing:
            repo = self._new("blobs")
            self._blobs.append(repo)
            try:
                self._fetch(repo, ["--depth=1"], missing)
            except GitError:
                self.notes.append("this server gives no single files, so whole commits were fetched (depth 1)")
                whole = self._new("whole")
                self._blobs.append(whole)
                self._fetch(whole, ["--depth=1"], self._specs)
            found = self._read(wanted)
        if absent := [blob for blob in wanted if blob not in found]:
            raise OnbookError(f"the remote does not have file {absent[0]}, which the release lists", place=self.url)
        return found

    def _read(self, ids: Sequence[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for repo in self._blobs:
            for blob in ids:
                answer = repo.read_object(blob) if blob not in found else None
                if answer and answer[0] == "blob":
                    found[blob] = answer[1]
        return found

    def _new(self, name: str) -> Repository:
        folder = self._folder / name
        run(["init", "--quiet", "--bare", "--template=", str(folder)], cwd=self._folder, env=_isolated(folder))
        return Repository(folder, folder, bare=True, shallow=False, env=_isolated(folder))

    def _fetch(self, repo: Repository, options: Sequence[str], specs: Sequence[str]) -> None:
        plain = ["--no-tags", "--no-write-fetch-head", "--recurse-submodules=no", "--quiet", "--no-auto-maintenance"]
        command = ["fetch", *plain, *options, "--end-of-options", self.url, *specs]
        config = repo.git_dir / "config"
        before = config.read_bytes()
        try:
            _run(repo.root, command, env=_isolated(repo.root), timeout=self._timeout)
        finally:
            # A filtered fetch notes the URL as a promisor, and every missing object would then be asked for by itself.
            config.write_bytes(before)


def _isolated(git_dir: Path) -> dict[str, str]:
    """What a hook or a shell exports about its own repository must not lead a fetch there."""
    return {
        "GIT_DIR": str(git_dir),
        "GIT_OBJECT_DIRECTORY": str(git_dir / "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": "",
        "GIT_NAMESPACE": "",
    }


def _refuse_unsafe(url: str) -> None:
    from git import Git
    from git.exc import UnsafeProtocolError

    try:
        Git.check_unsafe_protocols(url)
    except UnsafeProtocolError:
        raise UsageError("this URL would run a program", place=url, hint="use https, ssh, git or file") from None
    if url.startswith("-"):
        raise UsageError("a remote's URL does not begin with '-'", place=url)


def _run(cwd: Path, args: Sequence[str], *, env: Mapping[str, str] | None = None, timeout: float) -> str:
    """Run a git command that talks to a remote; it never asks on the terminal.

    Raises:
        GitError: it failed, with what git said; or it did not end in time.
    """
    from git import Git

    quiet = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", **(env or {})}
    if "GIT_SSH_COMMAND" not in os.environ and "GIT_SSH" not in os.environ:
        quiet["GIT_SSH_COMMAND"] = "ssh -oBatchMode=yes"
    status, out, said = Git(cwd).execute(
        ["git", *args], with_extended_output=True, with_exceptions=False, env=quiet, kill_after_timeout=timeout
    )
    if status:
        words = str(said).strip() or str(out).strip() or f"exit code {status}"
        raise GitError(f"git {args[0]} failed: {words}")
    return str(out)
