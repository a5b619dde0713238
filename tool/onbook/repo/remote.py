"""Remotes: pushing release tags, and fetching what belongs to one prompt and nothing else.

GitPython tells the URLs that would run a program. The commands themselves run in a session of their own, which is
ended as a whole when it hangs: GitPython's own timeout needs ``ps``, which slim containers lack, and is an error on
Windows. Nothing that comes from a remote is checked out, and neither hooks nor filters run.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from onbook.errors import OnbookError, UsageError
from onbook.repo.git import ELSEWHERE, Environment, GitError, GitTimeoutError, Repository
from onbook.repo.tags import TagRef, list_tags

TIMEOUT = 60.0


def push(repo: Repository, remote: str, refs: Mapping[str, str], *, timeout: float = TIMEOUT) -> None:
    """Push objects to refs of a remote: all, or none. Refs that are there already, with the same object, are fine.

    Raises:
        GitError: the remote refused, or holds another object under one of the names.
    """
    # Nothing but these refs, whatever push.followTags and the like say.
    alone = ["--no-verify", "--no-follow-tags", "--recurse-submodules=no"]
    specs = [f"{oid}:{ref}" for ref, oid in refs.items()]
    _exchange(repo, ["push", "--atomic", "--porcelain", *alone, "--", remote, *specs], remote, timeout)


def remote_tags(repo: Repository, remote: str, *, timeout: float = TIMEOUT) -> dict[str, str]:
    """The tags of a remote: full ref -> object id.

    Raises:
        GitError: the remote cannot be reached.
    """
    out = _exchange(repo, ["ls-remote", "--tags", "--refs", "--", remote], remote, timeout)
    rows = (line.split("\t", 1) for line in out.split("\n") if "\t" in line)
    return {ref: oid for oid, ref in rows}


def head_branch(repo: Repository, remote: str, *, timeout: float = TIMEOUT) -> str | None:
    """The branch that a remote's HEAD names: as the clone knows it, else as the remote says. None if it names none.

    Raises:
        GitError: nobody here knows, and the remote cannot be reached.
    """
    known = repo.text("symbolic-ref", "--quiet", f"refs/remotes/{remote}/HEAD", accept=(0, 1))
    if known:
        return known.removeprefix(f"refs/remotes/{remote}/")
    out = _exchange(repo, ["ls-remote", "--symref", "--", remote, "HEAD"], remote, timeout)
    words = out.split()
    return words[1].removeprefix("refs/heads/") if words[:1] == ["ref:"] else None


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
    remotes = repo.text("remote").split()
    if remote == ".":
        remote = None
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
        shown: the URL without secrets; notes: what went otherwise than it should have, for people.

    Raises:
        UsageError: the URL is one that would run a program.
        OnbookError: the remote cannot be reached, or does not answer in time.
    """

    def __init__(self, url: str, patterns: Sequence[str], *, timeout: float = TIMEOUT) -> None:
        _refuse_unsafe(url)
        self.url = url
        self.shown = without_secret(url)
        self.notes: list[str] = []
        self._timeout = timeout
        folder = tempfile.TemporaryDirectory(prefix="onbook-fetch-")
        self._close = weakref.finalize(self, folder.cleanup)
        self._folder = Path(folder.name)
        self._repos: list[Repository] = []
        specs = [f"+refs/tags/{pattern}:refs/tags/{pattern}" for pattern in patterns]
        # Only tag objects and the commits behind them: no trees, no files.
        try:
            self._fetch(["--depth=1", "--filter=tree:0"], specs)
        except GitError as error:
            # Where no ref matches, git with --depth fails and says nothing; there are no tags then.
            if not error.message.endswith(" failed: exit code 1"):
                raise

    def __enter__(self) -> RemoteTags:
        return self

    def __exit__(self, *exception: object) -> None:
        for repo in self._repos:
            repo.close()
        self._close()

    def tags(self, prefix: str, prompt: str) -> list[TagRef]:
        """The prompt's release tags."""
        return list_tags(self._repos[0], prefix=prefix, prompt=prompt)

    def read_tag(self, ref: TagRef) -> bytes:
        """The raw tag object."""
        found = self._repos[0].read_object(ref.object)
        if found is None:
            raise OnbookError("the remote sent no such tag object", place=f"{self.shown} {ref.tag.name}")
        return found[1] if found[0] == "tag" else b""

    def read_blobs(self, ids: Iterable[str], ref: TagRef) -> dict[str, bytes]:
        """Files of a release by blob id. Only those are asked for; a server that refuses is asked for the commit.

        Raises:
            OnbookError: the remote does not have them.
        """
        wanted = list(dict.fromkeys(ids))
        found = self._read(wanted)
        if found:
            self.notes.append("this server cannot leave out files, so whole commits were fetched (depth 1)")
        if missing := [blob for blob in wanted if blob not in found]:
            try:
                self._fetch(["--depth=1"], missing)
            except GitTimeoutError:
                raise
            except GitError:
                self._fetch(["--depth=1"], [f"+{ref.tag.ref}:{ref.tag.ref}"])
                self.notes.append("this server gives no single files, so the whole commit was fetched (depth 1)")
            found = self._read(wanted)
        if absent := [blob for blob in wanted if blob not in found]:
            raise OnbookError(f"the remote does not have file {absent[0]}, which the release lists", place=self.shown)
        return found

    def _read(self, ids: Sequence[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for repo in self._repos:
            for blob in ids:
                answer = repo.read_object(blob) if blob not in found else None
                if answer and answer[0] == "blob":
                    found[blob] = answer[1]
        return found

    def _fetch(self, options: Sequence[str], specs: Sequence[str]) -> None:
        """Fetch into a new repository, so that nothing of an earlier exchange is taken for had."""
        folder = self._folder / str(len(self._repos))
        # Whose repository a hook runs in must not matter here, and no hook that is configured for all may run.
        env: dict[str, str | None] = {**ELSEWHERE, "GIT_DIR": str(folder)}
        repo = Repository(folder, folder, bare=True, shallow=False, env=env)
        folder.mkdir()
        repo.git("init", "--quiet", "--bare", "--template=")
        self._repos.append(repo)
        config = folder / "config"
        # By name: a URL on the command line is there for all to see, and a path is no name for a promisor.
        named = config.read_bytes() + f'[remote "origin"]\n\turl = {_quoted(self.url)}\n'.encode()
        config.write_bytes(named)
        quiet = ["--no-tags", "--no-write-fetch-head", "--recurse-submodules=no", "--quiet", "--no-auto-maintenance"]
        command = ["-c", f"core.hooksPath={os.devnull}", "fetch", *quiet, *options, "--end-of-options"]
        try:
            _exchange(repo, [*command, "origin", *specs], self.url, self._timeout)
        finally:
            # A filtered fetch notes a promisor, and every missing object would then be asked for by itself.
            config.write_bytes(named)


def _quoted(value: str) -> str:
    """A value as git's configuration files write it."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _refuse_unsafe(url: str) -> None:
    from git import Git
    from git.exc import UnsafeProtocolError

    try:
        Git.check_unsafe_protocols(url)
    except UnsafeProtocolError:
        raise UsageError(
            "this URL would run a program", place=without_secret(url), hint="use https, ssh, git or file"
        ) from None
    if url.startswith("-"):
        raise UsageError("a remote's URL does not begin with '-'", place=url)


def _exchange(repo: Repository, args: Sequence[str], remote: str, timeout: float) -> str:
    """Run a git command that talks to a remote; it never asks on the terminal.

    Raises:
        GitError: it failed, with what git said; or it did not end in time.
    """
    env: Environment = {}
    speaks_ssh = not remote.startswith(("http://", "https://", "file://", "git://", "/"))
    if speaks_ssh and not {"GIT_SSH_COMMAND", "GIT_SSH"} & os.environ.keys() and not repo.config("core.sshCommand"):
        env = {"GIT_SSH_COMMAND": "ssh -oBatchMode=yes"}
    try:
        return repo.git(*args, env=env, timeout=timeout).decode("utf-8", "surrogateescape")
    except GitError as error:
        hidden = error.message.replace(remote, without_secret(remote))
        raise type(error)(hidden, place=error.place, hint=error.hint) from None


def without_secret(url: str) -> str:
    """A URL as it may be shown and written down: without the user and password that stand in it."""
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    if not separator or scheme == "ssh" or "@" not in host:
        return url
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
