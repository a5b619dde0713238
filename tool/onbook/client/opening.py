"""``onbook.open``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from onbook.client.book import Book
from onbook.errors import UsageError

TTL = 300.0
MAX_STALE = 7 * 86_400.0
TIMEOUT = 30.0
CACHE_SIZE = 256 * 1024 * 1024


def open(
    source: str | os.PathLike[str] | None = None,
    *,
    at: str | None = None,
    cache: str | os.PathLike[str] | None = None,
    cache_size: int = CACHE_SIZE,
    lock: str | os.PathLike[str] | None = None,
    verify: str = "tag",
    allowed_signers: str | os.PathLike[str] | None = None,
    ttl: float = TTL,
    max_stale: float = MAX_STALE,
    timeout: float = TIMEOUT,
    token: str | None = None,
    bundle: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    tag_prefix: str | None = None,
) -> Book:
    """Open a repository of prompts. Nothing is asked of a remote before the first ``get``.

    Args:
        source: a URL or a path that git can fetch from; it may be left out where there is a bundle.
        at: instead of releases, the prompts of a local repository at one place: ``worktree``, ``index`` or a revision.
        cache: the folder that keeps fetched releases; default ``$XDG_CACHE_HOME/onbook``. Processes may share it.
        cache_size: bytes of files that the cache keeps; the ones that were not used for longest are dropped.
        lock: a lock file that exists; releases that it holds are checked against it.
        verify: ``tag`` (annotated, not copied, and intact), ``signed`` (by an allowed signer too), or ``none`` (intact
            only, for mirrors that rename tags).
        allowed_signers: the file that says who may sign, as ssh-keygen(1) has it; default: as git is configured.
        ttl: seconds for which a range or an environment is not asked for again. Exact versions never are.
        max_stale: seconds after which what the remote last said is no longer served while it cannot be asked.
        timeout: seconds that one question to the remote may take, however many exchanges it needs.
        token: a token for https; without it git's own credential helpers are asked, never a person.
        bundle: what ``onbook bundle`` wrote, as a path or as data: served where neither remote nor cache can.
        tag_prefix: what the repository puts before its release tags; environments read it from its configuration.

    Raises:
        UsageError: the arguments do not go together, the URL would run a program, or a file given cannot be read.
        IntegrityError: the bundle's files are not what it says they are.
    """
    if source is not None and not os.fspath(source):
        # Git and the file system take no name for this folder, which nobody means who left a variable empty.
        raise UsageError("the URL to open is empty", hint="give a URL or a path; this folder is .")
    if at is not None:
        from onbook.client.local import LocalBook, snapshot_at
        from onbook.repo import Repository

        if source is None:
            raise UsageError("at= looks at a local repository, and needs its path")
        return LocalBook(snapshot_at(Repository.discover(Path(source)), at))
    from onbook.client.bundle import Bundle, BundleBook
    from onbook.client.remote import RemoteBook
    from onbook.client.verify import Policy

    policy = Policy.parse(verify)
    signers = Path(allowed_signers) if allowed_signers is not None else None
    shipped = Bundle.read(bundle) if bundle is not None else None
    if min(ttl, max_stale) < 0 or timeout <= 0:
        raise UsageError("ttl= and max_stale= are seconds from 0 on, timeout= more than 0")
    if source is None:
        if shipped is None:
            raise UsageError("there is nothing to open", hint="give a URL, a path, or bundle=")
        return BundleBook(shipped, policy, signers)
    from onbook.client.cache import Cache
    from onbook.client.lockfile import Lock
    from onbook.client.releases import Releases
    from onbook.repo.access import Access

    url = os.fspath(source)
    if "://" not in url and Path(url).exists():
        # Absolute, because git runs in another folder, and so that a lock means the same from every folder.
        url = str(Path(url).resolve())
    locked = Lock.read(Path(lock)) if lock is not None else Lock()
    if lock is not None and not Path(lock).exists():
        # Without it nothing would be held against anything, and nobody would hear of it.
        hint = (
            "`onbook fetch ID --from URL` writes it; it goes where the application goes, and a full path finds it there"
        )
        raise UsageError("there is no lock file here", place=str(Path(lock).absolute()), hint=hint)
    kept = Cache(Path(cache) if cache else None, size=cache_size)
    releases = Releases(Access(url, token, timeout), kept, locked, tag_prefix, policy, signers)
    return RemoteBook(releases, ttl=ttl, max_stale=max(ttl, max_stale), bundle=shipped)
