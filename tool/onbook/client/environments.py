"""What an environment runs, as its file says at the tip of the remote's branch."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onbook.client.releases import Releases, age_of
from onbook.environments import Deployment, parse, path_of
from onbook.errors import IntegrityError, OnbookError, UsageError
from onbook.repo import Files
from onbook.repo.access import Deadline
from onbook.repo.fetching import DEPTHS, RemoteTip, full_ref

if TYPE_CHECKING:
    from onbook.project import Config

_HEAD = "HEAD"


@dataclass(frozen=True, slots=True)
class Environment:
    """What an environment runs.

    Attributes:
        commit: the tip that said so; prefix: what the repository puts before release tags.
        age: seconds since the remote was asked; notes: what went otherwise than it should have.
    """

    name: str
    commit: str
    prefix: str
    deployments: Mapping[str, Deployment]
    age: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was seen last: a tip, and the files that were read of it by path, as blob id and text.

    ``head`` is the commit of the remote's HEAD, which says on what branch environments stand.
    """

    ref: str
    tip: str
    head: str
    at: float
    path: str
    prefix: str
    files: Mapping[str, tuple[str, str]]

    def data(self) -> dict[str, object]:
        files = {path: list(pair) for path, pair in self.files.items()}
        return {**{name: getattr(self, name) for name in _TEXTS}, "at": self.at, "files": files}

    @staticmethod
    def of(data: Mapping[str, object] | None) -> _Seen | None:
        """From what the cache kept, whatever that is."""
        if data is None or not isinstance(data.get("at"), float) or not isinstance(files := data.get("files"), dict):
            return None
        texts = {name: data.get(name) for name in _TEXTS}
        pairs = {path: tuple(pair) for path, pair in files.items() if isinstance(pair, list) and len(pair) == 2}
        if not all(isinstance(text, str) for text in (*texts.values(), *(x for pair in pairs.values() for x in pair))):
            return None
        return _Seen(**texts, at=data["at"], files=pairs)  # type: ignore[arg-type]


_TEXTS = ("ref", "tip", "head", "path", "prefix")


