"""The repository that a command stands in: where it is, what it points at, and its objects."""

from __future__ import annotations

import os
import re
import weakref
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path

from onbook.errors import UsageError
from onbook.repo.git import ELSEWHERE, NO_HOOKS, Begun, Environment, GitError, run
from onbook.repo.objects import Objects
from onbook.repo.stored import Stored


class Repository:
    """One repository: where it is, what it points at, and its objects.

    Attributes:
        root: the top of the work tree; without one, the repository's own folder.
        git_dir: where refs, objects and onbook's journal live (shared by all work trees).
        bare: there is no work tree here.
        shallow: history is cut off somewhere, so that what came before is not known.
        awaited: refs and objects that the next run writes first, as an interrupted one has left them; tags are listed
            as if these were here. Empty but for a dry run.
    """

    def __init__(self, root: Path, git_dir: Path, *, bare: bool, shallow: bool, env: Environment | None = None) -> None:
        self.root = root
        self.git_dir = git_dir
        self.bare = bare
        self.shallow = shallow
        self.env = env or {}
        self.awaited: Mapping[str, str] = {}
        self._objects = Objects(self.root, self.env)
        weakref.finalize(self, self._objects.close)

    def __reduce__(self) -> tuple[object, ...]:
        # To another process goes where it is, and no process of its own.
        return _repository, (self.root, self.git_dir, self.bare, self.shallow, dict(self.env), dict(self.awaited))

    @staticmethod
    def discover(start: Path) -> Repository:
        """The repository that a folder is in.

        In the current folder git's own variables count, as they do for a command that a hook runs. Elsewhere they do
        not: a hook's repository is not the one that is asked for.

        Raises:
            UsageError: the folder is in no git repository.
            GitError: git refuses to look at it, as it does where somebody else owns the folder.
        """
        here = start.is_dir() and start.resolve() == Path.cwd()
        env: dict[str, str | None] = {} if here else dict(ELSEWHERE)
        flags = ["--is-bare-repository", "--is-shallow-repository"]
        places = ["--absolute-git-dir", "--git-common-dir", "--show-cdup"]
        try:
            out = run(["rev-parse", *flags, *places], cwd=start, env=env)
        except GitError as error:
            if "not a git repository" not in error.message:
                raise
            hint = "run `git init`, or go to a repository"
            raise UsageError("this folder is in no git repository", place=str(start), hint=hint) from None
        bare, shallow, own, common, *up = _text(out).split("\n")
        if len(up) > 2 or "\n" in str(start.resolve()):
            # The name of a folder holds the end of a line, so that each place is asked for by itself.
            own, common, way = (_text(run(["rev-parse", place], cwd=start, env=env)) for place in places)
            own, common, up = own[:-1], common[:-1], [way[:-1], ""] if way else []
        git_dir = (start / common).resolve()
        # The way up to the top of the work tree is the last line; without a work tree there is none.
        has_tree = bare != "true" and len(up) > 1
        root = (start / up[0]).resolve() if has_tree else git_dir
        if here and "GIT_DIR" in os.environ:
            # From here on commands run at the root, where a relative path would mean another place.
            env |= {"GIT_DIR": own, "GIT_WORK_TREE": str(root) if has_tree else None}
        return Repository(root, git_dir, bare=not has_tree, shallow=shallow == "true", env=env)

    @staticmethod
    def temporary(folder: Path, object_format: str) -> Repository:
        """A new one without a work tree, in an empty folder of our own.

        Whose repository a hook runs in does not matter here, and no hook that is configured for all runs: newer git has
        one, reference-transaction, that ``git init`` runs.
        """
        env: Environment = {**ELSEWHERE, "GIT_DIR": str(folder), "GIT_DEFAULT_HASH": None}
        repo = Repository(folder, folder, bare=True, shallow=False, env=env)
        repo.git(*NO_HOOKS, "init", "--quiet", "--bare", "--template=", f"--object-format={object_format}")
        return repo

    def git(
        self,
        *args: str,
        stdin: bytes = b"",
        env: Environment | None = None,
        accept: tuple[int, ...] = (0,),
        timeout: float | None = None,
    ) -> bytes:
        """Run git here; see :func:`run`."""
        layers = {**self.env, **(env or {})}
        return run(args, cwd=self.root, stdin=stdin, env=layers, accept=accept, timeout=timeout)

    def begin(self, *args: str, env: Environment | None = None) -> Begun:
        """Begin to run git here; what it says is asked for later."""
        return Begun(args, cwd=self.root, env={**self.env, **(env or {})})

    def text(self, *args: str, accept: tuple[int, ...] = (0,)) -> str:
        """Run git here and return its output as text without the final line feed."""
        return self.git(*args, accept=accept).decode("utf-8", "surrogateescape").rstrip("\n")

    def log(self, *args: str) -> bytes:
        """What ``git log`` says in a format of ours, whatever a person has configured: in UTF-8, no signatures."""
        return self.git("log", "--no-show-signature", "--encoding=UTF-8", *args)

    def config(self, key: str) -> str | None:
        """A value of git's configuration, or None."""
        return self.text("config", "--get", key, accept=(0, 1)) or None

    @property
    def kept(self) -> Path:
        """Onbook's folder in the git directory: locks, the journal of a release, what makes the next run fast."""
        return self.git_dir / "onbook"

    @cached_property
    def head(self) -> str | None:
        """The commit that HEAD names, or None in a repository without commits."""
        return self.text("rev-parse", "--verify", "--quiet", "HEAD^{commit}", accept=(0, 1)) or None

    def resolve(self, revision: str) -> str:
        """The commit id that a revision names.

        Raises:
            UsageError: it names no commit here; a shallow clone is told how to get one.
        """
        found = self.text(
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            f"{revision}^{{commit}}",
            accept=(0, 1, 128),
        )
        if found:
            return found
        if revision == "HEAD" and self.head is None:
            raise UsageError("this repository has no commits yet", hint="commit first, then try again")
        hint = "check the name with `git log` or `git tag`"
        if re.fullmatch(r"v?\d+\.\d+(\.\d+.*)?", revision):
            hint = f"a version is one of a prompt, and its tag begins with that: ID/v{revision.removeprefix('v')}"
        if self.shallow:
            hint = "this is a shallow clone: `git fetch --unshallow --tags` brings the whole history"
        raise UsageError(f"{revision!r} names no commit here", hint=hint)

    def read_object(self, name: str) -> tuple[str, bytes] | None:
        """An object's type and bytes by id (or ``<commit>:<path>``), or None if it is not here."""
        return self._objects.read(name)

    def stored(self, name: str) -> tuple[str, Stored] | None:
        """As :meth:`read_object`, without holding what is large."""
        return self._objects.stored(name)

    def read_objects(self, names: Iterable[str]) -> Iterator[tuple[str, bytes] | None]:
        """As :meth:`read_object` of many ids, in order, without waiting for each before the next is asked for."""
        return self._objects.read_all(names)

    def close(self) -> None:
        """End the process that reads objects; it starts again when needed."""
        self._objects.close()


def _text(out: bytes) -> str:
    return out.decode("utf-8", "surrogateescape")


def _repository(
    root: Path, git_dir: Path, bare: bool, shallow: bool, env: Environment, awaited: Mapping[str, str]
) -> Repository:
    found = Repository(root, git_dir, bare=bare, shallow=shallow, env=env)
    found.awaited = awaited
    return found
