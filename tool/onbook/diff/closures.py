"""The closure index: which files each prompt is made of, so that only prompts that may have changed are read.

Kept in the git directory, keyed by what git calls the bytes, so that nothing in it goes stale: an entry either fits or
is not used. It is written in one step and may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from onbook.diff.reading import closures
from onbook.errors import OnbookError
from onbook.files import write_atomic
from onbook.project import Catalog
from onbook.project.cases import CASE_SUFFIXES, LABELS_SUFFIX, SUITE_SUFFIX, stem
from onbook.repo import Repository, Snapshot
from onbook.repo.snapshot import Commit
from onbook.repo.tags import TagRef, read_release

FILE = "closures.json"
VERSION = 3
_TESTS = (*CASE_SUFFIXES, SUITE_SUFFIX, LABELS_SUFFIX)

# A path and what stands at it: mode and blob id, as Snapshot.identity tells it.
Files = list[list[str]]


class Closures:
    """The closures that are known of one repository."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._path: Path = repo.kept / FILE
        self._prompts: dict[str, Files] = {}
        self._tags: dict[str, Files] = {}
        self._commits: dict[str, Commit] = {}
        self._dirty = False
        with contextlib.suppress(OSError, ValueError, RecursionError, KeyError, TypeError):
            data = json.loads(self._path.read_bytes())
            if data["version"] == VERSION:
                self._prompts, self._tags = dict(data["prompts"]), dict(data["tags"])

    def touched(self, before: Catalog, after: Catalog) -> set[str]:
        """The prompts that may differ between two places in history; what is not among them does not."""
        everything = {*before.paths, *after.paths}
        folder = before.config.prompts
        if folder != after.config.prompts:
            return everything
        stands, stand = _Standing(before.snapshot, folder), _Standing(after.snapshot, folder)

        def changed(path: str) -> bool:
            return (was := stands[path]) is None or was != stand[path]

        listed = {*before.snapshot.entries(folder), *after.snapshot.entries(folder)}
        tests = {path for path in listed if path.endswith(_TESTS) and changed(path)}
        stems = {_stem(path.removeprefix(f"{folder}/")) for path in tests}
        found = set(everything - before.paths.keys()) | (everything & stems)
        unknown: dict[str, str] = {}
        for id, path in before.paths.items():
            if after.paths.get(id) != path or changed(path):
                found.add(id)
                continue
            files = self._prompts.get(path)
            if files is None or not _fits(files, stands):
                unknown[path] = id
            elif any(changed(each[0]) for each in files):
                found.add(id)
        for path, read in zip(unknown, closures(self._repo, before.snapshot, [*unknown], folder), strict=True):
            if read is not None:
                self._prompts[path] = [[file, stands[file] or ""] for file in read]
                self._dirty = True
            if read is None or any(changed(file) for file in read):
                found.add(unknown[path])
        return found

    def as_released(self, ref: TagRef, path: str, snapshot: Snapshot) -> bool:
        """Whether every file of a release, and its tests, stand in a snapshot as they did when it was tagged.

        Args:
            path: the prompt's file.
        """
        # With its name: a tag that was copied under another one is no release.
        key = f"{ref.object} {ref.tag.name}"
        files = self._tags.get(key)
        if files is None:
            try:
                manifest = read_release(self._repo, ref)[1]
            except OnbookError:
                return False
            files = [[file.path, f"{file.mode} {file.blob}"] for file in manifest.files]
            if ref.commit not in self._commits:
                self._commits[ref.commit] = Commit(self._repo, ref.commit)
            # A release lists no tests; they stand beside it in its commit.
            tests = (stem(path) + suffix for suffix in _TESTS)
            files += [[test, self._commits[ref.commit].identity(test) or ""] for test in tests]
            self._tags[key] = files
            self._dirty = True
        if not any(each[0] == path for each in files):
            return False
        try:
            return all(snapshot.identity(each) == stood for each, stood in files)
        except (TypeError, ValueError):
            return False

    def save(self) -> None:
        """Keep what was learnt; where it cannot be written the next run learns it again."""
        if not self._dirty:
            return
        data = {"version": VERSION, "prompts": self._prompts, "tags": self._tags}
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(exist_ok=True)
            write_atomic(self._path, json.dumps(data, separators=(",", ":")).encode())


def _stem(path: str) -> str:
    """The id whose tests a file holds."""
    return next((path.removesuffix(suffix) for suffix in _TESTS if path.endswith(suffix)), path)


class _Standing(dict[str, str | None]):
    """What stands at a path of a snapshot: what git's listing tells is there at once, the rest is looked at once."""

    def __init__(self, snapshot: Snapshot, folder: str) -> None:
        super().__init__(snapshot.identities(folder))
        self._snapshot = snapshot

    def __missing__(self, path: str) -> str | None:
        found = self[path] = self._snapshot.identity(path)
        return found


def _fits(files: Files, stands: _Standing) -> bool:
    try:
        return all(stands[path] == stood for path, stood in files)
    except (TypeError, ValueError):
        return False
