"""A repository of prompts, opened: what every kind of book can do."""

from __future__ import annotations

from collections.abc import Mapping

# Imported for their names in annotations, which frameworks ask for with typing.get_type_hints. All books need them.
from onbook.client.failures import Failure
from onbook.client.loaded import LoadedPrompt


class Book:
    """A repository of prompts, opened. One book serves all threads of a process, and survives a fork."""

    def get(self, id: str, request: str = "*", *, env: str | None = None, key: str | int | None = None) -> LoadedPrompt:
        """One prompt, fetched if it has to be.

        Args:
            id: ``support/triage``.
            request: ``1.4.0`` (exact), ``^1.4`` (same contract), ``~1.4`` (same behaviour) or ``*`` (any release).
            env: instead of a version, the environment that says which: ``production``.
            key: the caller's value of the canary's key, a user's id say: the same value gets the same release. Without
                it the stable release.

        Raises:
            UsageError: there is no such prompt or environment, or no release that fits.
            IntegrityError: what was found is not what the tag, the lock or the environment says.
            StaleError: what is known is older than ``max_stale``, and the remote cannot be asked.
            OnbookError: the remote cannot be asked, and nothing is known.
        """
        raise NotImplementedError

    async def aget(
        self, id: str, request: str = "*", *, env: str | None = None, key: str | int | None = None
    ) -> LoadedPrompt:
        """As :meth:`get`; what has to be waited for is waited for in a thread."""
        import asyncio

        return await asyncio.to_thread(self.get, id, request, env=env, key=key)

    def refresh(self) -> Mapping[str, Failure]:
        """Ask now for everything that was asked for so far, and return what failed; see :attr:`failures`.

        Raises nothing for what a remote does: a failure is told, and what is known is served on.
        """
        return {}

    async def arefresh(self) -> Mapping[str, Failure]:
        """As :meth:`refresh`, in a thread."""
        import asyncio

        return await asyncio.to_thread(self.refresh)

    @property
    def failures(self) -> Mapping[str, Failure]:
        """What could not be refreshed when it was tried last, by what was asked for: ``support/triage@^1.4``."""
        return {}


def require_one(request: str, env: str | None, key: str | int | None) -> None:
    """Refuse a version and an environment at once, and a key that nothing would be routed by.

    Raises:
        UsageError: both are given, or a key without an environment.
    """
    from onbook.errors import UsageError

    if env is not None and request != "*":
        raise UsageError(f"a version ({request}) and an environment ({env}) exclude each other")
    if env is None and key is not None:
        raise UsageError("key= decides who gets an environment's canary, and needs env=")