class Environments:
    """The environments of one remote; the tip that was seen last is kept, so that none before it is believed."""

    def __init__(self, releases: Releases) -> None:
        self._releases = releases
        self._seen: dict[str, _Seen] = {}

    def known(self, name: str) -> Environment | None:
        """What the cache knows of an environment, however old."""
        seen = self._last(name)
        age = age_of(seen.at) if seen is not None else None
        return _environment(name, seen, age) if seen is not None and age is not None else None

    def read(self, name: str, since: float) -> Environment:
        """An environment: as the cache knows it, if the remote was asked since then, else as the remote says.

        Args:
            since: seconds since 1970.

        Raises:
            UsageError: there is none of that name, or its file has faults.
            IntegrityError: the tip does not descend from the one that was seen last.
            OnbookError: the remote cannot be asked.
        """
        path_of("prompts", name)
        told = lambda: self._releases.told_since(self._key(name), since)  # noqa: E731 asked while it waits
        with self._releases.alone("environment", name, until=told) as deadline:
            found = self.known(name)
            if found is not None and time.time() - found.age >= since:
                return found
            began = time.time()
            seen, notes = self._ask(name, self._last(name), began, deadline)
            self._seen[name] = seen
            with contextlib.suppress(OnbookError):
                self._releases.cache.keep_state(self._key(name), seen.data())
        return _environment(name, seen, max(0.0, time.time() - began), notes)

    def _ask(self, name: str, last: _Seen | None, began: float, deadline: Deadline) -> tuple[_Seen, tuple[str, ...]]:
        from onbook.project.config import FILE, PYPROJECT  # which whoever asks for versions alone need not import

        access = self._releases.access
        known = {oid: text.encode() for oid, text in last.files.values()} if last else {}
        with RemoteTip(access, _HEAD, deadline) as head:
            files = dict(last.files) if last and last.head == head.commit else _files(head, name, "prompts", known)
            config = _config(files)
            ref = config.environments_ref or _HEAD
            path = path_of(config.prompts, name)
            prefix = config.tag_prefix
            notes = list(head.notes)
            if full_ref(ref) == _HEAD:
                self._require_forward(head, last, ref, name)
                if path not in files:
                    files |= _files(head, name, config.prompts, known)
                notes = list(head.notes)
                seen = _Seen(ref, head.commit, head.commit, began, path, prefix, files)
            else:
                with RemoteTip(access, ref, deadline) as tip:
                    self._require_forward(tip, last, ref, name)
                    same = last is not None and last.tip == tip.commit and last.path == path
                    found = last.files if same and last else _files(tip, name, config.prompts, known)
                    kept = {key: pair for key, pair in files.items() if key in (FILE, PYPROJECT)}
                    files = {**{key: pair for key, pair in found.items() if key not in (FILE, PYPROJECT)}, **kept}
                    notes += tip.notes
                    seen = _Seen(ref, tip.commit, head.commit, began, path, prefix, files)
        if path not in seen.files:
            hint = f"`onbook deploy {name} ID VERSION` makes it; commit and push"
            if name == "latest":
                hint = f"the newest release is *, which is what is fetched where nothing is asked for; or {hint}"
            raise UsageError(
                f"there is no environment {name}: the tip {seen.tip[:12]} has no {path}",
                place=access.shown,
                hint=hint,
            )
        _environment(name, seen, 0.0)
        return seen, tuple(notes)

    def _require_forward(self, tip: RemoteTip, last: _Seen | None, ref: str, name: str) -> None:
        """Refuse a tip that does not descend from the one seen last: somebody took deployments back unseen."""
        if last is None or last.ref != ref:
            return
        descends = tip.descends_from(last.tip)
        if descends:
            return
        where = self._releases.cache.state_path(self._key(name))
        hint = f"if the history was rewritten on purpose, delete {where} and start again"
        place = f"{self._releases.url} {ref}"
        if descends is None:
            raise OnbookError(
                f"whether this tip comes after the last one could not be checked within {DEPTHS[-1]:,} commits\n"
                f"  last:  {last.tip}\n  found: {tip.commit}",
                place=place,
                hint=hint,
            )
        raise IntegrityError(
            "the tip went backwards: it does not descend from the last one seen\n"
            f"  expected: a descendant of {last.tip}\n  found:    {tip.commit}",
            place=place,
            hint=hint,
        )

    def _last(self, name: str) -> _Seen | None:
        kept, own = _Seen.of(self._releases.cache.state(self._key(name))), self._seen.get(name)
        return max((each for each in (kept, own) if each is not None), key=lambda seen: seen.at, default=None)

    def _key(self, name: str) -> tuple[str, ...]:
        return ("environment", self._releases.url, name)


def _files(tip: RemoteTip, name: str, prompts: str, known: Mapping[str, bytes]) -> dict[str, tuple[str, str]]:
    """The configuration and the environment's file."""
    from onbook.project.config import FILE, PYPROJECT

    found = tip.files([FILE, PYPROJECT, path_of(prompts, name)], known)
    return {path: (oid, data.decode("utf-8", "replace")) for path, (oid, data) in found.items()}


def _config(files: Mapping[str, tuple[str, str]]) -> Config:
    from onbook.project.config import FILE, PYPROJECT, Config

    return Config.load(Files({path: files[path][1].encode() for path in (FILE, PYPROJECT) if path in files}, "tip"))


def _environment(name: str, seen: _Seen, age: float, notes: tuple[str, ...] = ()) -> Environment:
    text = seen.files.get(seen.path, ("", ""))[1]
    found, problems = parse(text.encode(), seen.path)
    if problems:
        place = f"{seen.tip[:12]}:{problems[0].place}"
        raise UsageError(
            f"the environment {name} has a fault: {problems[0].message}", place=place, hint=problems[0].hint
        )
    return Environment(name, seen.tip, seen.prefix, found, age, notes)
