"""Snapshots in memory, for tests."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from onbook.repo import Entry, Files
from onbook.repo.snapshot import SYMLINK


class _Linked(Files):
    """Files in memory, some of which are symbolic links."""

    def __init__(self, contents: Mapping[str, bytes], links: Collection[str]) -> None:
        super().__init__(contents)
        self._links = links

    def entries(self, folder: str) -> Mapping[str, Entry]:
        return {path: self._as_linked(entry) for path, entry in super().entries(folder).items()}

    def entry(self, path: str) -> Entry | None:
        found = super().entry(path)
        return found and self._as_linked(found)

    def _as_linked(self, entry: Entry) -> Entry:
        return Entry(entry.path, SYMLINK) if entry.path in self._links else entry


def files(contents: Mapping[str, str | bytes], links: Collection[str] = ()) -> Files:
    """A snapshot of these files; texts are stored as UTF-8."""
    raw = {path: text.encode() if isinstance(text, str) else text for path, text in contents.items()}
    return _Linked(raw, links)
