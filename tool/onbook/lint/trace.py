"""A snapshot that notes what is asked of it: what a finding depends on is known, not guessed.

One serves one prompt. Whoever asks for a file again gets the same bytes, so that no two rules see different ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import NamedTuple

from onbook.repo import Entry, Snapshot, SnapshotError

_SHARED_FILE = 64 * 1024
_SHARED_BYTES = 16 * 1024 * 1024


class Asked(NamedTuple):
    """What was asked of a snapshot for one prompt.

    Attributes:
        identities: by path, of the bytes that were read where they were. A path that ends in ``/`` is a folder that was
            listed.
        absent: of files that might stand beside the prompt and do not, what follows its stem.
    """

    identities: dict[str, str]
    absent: tuple[str, ...] = ()


class Shared:
    """Files that many prompts read, such as partials and schemas: they are read once in a process."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[bytes, str]] = {}
        self._size = 0

    def get(self, path: str) -> tuple[bytes, str] | None:
        """The bytes and the identity of a file, if they are known."""
        return self._known.get(path)

    def add(self, path: str, raw: bytes, identity: str) -> None:
        """Remember a file, unless it is large or they are many."""
        if len(raw) <= _SHARED_FILE and self._size + len(raw) <= _SHARED_BYTES:
            self._known[path] = raw, identity
            self._size += len(raw)


class Traced(Snapshot):
    """Another snapshot, and what was asked of it.

    Args:
        own: what the paths begin with that no other prompt reads.
        shared: files that others may have read before.

    Attributes:
        doubtful: something was asked whose answer has no identity; what depends on it must not be kept.
    """

    remembers = True

    def __init__(self, inner: Snapshot, own: str, shared: Shared) -> None:
        self.name = inner.name
        self.doubtful = False
        self._inner = inner
        self._own = own
        self._shared = shared
        self._seen: dict[str, str | None] = {}
        self._raw: dict[str, bytes] = {}
        self._entries: dict[str, Entry | None] = {}
        self._absent: tuple[str, ...] = ()

    def asked(self) -> Asked:
        """Everything that was asked for."""
        found: dict[str, str] = {}
        for path, known in self._seen.items():
            identity = self._inner.identity(path) if known is None else known
            if identity is None:
                self.doubtful = True
            else:
                found[path] = identity
        return Asked(found, self._absent)

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

    def standing(self, beginning: str, endings: Collection[str]) -> list[str]:
        found = self._inner.standing(beginning, endings)
        absent = _without(tuple(endings), tuple(found))
        if beginning == self._own and not self._absent:
            self._absent = absent  # as one: they are the same for nearly all prompts
        else:
            self._seen.update((beginning + ending, "") for ending in absent)
        for ending in found:
            self._seen.setdefault(beginning + ending, None)
        return found

    def identity(self, path: str) -> str | None:
        self.entry(path)
        return self._inner.identity(path)

    def read(self, path: str) -> bytes:
        raw = self._raw.get(path)
        if raw is not None:
            return raw
        if known := self._shared.get(path):
            self._raw[path], self._seen[path] = known
            return known[0]
        entry = self.entry(path)
        try:
            raw = self._inner.read(path)
        except (SnapshotError, ValueError):
            # That there is nothing, or no regular file, is its identity; that a file could not be read is none.
            self.doubtful |= entry is not None and entry.is_regular
            raise
        assert entry
        identity = self._inner.identity_of(entry, raw)
        self._seen[path] = identity
        self._raw[path] = raw
        if not path.startswith(self._own):
            self._shared.add(path, raw, identity)
        return raw

    def _read(self, entry: Entry) -> bytes:
        return self.read(entry.path)


@lru_cache(maxsize=64)
def _without(endings: tuple[str, ...], found: tuple[str, ...]) -> tuple[str, ...]:
    """What does not stand beside a prompt: one list of endings serves all prompts beside which the same stands."""
    return tuple([ending for ending in endings if ending not in found])


def listing(snapshot: Snapshot, folder: str) -> str:
    """The identity of a folder: of the names and modes of all that is below it."""
    lines = sorted(f"{entry.mode} {path}" for path, entry in snapshot.entries(folder).items())
    return hashlib.sha256("\0".join(lines).encode("utf-8", "surrogatepass")).hexdigest()
