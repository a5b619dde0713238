"""Running git, and the repository that a command stands in."""

from __future__ import annotations

import os
import subprocess
import weakref
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import IO

from onbook.errors import OnbookError, UsageError

# Messages in English because they are quoted; no optional locks because reading must not disturb a person's own git;
# no replace refs because a digest speaks of the object that has that id.
_ENVIRONMENT = {
    "LC_ALL": "C",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_TERMINAL_PROMPT": "0",
}


class GitError(OnbookError):
    """A git command that failed, with what git said."""


def run(
    args: Iterable[str],
    *,
    cwd: Path,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    accept: tuple[int, ...] = (0,),
) -> bytes:
    """Run git with list arguments and return its standard output.

    Raises:
        GitError: an exit code that is not accepted; the message is git's own.
        OnbookError: git is not installed.
    """
    command = ["git", *args]
    try:
        done = subprocess.run(  # noqa: PLW1510
            command,
            cwd=cwd,
            input=stdin,
            capture_output=True,
            env={**os.environ, **_ENVIRONMENT, **(env or {})},
        )
    except FileNotFoundError:
        if not cwd.is_dir():
            raise UsageError("there is no such folder", place=str(cwd)) from None
        raise OnbookError("git is not installed", hint="install git 2.30 or later and put it on PATH") from None
    if done.returncode not in accept:
        said = done.stderr.decode("utf-8", "replace").strip() or f"exit code {done.returncode}"
        raise GitError(f"git {command[1]} failed: {said}")
    return done.stdout


class Repository:
    """One repository: where it is, what it points at, and its objects.

    Attributes:
        root: the top of the work tree; of a bare repository, its own folder.
        git_dir: where refs, objects and onbook's journal live (shared by all work trees).
    """

    def __init__(
        self, root: Path, git_dir: Path, *, bare: bool, shallow: bool, env: Mapping[str, str] | None = None
    ) -> None:
        self.root = root
        self.git_dir = git_dir
        self.bare = bare
        self.shallow = shallow
        self._env = env or {}
        self._objects = _Objects(self.root, self._env)
        weakref.finalize(self, self._objects.close)

    @staticmethod
    def discover(start: Path) -> Repository:
        """The repository that a folder is in.

        Raises:
            UsageError: the folder is in no git repository.
        """
        questions = ["--is-bare-repository", "--is-shallow-repository", "--git-common-dir", "--show-toplevel"]
        out = run(["rev-parse", *questions], cwd=start, accept=(0, 128)).decode("utf-8", "surrogateescape")
        lines = out.splitlines()
        if len(lines) < 3:
            raise UsageError(
                "this folder is in no git repository",
                place=str(start),
                hint="run `git init`, or go to a repository",
            )
        bare = lines[0] == "true"
        git_dir = (start / lines[2]).resolve()
        root = Path(lines[3]) if len(lines) > 3 else git_dir
        return Repository(root, git_dir, bare=bare, shallow=lines[1] == "true")

    def git(
        self,
        *args: str,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        accept: tuple[int, ...] = (0,),
    ) -> bytes:
        """Run git here; see :func:`run`."""
        return run(args, cwd=self.root, stdin=stdin, env={**self._env, **(env or {})}, accept=accept)

    def text(self, *args: str, accept: tuple[int, ...] = (0,)) -> str:
        """Run git here and return its output as text without the final line feed."""
        return self.git(*args, accept=accept).decode("utf-8", "surrogateescape").rstrip("\n")

    def config(self, key: str) -> str | None:
        """A value of git's configuration, or None."""
        return self.text("config", "--get", key, accept=(0, 1)) or None

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
        if self.shallow:
            hint = "this is a shallow clone: `git fetch --unshallow --tags` brings the whole history"
        raise UsageError(f"{revision!r} names no commit here", hint=hint)

    def read_object(self, name: str) -> tuple[str, bytes] | None:
        """An object's type and bytes by id (or ``<commit>:<path>``), or None if it is not here."""
        return self._objects.read(name)

    def close(self) -> None:
        """End the process that reads objects; it starts again when needed."""
        self._objects.close()


class _Objects:
    """One long-lived ``git cat-file --batch``: starting git costs more than reading most objects does."""

    def __init__(self, root: Path, env: Mapping[str, str]) -> None:
        self._root = root
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, name: str) -> tuple[str, bytes] | None:
        if "\n" in name:
            return None
        requests, answers = self._pipes()
        requests.write(name.encode("utf-8", "surrogateescape") + b"\n")
        requests.flush()
        head = answers.readline().split(b" ")
        if len(head) != 3 or not head[2].strip().isdigit():
            return None
        data = answers.read(int(head[2]))
        answers.read(1)
        return head[1].decode(), data

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = subprocess.Popen(
                ["git", "cat-file", "--batch"],
                cwd=self._root,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **_ENVIRONMENT, **self._env},
            )
        assert self._process.stdin
        assert self._process.stdout
        return self._process.stdin, self._process.stdout

    def close(self) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()
        process.wait()
