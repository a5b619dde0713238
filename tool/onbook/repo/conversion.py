"""The bytes that git would store for files of the work tree: line ends, encodings and filters as git applies them."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Sequence, Set
from functools import cached_property

from onbook.repo.git import GitError
from onbook.repo.objects import Objects
from onbook.repo.repository import Repository

Neighbours = Callable[[str], Sequence[str]]
"""The files that a file was listed with, itself among them."""

_ATTRIBUTES = ("filter", "ident", "working-tree-encoding")
_MANY = 200  # files, for which git is asked in another way
_MOST_FOLDERS = 50


class Conversion:
    """Git itself converts, into an index and an object store of our own; the repository is left as it is.

    Only so does all count that git looks at: a file whose carriage returns are committed already keeps them, whatever
    ``core.autocrlf`` says. Starting git costs more than converting does, so a file's neighbours are done with it.
    """

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._concerned: dict[str, bool] = {}
        self._blobs: dict[str, str] = {}

    def concerns(self, path: str, neighbours: Neighbours) -> bool:
        """Whether an attribute changes a file even if it holds no carriage return."""
        if path not in self._concerned:
            listed = neighbours(path)
            plain = self._without_attributes(listed) if len(listed) > _MANY else frozenset()
            self._concerned |= dict.fromkeys(plain, False)
            paths = [each for each in listed if each not in plain]
        if path not in self._concerned:
            out = self._repo.git("check-attr", "-z", "--stdin", *_ATTRIBUTES, stdin=_joined(paths))
            self._concerned |= dict.fromkeys(paths, False)
            words = iter(records(out))
            for name, _, value in zip(words, words, words, strict=True):
                self._concerned[name] |= value not in ("unspecified", "unset")
        return self._concerned[path]

    def _without_attributes(self, paths: Iterable[str]) -> Set[str]:
        """Files of the index that have none of the attributes: of tens of thousands, git says it soonest like this."""
        magic = "literal,attr:" + " ".join(f"!{name}" for name in _ATTRIBUTES)
        folders = sorted({f":({magic}){path.partition('/')[0]}" for path in paths})
        if len(folders) > _MOST_FOLDERS:
            return frozenset()
        try:
            out = self._repo.git("ls-files", "-z", "--", *folders, env={"GIT_LITERAL_PATHSPECS": "0"})
        except GitError:
            return frozenset()  # the other way is slower, and as good
        return frozenset(records(out))

    def stored(self, path: str, neighbours: Neighbours) -> bytes | None:
        """What git would store for a file, or None if it cannot convert it (a filter that fails)."""
        if path not in self._blobs:
            try:
                self._add(neighbours(path))
            except GitError:
                # One file that cannot be converted must not hide the others.
                try:
                    self._add([path])
                except GitError:
                    return None
        found = self._store.read(self._blobs[path]) if path in self._blobs else None
        return found[1] if found else None

    def _add(self, paths: Sequence[str]) -> None:
        with tempfile.TemporaryDirectory(prefix="onbook-index-") as folder:
            index = f"{folder}/index"
            env = {**self._environment, "GIT_INDEX_FILE": index}
            own = self._repo.root / self._git_path("index")
            if own.exists():
                # With its time: git compares the files' times with it to know which may have changed since.
                shutil.copy2(own, index)
            options = ["-c", "core.safecrlf=false", "update-index", "--add", "--remove", "-z", "--stdin"]
            self._repo.git(*options, stdin=_joined(paths), env=env)
            listed = self._repo.git("ls-files", "-z", "-s", "--full-name", env=env)
        wanted = set(paths)
        for record in records(listed):
            meta, path = record.split("\t", 1)
            if path in wanted:
                self._blobs[path] = meta.split(" ")[1]

    @cached_property
    def _store(self) -> Objects:
        store = Objects(self._repo.root, {**self._repo.env, **self._environment})
        weakref.finalize(self, store.close)
        return store

    @cached_property
    def _environment(self) -> dict[str, str]:
        folder = tempfile.TemporaryDirectory(prefix="onbook-objects-")
        weakref.finalize(self, folder.cleanup)
        objects = str(self._repo.root / self._git_path("objects"))
        return {"GIT_OBJECT_DIRECTORY": folder.name, "GIT_ALTERNATE_OBJECT_DIRECTORIES": objects}

    def _git_path(self, name: str) -> str:
        return os.fsdecode(self._repo.git("rev-parse", "--git-path", name)[:-1])


def records(out: bytes) -> list[str]:
    """What git ended with NUL bytes (``-z``): paths need no quoting then."""
    return [record for record in out.decode("utf-8", "surrogateescape").split("\0") if record]


def _joined(paths: Iterable[str]) -> bytes:
    return "".join(f"{path}\0" for path in paths).encode("utf-8", "surrogateescape")
