"""``onbook.lock``: which releases an application has, as go.sum says which modules.

A *request* says which version was chosen for a range, used when frozen. A *release* says which tag object and digest
a version is, and is held against whatever is fetched, always: a tag that moved is an error.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TypeVar

from onbook.errors import IntegrityError, OnbookError, UsageError
from onbook.files import write_atomic

FILE = "onbook.lock"
VERSION = 1


@dataclass(frozen=True, slots=True, order=True)
class LockedRequest:
    """The version that was chosen for a range."""

    url: str
    id: str
    request: str
    version: str


@dataclass(frozen=True, slots=True, order=True)
class LockedRelease:
    """What a version is: its tag object, commit and digest."""

    url: str
    id: str
    version: str
    tag_object: str
    commit: str
    digest: str


@dataclass(slots=True)
class Lock:
    """The content of a lock file."""

    requests: dict[tuple[str, str, str], LockedRequest] = field(default_factory=dict)
    releases: dict[tuple[str, str, str], LockedRelease] = field(default_factory=dict)

    @staticmethod
    def read(path: Path) -> Lock:
        """The lock at ``path``; empty where there is none.

        Raises:
            UsageError: the file is no lock file, or one of a later version.
        """
        try:
            data = json.loads(path.read_bytes())
        except FileNotFoundError:
            return Lock()
        except (OSError, ValueError, RecursionError) as error:
            hint = "take it from git again; or delete it, fetch anew, and look at what changed"
            raise UsageError(f"this lock file cannot be read: {error}", place=str(path), hint=hint) from None
        if not isinstance(data, dict) or data.get("version") != VERSION:
            raise UsageError(
                f"this is no lock file of version {VERSION}", place=str(path), hint="fetch again with this onbook"
            )
        requests, releases = _rows(data, "requests", LockedRequest, path), _rows(data, "releases", LockedRelease, path)
        found = Lock()
        for request in requests:
            _once(found.requests, (request.url, request.id, request.request), request, path)
        for release in releases:
            _once(found.releases, (release.url, release.id, release.version), release, path)
        return found

    def check(self, found: LockedRelease, place: str) -> None:
        """Hold a release that was found against the lock.

        Raises:
            IntegrityError: the version is locked to another tag object or digest.
        """
        locked = self.releases.get((found.url, found.id, found.version))
        if locked is None or (locked.tag_object, locked.digest) == (found.tag_object, found.digest):
            return
        raise IntegrityError(
            f"{found.id} {found.version} is not what {FILE} says: its tag moved\n"
            f"  locked: tag object {locked.tag_object}, {locked.digest}\n"
            f"  found:  tag object {found.tag_object}, {found.digest}",
            place=place,
            hint="a release is never changed; ask who moved the tag, and only then delete the line from the lock",
        )

    def add(self, request: LockedRequest, release: LockedRelease) -> None:
        """Keep what was chosen, and what it is."""
        self.requests[request.url, request.id, request.request] = request
        self.releases[release.url, release.id, release.version] = release

    def write(self, path: Path) -> None:
        """Write the lock, sorted, in one step.

        Raises:
            OnbookError: it cannot be written.
        """
        data = {
            "version": VERSION,
            "requests": [asdict(row) for row in sorted(self.requests.values())],
            "releases": [asdict(row) for row in sorted(self.releases.values())],
        }
        try:
            write_atomic(path, (json.dumps(data, indent=2) + "\n").encode())
        except OSError as error:
            raise OnbookError(f"the lock cannot be written: {error.strerror}", place=str(path)) from None


Row = TypeVar("Row", LockedRequest, LockedRelease)


def _rows(data: dict[str, object], key: str, kind: type[Row], path: Path) -> list[Row]:
    """The rows of a list; keys that a later onbook may have added are passed over.

    Raises:
        UsageError: a row lacks a key, or holds something other than text.
    """
    rows = data.get(key)
    if not isinstance(rows, list):
        raise UsageError(f"{key!r} of this lock file is no list", place=str(path))
    names = [each.name for each in fields(kind)]
    for row in rows:
        if not isinstance(row, dict) or not all(isinstance(row.get(name), str) for name in names):
            told = f"a row of {key!r} in this lock file is wrong: it needs the texts {', '.join(names)}"
            raise UsageError(told, place=str(path), hint="restore the file from git, or delete the row and fetch again")
    return [kind(**{name: row[name] for name in names}) for row in rows]


def _once(rows: dict[tuple[str, str, str], Row], key: tuple[str, str, str], row: Row, path: Path) -> None:
    if rows.setdefault(key, row) != row:
        raise UsageError(
            f"two rows of this lock file say different things of {key[1]} {key[2]}",
            place=str(path),
            hint="a merge may have kept both; keep the right one",
        )
