"""``onbook.lock``: which releases an application has, as go.sum says which modules.

A *request* says which version was chosen for a range, used when frozen. A *release* says which tag object and digest
a version is, and is held against whatever is fetched, always: a tag that moved is an error.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from onbook.errors import IntegrityError, UsageError
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
            raise UsageError(f"this lock file cannot be read: {error}", place=str(path)) from None
        if not isinstance(data, dict) or data.get("version") != VERSION:
            raise UsageError(
                f"this is no lock file of version {VERSION}", place=str(path), hint="fetch again with this onbook"
            )
        try:
            requests = [LockedRequest(**row) for row in data.get("requests", [])]
            releases = [LockedRelease(**row) for row in data.get("releases", [])]
        except TypeError as error:
            raise UsageError(f"a row of this lock file is wrong: {error}", place=str(path)) from None
        return Lock(
            {(row.url, row.id, row.request): row for row in requests},
            {(row.url, row.id, row.version): row for row in releases},
        )

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
        """Write the lock, sorted, in one step."""
        data = {
            "version": VERSION,
            "requests": [asdict(row) for row in sorted(self.requests.values())],
            "releases": [asdict(row) for row in sorted(self.releases.values())],
        }
        write_atomic(path, (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode())
