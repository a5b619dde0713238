"""Released prompts of a remote, as an application gets them: from memory, the cache, the remote, or the bundle.

An exact version is fetched once and never asked for again. A range or an environment is served from memory within
``ttl``; then it is served stale while one thread asks again; beyond ``max_stale`` it is an error.
"""

from __future__ import annotations

import contextlib
import os
import time
import weakref
from collections.abc import Collection, Mapping
from dataclasses import replace

from onbook.client.asking import Asking
from onbook.client.book import Book, require_one
from onbook.client.bundle import Bundle, deployed, require_digest
from onbook.client.failures import Failure, Failures
from onbook.client.fetcher import Fetcher
from onbook.client.flights import Flights
from onbook.client.loaded import Confirmation, LoadedPrompt
from onbook.client.loading import loaded
from onbook.client.memory import Held, Routes
from onbook.client.refresher import Job, Refresher, told
from onbook.client.releases import Fetched, Releases
from onbook.errors import IntegrityError, OnbookError, UsageError
from onbook.prompt import require_id
from onbook.versions import Range

# What could not be refreshed is tried again after so long, or after ttl where that is shorter.
_RETRY = 30.0


class RemoteBook(Fetcher, Book):
    """Released prompts of a remote; see :func:`onbook.open`."""

    def __init__(self, releases: Releases, *, ttl: float, max_stale: float, bundle: Bundle | None) -> None:
        super().__init__(releases)
        self._ttl = ttl
        self._max_stale = max_stale
        self._pinned: dict[tuple[str, str], LoadedPrompt] = {}
        self._prefixes: dict[tuple[str, str], str | None] = {}
        self._held: dict[tuple[str, str], Held] = {}
        self._routes: dict[str, Routes] = {}
        self._failures = Failures()
        self._flights = Flights()
        self._refresher = Refresher(self._refresh, self._failures, min(ttl, _RETRY))
        self._remote = Asking(releases.access.timeout, max_stale, bundle)
        _BOOKS.add(self)

    def get(self, id: str, request: str = "*", *, env: str | None = None, key: str | int | None = None) -> LoadedPrompt:
        """A released prompt; see :meth:`Book.get`."""
        # The way that is taken a million times a day first.
        if env is None and key is None:
            found = self._pinned.get((id, request))
            if found is not None:
                return found
        found = self._warm(id, request, env, key)
        if found is not None:
            return found
        require_one(request, env, key)
        return self._range(id, request) if env is None else self._deployed(id, env, key)

    async def aget(
        self, id: str, request: str = "*", *, env: str | None = None, key: str | int | None = None
    ) -> LoadedPrompt:
        """As :meth:`get`; a thread is taken only where the remote or the cache is asked."""
        found = self._warm(id, request, env, key)
        return found if found is not None else await super().aget(id, request, env=env, key=key)

    def _warm(  # noqa: PLR0911 each way out is a question less
        self, id: str, request: str, env: str | None, key: str | int | None
    ) -> LoadedPrompt | None:
        """What memory has and may serve; nobody is waited for."""
        if env is None:
            if key is not None:
                return None
            found = self._pinned.get((id, request))
            held = self._held.get((id, request)) if found is None else None
            if held is None or not self._usable(held.confirmed.age, held.shipped, ("range", id, request)):
                return found
            return held.prompt
        routes = self._routes.get(env) if request == "*" else None
        if routes is None:
            return None
        age = time.monotonic() - routes.confirmed.at
        if age >= self._ttl and not self._usable(age, routes.shipped, ("environment", env)):
            return None
        row = routes.deployments.get(id)
        if row is None:
            return None
        canary = key is not None and row.canary is not None and row.choose(id, str(key)) is not row.stable
        return routes.loaded.get((id, canary))

    def refresh(self) -> Mapping[str, Failure]:
        """Ask now for everything that was asked for so far; see :meth:`Book.refresh`.

        Exact versions are asked for as well: whether they were withdrawn, and whether their tags moved, is found out.
        """
        self._remote.forget()
        jobs: list[Job] = [("environment", name) for name in list(self._routes)]
        jobs += [("range", *key) for key in list(self._held)]
        jobs += [("exact", *key) for key in list(self._pinned)]
        for job in jobs:
            try:
                self._refresh(job, since=time.time())
            except OnbookError as error:
                self._failures.add(told(job), error)
            else:
                self._failures.clear(told(job))
        return self.failures

    @property
    def failures(self) -> Mapping[str, Failure]:
        """What could not be refreshed; see :attr:`Book.failures`."""
        return dict(self._failures.present)

    # Ranges and exact versions.

    def _range(self, id: str, request: str) -> LoadedPrompt:
        held = self._held.get((id, request))
        if held is not None and self._usable(held.confirmed.age, held.shipped, ("range", id, request)):
            return held.prompt
        return self._flights.share(("range", id, request), lambda: self._first(id, request))

    def _usable(self, age: float, shipped: bool, job: Job) -> bool:
        """Whether something of this age may be served; what is stale is asked for again meanwhile."""
        if age < self._ttl:
            return True
        if age > self._max_stale and not shipped:
            return False
        self._refresher.ask(job, soon=job[0] == "environment")
        return True

    def _first(self, id: str, request: str) -> LoadedPrompt:
        require_id(id)
        if Range.parse(request).exact:
            return self._pin(id, request)
        job = ("range", id, request)
        known = self._releases.known(id, request)
        if known is not None and self._usable(known.age, False, job):
            return self._hold(id, request, known.fetched, known.age)
        try:
            resolved = self._remote.ask(lambda: self._releases.resolve(id, request, time.time() - self._ttl))
        except OnbookError as error:
            age = known.age if known is not None else None
            held = self._held.get((id, request))
            age = held.confirmed.age if held is not None and not held.shipped else age
            bundle = self._remote.instead(error, age)
            packed = bundle.find(id, request) if bundle else None
            if packed is not None and bundle:
                prompt = bundle.load(packed, self._releases.policy, self._releases.signers)
                self._held[id, request] = Held(prompt, shipped=True)
                self._failures.add(told(job), error)
                return prompt
            raise self._remote.too_old(error, age, told(job)) from error
        self._failures.clear(told(job))
        return self._hold(id, request, resolved.fetched, resolved.age)

    def _hold(self, id: str, request: str, fetched: Fetched, age: float) -> LoadedPrompt:
        prompt = loaded(fetched, Confirmation(age))
        self._held[id, request] = Held(prompt)
        return prompt

    def _pin(self, id: str, version: str, prefix: str | None = None) -> LoadedPrompt:
        """An exact version, for ever."""
        known = self._pinned.get((id, version))
        if known is not None:
            return known
        try:
            found = self._releases.cached(id, version, prefix)
            if found is None:
                found = self._remote.ask(lambda: self._releases.exact(id, version, prefix))
            prompt = loaded(found, Confirmation())
        except OnbookError as error:
            bundle = self._remote.instead(error, None)
            packed = bundle.find(id, version) if bundle else None
            if packed is None or not bundle:
                raise
            release = replace(packed.release, url=self._releases.url)
            if release.tag_object:
                self._releases.lock.check(release, packed.tag)
            prompt = bundle.load(packed, self._releases.policy, self._releases.signers)
        self._prefixes[id, version] = prefix
        self._pinned[id, version] = prompt
        return prompt

    # Environments.

    def _deployed(self, id: str, env: str, key: str | int | None) -> LoadedPrompt:
        routes = self._routes.get(env)
        if routes is None or not self._usable(routes.confirmed.age, routes.shipped, ("environment", env)):
            routes = self._flights.share(("environment", env), lambda: self._first_routes(env))
        return self._target(routes, id, None if key is None else str(key))

    def _first_routes(self, env: str) -> Routes:
        job = ("environment", env)
        known = self._environments.known(env)
        if known is not None and self._usable(known.age, False, job):
            found = known
        else:
            try:
                found = self._remote.ask(lambda: self._environments.read(env, time.time() - self._ttl))
            except OnbookError as error:
                age = known.age if known is not None else None
                bundle = self._remote.instead(error, age)
                if bundle and env in bundle.environments:
                    shipped = Routes(
                        env, bundle.environments[env], "", bundle.place, Confirmation(bundle.age), shipped=True
                    )
                    self._routes[env] = shipped
                    self._failures.add(told(job), error)
                    return shipped
                raise self._remote.too_old(error, age, f"environment {env}") from error
            self._failures.clear(told(job))
        place = f"{self._releases.url} {found.commit[:12]}"
        confirmed = Confirmation(found.age)
        routes = Routes(env, found.deployments, found.prefix, place, confirmed, found.notes)
        self._routes[env] = routes
        return routes

    def _target(self, routes: Routes, id: str, key: str | None) -> LoadedPrompt:
        row = deployed(routes.deployments, id, routes.name, routes.place)
        target = row.choose(id, key)
        canary = target is not row.stable
        found = routes.loaded.get((id, canary))
        if found is None:
            prompt = self._flights.share(
                ("release", id, str(target.version)), lambda: self._pin(id, str(target.version), routes.prefix)
            )
            require_digest(prompt, target.digest, routes.name)
            found = self._load(routes, id, canary, prompt)
            if (id, canary) in routes.refused:
                routes.refused.discard((id, canary))
                if (id, not canary) not in routes.refused:
                    self._failures.clear(f"{id}@{routes.name}")
        return found

    def _load(self, routes: Routes, id: str, canary: bool, prompt: LoadedPrompt) -> LoadedPrompt:
        found = replace(prompt, notes=(*prompt.notes, *routes.notes), _confirmed=routes.confirmed)
        routes.loaded[id, canary] = found
        return found

    # Asking again.

    def _refresh(self, job: Job, since: float | None = None) -> None:
        """Do one job of the refresher."""
        kind, *rest = job
        asked = since if since is not None else time.time() - self._ttl
        if kind == "environment":
            self._refresh_environment(rest[0], asked)
        elif kind == "range":
            self._refresh_range(rest[0], rest[1], asked)
        else:
            self._refresh_exact(rest[0], rest[1])

    def _refresh_range(self, id: str, request: str, since: float) -> None:
        resolved = self._releases.resolve(id, request, since)
        held, release = self._held.get((id, request)), resolved.fetched.release
        same = held is not None and (held.prompt.digest, held.prompt.version) == (release.digest, release.version)
        if held is not None and same and not held.shipped:
            held.confirmed.at = time.monotonic() - resolved.age
        else:
            self._hold(id, request, resolved.fetched, resolved.age)

    def _refresh_environment(self, env: str, since: float) -> None:
        found = self._environments.read(env, since)
        old = self._routes.get(env)
        if old is not None and not old.shipped and old.deployments == found.deployments:
            old.confirmed.at = time.monotonic() - found.age
            self._prepare(old, list(old.refused))
            return
        place = f"{self._releases.url} {found.commit[:12]}"
        new = Routes(env, found.deployments, found.prefix, place, Confirmation(found.age), found.notes)
        if old is not None:
            self._prepare(new, list(dict.fromkeys([*old.loaded, *old.refused])))
        self._routes[env] = new

    def _prepare(self, routes: Routes, wanted: Collection[tuple[str, bool]]) -> None:
        """Fetch what is in use before anybody is sent there, here, where nobody waits for it."""
        refused: dict[str, OnbookError] = {}
        for id, canary in wanted:
            row = routes.deployments.get(id)
            target = None if row is None else row.canary if canary else row.stable
            if target is None:
                routes.refused.discard((id, canary))
                continue
            try:
                prompt = self._pin(id, str(target.version), routes.prefix)
                require_digest(prompt, target.digest, routes.name)
            except (UsageError, IntegrityError) as error:
                # One prompt that is refused holds back no other: whoever asks for it is told.
                refused.setdefault(id, error)
                routes.refused.add((id, canary))
                continue
            self._load(routes, id, canary, prompt)
            routes.refused.discard((id, canary))
        for id in {id for id, _ in wanted}:
            told = f"{id}@{routes.name}"
            if id in refused:
                self._failures.add(told, refused[id])
            else:
                self._failures.clear(told)

    def _refresh_exact(self, id: str, version: str) -> None:
        known = self._pinned[id, version]
        fetched = self._releases.fetch(id, version, self._prefixes.get((id, version)))
        if fetched.release.digest != known.digest:
            raise IntegrityError(
                f"{id} {version} is not what it was: expected {known.digest}, found {fetched.release.digest}",
                place=fetched.tag,
            )
        self._pinned[id, version] = loaded(fetched, Confirmation())

    def _forked(self) -> None:
        """In a child: nobody here does what other threads of the parent were doing."""
        self._flights.reset()
        self._refresher.reset()


_BOOKS: weakref.WeakSet[RemoteBook] = weakref.WeakSet()


def _forked() -> None:
    for book in list(_BOOKS):
        with contextlib.suppress(AttributeError):
            book._forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
