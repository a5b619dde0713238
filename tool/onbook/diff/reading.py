"""Many prompts of one commit, read for their closures alone: their bytes in one go, and what they share once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from onbook.project.load import load_prompt
from onbook.project.named import named_files
from onbook.repo import Repository, Snapshot, SnapshotError
from onbook.repo.snapshot import Entry

_AT_ONCE = 200  # prompts whose bytes are held
_MOST_SHARED = 32 * 1024 * 1024  # bytes of partials, schemas and examples that are kept for the next prompt


def closures(repo: Repository, snapshot: Snapshot, paths: Sequence[str], folder: str) -> Iterator[list[str] | None]:
    """The files of each prompt's closure, in order; None where it has problems, and its closure is not known.

    Args:
        paths: files of prompts below ``folder``.
    """
    ahead, left = _Ahead(snapshot), iter(paths)
    while some := list(islice(left, _AT_ONCE)):
        ahead.hold(repo, some)
        for path in some:
            if (named := ahead.named(path, folder)) is not None:
                yield named
                continue
            loaded = load_prompt(ahead, path, folder)
            yield None if loaded.problems else [file.path for file in loaded.files]


class _Ahead(Snapshot):
    """A snapshot of which some files are in memory already."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.name = snapshot.name
        self._snapshot = snapshot
        self._held: dict[str, bytes] = {}
        self._shared: dict[str, bytes] = {}
        self._left = _MOST_SHARED

    def hold(self, repo: Repository, paths: Sequence[str]) -> None:
        """Read these files, and forget the last ones."""
        entries = [entry for path in paths if (entry := self.entry(path)) and entry.is_regular and entry.blob]
        answers = repo.read_objects(entry.blob for entry in entries)
        self._held = {
            entry.path: answer[1]
            for entry, answer in zip(entries, answers, strict=True)
            if answer is not None and answer[0] == "blob"
        }

    def named(self, path: str, folder: str) -> list[str] | None:
        """The closure of a prompt where it is plain."""
        held = self._held.get(path)
        return None if held is None else named_files(held, path, folder, self._if_readable)

    def _if_readable(self, path: str) -> bytes | None:
        try:
            return self.read(path)
        except (SnapshotError, ValueError):  # a path with a NUL is no path
            return None

    def entries(self, folder: str) -> Mapping[str, Entry]:
        return self._snapshot.entries(folder)

    def entry(self, path: str) -> Entry | None:
        return self._snapshot.entry(path)

    def _read(self, entry: Entry) -> bytes:
        if (held := self._held.get(entry.path, self._shared.get(entry.path))) is not None:
            return held
        raw = self._snapshot.read(entry.path)
        if len(raw) <= self._left:
            self._left -= len(raw)
            self._shared[entry.path] = raw
        return raw
