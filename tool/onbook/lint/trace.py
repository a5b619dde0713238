"""A snapshot that notes what is asked of it: what a finding depends on is known, not guessed.

One serves one prompt. Whoever asks for a file again gets the same bytes, so that no two rules see different ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from onbook.repo import Entry, Snapshot, SnapshotError

Identities = dict[str, str]


class Traced(Snapshot):
    """Another snapshot, and what was asked of it.

    Attributes:
        doubtful: something was asked whose answer has no identity; what depends on it must not be kept.
    """

    def __init__(self, inner: Snapshot) -> None:
        self.name = inner.name
        self.doubtful = False
        self._inner = inner
        self._seen: dict[str, str | None] = {}
        self._raw: dict[str, bytes] = {}
        self._entries: dict[str, Entry | None] = {}

    def asked(self) -> Identities:
        """Every path that was asked for, with its identity: of the bytes that were read, where they were.

        A path that ends in ``/`` is a folder that was listed.
        """
        found: Identities = {}
        for path, known in self._seen.items():
            identity = self._inner.identity(path) if known is None else known
            if identity is None:
                self.doubtful = True
            else:
                found[path] = identity
        return found

    def again(self) -> Snapshot:
        self.doubtful = True
        return self._inner.again()

    def entries(self, folder: str) -> Mapping[str, Entry]:
        self._seen[f"{folder}/"] = listing(self._inner, folder)
        return self._inner.entries(folder)

    def entry(self, path: str) -> Entry | None:
        if path in self._entries:
            return self._entries[path]
        found = self._entries[path] = self._inner.entry(path)
        if path not in self._seen:
            self._seen[path] = "" if found is None else None
        return found

    def identity(self, path: str) -> str | None:
        self.entry(path)
        return self._inner.identity(path)

    def read(self, path: str) -> bytes:
        if path in self._raw:
            return self._raw[path]
        entry = self.entry(path)
        try:
            raw = self._inner.read(path)
        except (SnapshotError, ValueError):
            # That there is nothing, or no regular file, is its identity; that a file could not be read is none.
            self.doubtful |= entry is not None and entry.is_regular
            raise
        assert entry
        self._seen[path] = self._inner.identity_of(entry, raw)
        self._raw[path] = raw
        return raw

    def _read(self, entry: Entry) -> bytes:
        return self.read(entry.path)


def listing(snapshot: Snapshot, folder: str) -> str:
    """The identity of a folder: of the names and modes of all that is below it."""
    lines = sorted(f"{entry.mode} {path}" for path, entry in snapshot.entries(folder).items())
    return hashlib.sha256("\0".join(lines).encode("utf-8", "surrogatepass")).hexdigest()
