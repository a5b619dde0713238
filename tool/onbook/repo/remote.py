"""Remotes: how git speaks to one, pushing release tags, and what a clone knows of its remote.

Commands run in a session of their own, which is ended as a whole when it hangs: GitPython's own timeout needs ``ps``,
which slim containers lack, and is an error on Windows. Fetching is in :mod:`onbook.repo.fetching`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

from onbook.errors import UsageError
from onbook.repo.git import Environment, GitError
from onbook.repo.repository import Repository

TIMEOUT = 60.0

MOST_PUSHED = 25_000 if os.name == "nt" else 800_000
"""Bytes of refs and ids that one push takes: git is told them on its command line, which every system bounds."""


def pushes(refs: Mapping[str, str], most: int) -> Iterator[dict[str, str]]:
    """The same refs, as many at a time as have so many bytes."""
    some, size = dict[str, str](), 0
    for ref, oid in refs.items():
        # The colon between them, the end of the argument, and its pointer.
        length = len(oid) + len(ref.encode("utf-8", "surrogateescape")) + 10
        if some and size + length > most:
            yield some
            some, size = {}, 0
        some[ref] = oid
        size += length
    if some:
        yield some


def push(repo: Repository, remote: str, refs: Mapping[str, str]) -> None:
    """Push objects to refs of a remote: all, or none. Refs that are there already, with the same object, are fine.

    Args:
        refs: of no more than MOST_PUSHED bytes.

    Raises:
        GitError: the remote refused, or holds another object under one of the names.
    """
    # Nothing but these refs, whatever push.followTags and the like say.
    alone = ["--no-verify", "--no-follow-tags", "--recurse-submodules=no"]
    specs = [f"{oid}:{ref}" for ref, oid in refs.items()]
    exchange(repo, ["push", "--atomic", "--porcelain", *alone, "--", remote, *specs], remote, TIMEOUT)


def remote_tags(repo: Repository, remote: str) -> dict[str, str]:
    """The tags of a remote: full ref -> object id.

    Raises:
        GitError: the remote cannot be reached.
    """
    out = exchange(repo, ["ls-remote", "--tags", "--refs", "--", remote], remote, TIMEOUT)
    rows = (line.split("\t", 1) for line in out.split("\n") if "\t" in line)
    return {ref: oid for oid, ref in rows}


def head_branch(repo: Repository, remote: str) -> str | None:
    """The branch that a remote's HEAD names: as the clone knows it, else as the remote says. None if it names none.

    Raises:
        GitError: nobody here knows, and the remote cannot be reached.
    """
    known = repo.text("symbolic-ref", "--quiet", f"refs/remotes/{remote}/HEAD", accept=(0, 1))
    if known:
        return known.removeprefix(f"refs/remotes/{remote}/")
    out = exchange(repo, ["ls-remote", "--symref", "--", remote, "HEAD"], remote, TIMEOUT)
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


def known_remote(repo: Repository) -> str | None:
    """As :func:`default_remote`, or None where there is none."""
    return default_remote(repo) if repo.text("remote") else None


def exchange(repo: Repository, args: Sequence[str], remote: str, timeout: float, env: Environment | None = None) -> str:
    """Run a git command that talks to a remote; it never asks on the terminal, nor in a window.

    Raises:
        GitError: it failed, with what git said; or it did not end in time.
    """
    # Helpers of git's configuration are asked for credentials; those that would ask a person are told not to.
    layers: dict[str, str | None] = {"GCM_INTERACTIVE": "never", "SSH_ASKPASS_REQUIRE": "never", **(env or {})}
    speaks_ssh = not remote.startswith(("http://", "https://", "file://", "git://", "/"))
    if speaks_ssh and not {"GIT_SSH_COMMAND", "GIT_SSH"} & os.environ.keys() and not repo.config("core.sshCommand"):
        layers["GIT_SSH_COMMAND"] = "ssh -oBatchMode=yes"
    try:
        return repo.git(*args, env=layers, timeout=timeout).decode("utf-8", "surrogateescape")
    except GitError as error:
        hidden = error.message.replace(remote, without_secret(remote))
        raise type(error)(hidden, place=error.place or without_secret(remote), hint=error.hint) from None


def without_secret(url: str) -> str:
    """A URL as it may be shown and written down: without user and password; of ssh the user stays."""
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    if not separator or "@" not in host:
        return url
    user, _, host = host.rpartition("@")
    # Of ssh the user is part of the address; a password there helps nobody, and is one all the same.
    kept = f"{user.partition(':')[0]}@" if scheme in ("ssh", "git+ssh", "ssh+git") else ""
    return f"{scheme}://{kept}{host}{slash}{path}"
