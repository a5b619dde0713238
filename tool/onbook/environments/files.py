"""Environments: files in git that say which release of each prompt runs where, and who gets a canary.

``prompts/_environments/production.yml``, published as schemas/environment.schema.json::

    support/triage:
      stable: {version: 1.4.0, digest: "sha256:..."}
      canary: {version: 1.5.0, digest: "sha256:...", weight: 10, key: user_id, salt: a1}
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from onbook.errors import OnbookError, UsageError
from onbook.formats import is_bare, read_yaml
from onbook.patterns import later
from onbook.project.shapes import contract, shape_problems
from onbook.repo import Snapshot, SnapshotError
from onbook.report import Problem
from onbook.versions import Version

FOLDER = "_environments"
SUFFIX = ".yml"

BUCKETS = 10_000
"""Callers are dealt to so many, so that a weight resolves hundredths of a per cent."""

_NAME = later(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Target:
    """One release, by version and by the digest that its tag must state (``sha256:<hex>``)."""

    version: Version
    digest: str


@dataclass(frozen=True, slots=True)
class Canary(Target):
    """A release that a share of the callers gets while it ramps.

    Attributes:
        weight: per cent of the callers, 0 to 100.
        key: the name of the caller's attribute whose value decides; salt: deals the callers anew.
    """

    weight: float
    key: str
    salt: str

    def takes(self, id: str, value: str) -> bool:
        """Whether a caller gets the canary. Raising the weight takes more of them and lets none go."""
        return bucket(self.salt, id, value) < round(self.weight * BUCKETS / 100)


@dataclass(frozen=True, slots=True)
class Deployment:
    """What one environment runs of one prompt."""

    stable: Target
    canary: Canary | None = None

    def choose(self, id: str, value: str | None) -> Target:
        """The release for one caller, by the value of the canary's key; without one it is stable."""
        if self.canary is not None and value is not None and self.canary.takes(id, value):
            return self.canary
        return self.stable

    def data(self) -> dict[str, Any]:
        """As the file has it."""
        found: dict[str, Any] = {"stable": _target_data(self.stable)}
        if self.canary is not None:
            weight = int(self.canary.weight) if self.canary.weight == int(self.canary.weight) else self.canary.weight
            rest = {"weight": weight, "key": self.canary.key, "salt": self.canary.salt}
            found["canary"] = {**_target_data(self.canary), **rest}
        return found


def bucket(salt: str, id: str, value: str) -> int:
    """Where a caller falls, 0 to 9999: sha256 over salt, prompt and value, each after its length, mod 10,000.

    A length is eight bytes, big end first, and counts bytes of UTF-8: no two different triples are the same bytes.
    """
    hashed = _begun(salt, id).copy()
    hashed.update(_part(value))
    return int.from_bytes(hashed.digest(), "big") % BUCKETS


@lru_cache(maxsize=4096)
def _begun(salt: str, id: str) -> hashlib._Hash:
    """The hash of what all callers of one canary have in common: it is routed for each call of an application."""
    return hashlib.sha256(_part(salt) + _part(id))


