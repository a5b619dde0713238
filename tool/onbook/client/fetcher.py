"""Releases of a remote, asked for one by one: for ``onbook fetch`` and ``onbook bundle``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from onbook.client.bundle import deployed, require_digest
from onbook.client.environments import Environments
from onbook.client.loaded import Confirmation
from onbook.client.loading import loaded
from onbook.client.releases import Fetched, Releases
from onbook.environments import Deployment
from onbook.errors import OnbookError, UsageError
from onbook.files import write_atomic


class Fetcher:
    """Releases of a remote; each question asks it anew."""

    def __init__(self, releases: Releases) -> None:
        self._releases = releases
        self._environments = Environments(releases)

    @property
    def url(self) -> str:
        """The remote's URL without secrets."""
        return self._releases.url

    def fetch(self, id: str, request: str = "*", prefix: str | None = None) -> Fetched:
        """Ask the remote for a release, verify it, and keep it in the cache.

        Raises:
            UsageError, IntegrityError, OnbookError: as :meth:`onbook.Book.get`.
        """
        return self._releases.fetch(id, request, prefix)

    def fetch_deployed(self, id: str, env: str) -> Fetched:
        """The stable release of an environment, asked of the remote.

        Raises:
            UsageError, IntegrityError, OnbookError: as :meth:`onbook.Book.get`.
        """
        found = self._environments.read(env, time.time())
        row = deployed(found.deployments, id, env, f"{self._releases.url} {found.commit[:12]}")
        fetched = self._releases.fetch(id, str(row.stable.version), found.prefix)
        require_digest(loaded(fetched, Confirmation()), row.stable.digest, env)
        return replace(fetched, notes=(*found.notes, *fetched.notes))

    def deployments(self, env: str) -> tuple[str, Mapping[str, Deployment]]:
        """The prefix of tags, and what an environment runs, asked of the remote."""
        found = self._environments.read(env, time.time())
        return found.prefix, found.deployments

    def fetch_locked(self, id: str, request: str, *, env: str | None = None) -> Fetched:
        """The version that the lock chose for a request, and no other.

        Args:
            env: the environment that the request names, if it does: the tags are where its configuration says.

        Raises:
            UsageError: the lock has no such request.
        """
        lock, url = self._releases.lock, self._releases.url
        locked = lock.requests.get((url, id, request))
        if locked is None:
            raise UsageError(
                f"the lock holds no choice for {id}@{request} from {url}",
                hint="fetch once without --frozen and commit the lock",
            )
        if (url, id, locked.version) not in lock.releases:
            raise UsageError(f"the lock chose {id} {locked.version} and does not say what that is")
        try:
            return self.fetch(id, locked.version)
        except UsageError:
            prefix = self.deployments(env)[0] if env is not None and self._releases.prefix is None else ""
            if not prefix:
                raise
        return self.fetch(id, locked.version, prefix)

    def kept(self, fetched: Fetched) -> Path:
        """The folder of the cache that has a release's files.

        Raises:
            OnbookError: they could not be kept.
        """
        self._releases.cache.store(fetched.release.digest, fetched.data)
        return fetched.folder

    def export(self, fetched: Fetched, out: Path) -> Path:
        """Write a release's files below a folder, each in one step, and return the folder.

        Raises:
            UsageError: a symbolic link stands where a folder or file would be written.
            OnbookError: a file cannot be written.
        """
        for path, data in fetched.data.items():
            target = out / path
            for part in (target, *target.parents):
                if part == out:
                    break
                if part.is_symlink():
                    raise UsageError("files are not written through a symbolic link", place=str(part))
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                write_atomic(target, data)
            except OSError as error:
                raise OnbookError(f"cannot be written: {error.strerror}", place=str(target)) from None
        return out