def _part(text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    return len(data).to_bytes(8, "big") + data


def path_of(prompts: str, name: str) -> str:
    """The file of an environment from the repository's root.

    Args:
        prompts: the folder of the prompts.

    Raises:
        UsageError: the name is no legal one.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name of an environment", hint="use a-z, 0-9, _ and -, as in production or eu-west"
        )
    return f"{prompts}/{FOLDER}/{name}{SUFFIX}"


def names(snapshot: Snapshot, prompts: str) -> list[str]:
    """The environments that a snapshot has, sorted."""
    folder = f"{prompts}/{FOLDER}"
    found = (path.removeprefix(f"{folder}/") for path in snapshot.entries(folder))
    return sorted(name.removesuffix(SUFFIX) for name in found if name.endswith(SUFFIX) and "/" not in name)


def parse(raw: bytes, path: str) -> tuple[dict[str, Deployment], list[Problem]]:
    """What an environment's file says, by prompt, or what is wrong with it. A file of comments runs nothing."""
    if is_bare(raw):
        return {}, []
    document, problems = read_yaml(raw, path)
    if document is None or problems:
        return {}, list(problems)
    if found := shape_problems(contract("environment"), document):
        return {}, found
    assert isinstance(document.data, Mapping)
    try:
        return deployments(document.data), []
    except UsageError as error:
        return {}, [Problem("wrong-shape", error.message, path, hint=error.hint)]


class Versions:
    """Reads one environment's file as it was at many times: a row that was read once is not read again.

    A file whose rows stand one below the other, each from the beginning of a line, is read row by row. A row that is
    a whole mapping by itself means the same among others, whatever they are. Any other file is read as a whole.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._rows: dict[bytes, tuple[str, Deployment] | None] = {}

    def parse(self, raw: bytes) -> dict[str, Deployment]:
        """As :func:`parse`; nothing where something is wrong."""
        found = self._by_rows(raw)
        return parse(raw, self._path)[0] if found is None else found

    def _by_rows(self, raw: bytes) -> dict[str, Deployment] | None:
        starts = [row.start() for row in _ROW.finditer(raw)]
        if not starts or not raw.endswith(b"\n") or _NO_ROW.search(raw) or not _HEADER.fullmatch(raw, 0, starts[0]):
            return None
        rows = [raw[start:end] for start, end in zip(starts, [*starts[1:], len(raw)], strict=True)]
        for row in rows:
            if row not in self._rows:
                found, problems = parse(row, self._path)
                self._rows[row] = None if problems or len(found) != 1 else next(iter(found.items()))
        items = [item for row in rows if (item := self._rows[row]) is not None]
        ids = dict(items)
        return ids if len(ids) == len(rows) else None


# What begins a row, and what begins a line and is neither that nor a comment nor within a row.
_ROW = later(rb"^[a-z0-9][a-z0-9_/-]*:", re.MULTILINE)
_HEADER = later(rb"(?:#[ -~\t]*\n|\n)*")  # plain comments: what else is a line end to YAML is no ASCII
_NO_ROW = later(rb"^(?![a-z0-9][a-z0-9_/-]*:|[# \n])[\s\S]", re.MULTILINE)


def read(snapshot: Snapshot, prompts: str, name: str) -> dict[str, Deployment]:
    """What an environment runs, by prompt; nothing where there is no such file.

    Raises:
        UsageError: the name is no legal one, or the file has faults; the first is told.
    """
    path = path_of(prompts, name)
    if snapshot.entry(path) is None:
        return {}
    try:
        raw = snapshot.read(path)
    except SnapshotError as error:
        raise OnbookError(error.message, place=path) from None
    found, problems = parse(raw, path)
    if problems:
        raise UsageError(problems[0].message, place=problems[0].place, hint=problems[0].hint)
    return found


def deployments(data: Mapping[str, Mapping[str, Any]]) -> dict[str, Deployment]:
    """What an environment runs, by prompt, from data that fits its schema.

    Raises:
        UsageError: a version that is none.
    """
    return {id: _deployment(row) for id, row in data.items()}


def data_of(found: Mapping[str, Deployment]) -> dict[str, Any]:
    """As a bundle has an environment."""
    return {id: deployment.data() for id, deployment in sorted(found.items())}


def _deployment(row: Mapping[str, Any]) -> Deployment:
    stable, canary = row["stable"], row.get("canary")
    return Deployment(
        Target(Version.parse(stable["version"]), stable["digest"]),
        canary
        and Canary(
            Version.parse(canary["version"]),
            canary["digest"],
            float(canary["weight"]),
            canary["key"],
            canary["salt"],
        ),
    )


def _target_data(target: Target) -> dict[str, Any]:
    return {"version": str(target.version), "digest": target.digest}
