"""Running git, and the repository that a command stands in."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import IO

from onbook.errors import OnbookError, UsageError
from onbook.repo.stored import Stored

Environment = Mapping[str, str | None]
"""Variables to set; None takes one away."""

# Messages in English because they are quoted (a LANGUAGE would only be told to servers); no optional locks because
# reading must not disturb a person's own git; no replace refs because a digest speaks of the object that has that id;
# a path is never taken for a pattern.
_ENVIRONMENT: Environment = {
    "LC_ALL": "C",
    "LANGUAGE": None,
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_GLOB_PATHSPECS": None,
    "GIT_NOGLOB_PATHSPECS": None,
    "GIT_ICASE_PATHSPECS": None,
}

# What a hook exports about the repository that it runs in; it must not lead a command for another one there.
ELSEWHERE: Environment = dict.fromkeys(
    (
        "GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE", "GIT_QUARANTINE_PATH",
        "GIT_IMPLICIT_WORK_TREE", "GIT_PREFIX", "GIT_REPLACE_REF_BASE",
    )
)  # fmt: skip


class GitError(OnbookError):
    """A git command that failed, with what git said."""


class GitTimeoutError(GitError):
    """A git command that did not end in time, and was ended with all that it had started."""


class GitKilledError(GitError):
    """A git command that a signal ended: it had no time to take back what it had begun."""


def environment(*layers: Environment) -> dict[str, str]:
    """This process's environment with what git must know; later layers win."""
    merged: dict[str, str | None] = dict(os.environ)
    for layer in (_ENVIRONMENT, *layers):
        merged.update(layer)
    return {name: value for name, value in merged.items() if value is not None}


def run(
    args: Iterable[str],
    *,
    cwd: Path,
    stdin: bytes = b"",
    env: Environment | None = None,
    accept: tuple[int, ...] = (0,),
    timeout: float | None = None,
) -> bytes:
    """Run git with list arguments and return its standard output.

    Args:
        timeout: seconds; with it, git gets a session of its own, so that what it starts is ended with it and nothing
            of it can ask on the terminal.

    Raises:
        GitError: an exit code that is not accepted; the message is git's own.
        GitTimeoutError: it did not end in time.
        GitKilledError: a signal ended it.
        OnbookError: git is not installed.
    """
    command = ["git", *args]
    try:
        with _STARTING:
            process = subprocess.Popen(
                command,
                cwd=cwd,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment(env or {}),
                start_new_session=timeout is not None,
            )
    except (FileNotFoundError, NotADirectoryError):
        if not cwd.is_dir():
            raise UsageError("there is no such folder", place=str(cwd)) from None
        raise OnbookError("git is not installed", hint="install git 2.30 or later and put it on PATH") from None
    if timeout is not None:
        _TALKING.add(process)
    with process:
        try:
            out, errors = process.communicate(stdin, timeout)
        except BaseException as error:
            _end(process, whole_session=timeout is not None)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            raise GitTimeoutError(f"git {_verb(command)} did not end within {timeout:g} seconds") from None
        finally:
            _TALKING.discard(process)
    return _checked(command, process.returncode, out, errors, accept)


def _checked(command: list[str], code: int, out: bytes, errors: bytes, accept: tuple[int, ...]) -> bytes:
    if code < 0:
        raise GitKilledError(f"git {_verb(command)} was ended by {_signal(-code)}")
    if code not in accept:
        said = errors.decode("utf-8", "replace").strip() or f"exit code {code}"
        raise GitError(f"git {_verb(command)} failed: {said}")
    return out


class Begun:
    """A git command that runs while something else is done. What it says goes to a file, so that it never waits."""

    def __init__(self, args: Iterable[str], *, cwd: Path, env: Environment) -> None:
        self._command = ["git", *args]
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as errors, _STARTING:
            self._process = subprocess.Popen(
                self._command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=said, stderr=errors, env=environment(env)
            )
            self._said, self._errors = os.dup(said.fileno()), os.dup(errors.fileno())
        self._close = weakref.finalize(self, _forget, self._process, (self._said, self._errors))

    def out(self) -> bytes:
        """What it said, once it is done. To be asked for once.

        Raises:
            GitError, GitKilledError: as :func:`run`.
        """
        code = self._process.wait()
        said, errors = (_whole_file(descriptor) for descriptor in (self._said, self._errors))
        self._close()
        return _checked(self._command, code, said, errors, (0,))


def _whole_file(descriptor: int) -> bytes:
    os.lseek(descriptor, 0, os.SEEK_SET)
    with open(descriptor, "rb", buffering=0, closefd=False) as file:
        return file.read()


def _forget(process: subprocess.Popen[bytes], descriptors: Iterable[int]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()
    for descriptor in descriptors:
        os.close(descriptor)


# Commands that talk to a remote, in sessions of their own: those of a background thread would outlive this process.
_TALKING: set[subprocess.Popen[bytes]] = set()


@atexit.register
def _end_all() -> None:
    for process in tuple(_TALKING):
        _end(process, whole_session=True)


# While a command starts, this process holds both ends of its pipes. A child that is forked just then would keep them
# open, and what the command says would seem never to end.
_STARTING = threading.Lock()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_STARTING.acquire, after_in_parent=_STARTING.release, after_in_child=_STARTING.release)
    # A child ends none of its parent's.
    os.register_at_fork(after_in_child=_TALKING.clear)


def _end(process: subprocess.Popen[bytes], *, whole_session: bool) -> None:
    # git fetch is several processes, and whichever is left would hold the pipes open.
    if whole_session and os.name == "posix":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()


def _signal(number: int) -> str:
    try:
        return f"{signal.Signals(number).name} (signal {number})"
    except ValueError:
        return f"signal {number}"


def _verb(command: list[str]) -> str:
    words = iter(command[1:])
    for word in words:
        if word == "-c":
            next(words, None)
        elif not word.startswith("-"):
            return word
    return "?"


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
        bare, shallow, own, common, *up = out.decode("utf-8", "surrogateescape").split("\n")
        git_dir = (start / common).resolve()
        # The way up to the top of the work tree is the last line; without a work tree there is none.
        has_tree = bare != "true" and len(up) > 1
        root = (start / up[0]).resolve() if has_tree else git_dir
        if here and "GIT_DIR" in os.environ:
            # From here on commands run at the root, where a relative path would mean another place.
            env |= {"GIT_DIR": own, "GIT_WORK_TREE": str(root) if has_tree else None}
        return Repository(root, git_dir, bare=not has_tree, shallow=shallow == "true", env=env)

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


def _head(answers: IO[bytes]) -> tuple[str, int, IO[bytes]] | None:
    """An answer's type and size, and where the rest of it is to be read."""
    head = answers.readline().split(b" ")
    if len(head) != 3 or not head[2].strip().isdigit():
        return None
    return head[1].decode(), int(head[2]), answers


def _whole(answers: IO[bytes]) -> tuple[str, bytes] | None:
    found = _head(answers)
    if found is None:
        return None
    kind, size, _ = found
    data = answers.read(size)
    answers.read(1)
    return kind, data


# Requests that are written before their answers are read: together far less than a pipe holds, or both ends would wait.
_AHEAD = 32


def _repository(
    root: Path, git_dir: Path, bare: bool, shallow: bool, env: Environment, awaited: Mapping[str, str]
) -> Repository:
    found = Repository(root, git_dir, bare=bare, shallow=shallow, env=env)
    found.awaited = awaited
    return found


# Processes of a parent, in its children: kept, because forgetting one would warn that nobody waited for it.
_ABANDONED: list[subprocess.Popen[bytes] | None] = []


class Objects:
    """One long-lived ``git cat-file --batch``: starting git costs more than reading most objects does."""

    def __init__(self, root: Path, env: Environment) -> None:
        self._root = root
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()

    def read(self, name: str) -> tuple[str, bytes] | None:
        """An object's type and bytes, or None if it is not here."""
        return None if "\n" in name else _whole(self._send([name]))

    def stored(self, name: str) -> tuple[str, Stored] | None:
        """An object's type and bytes, which lie on disk if they are many, or None if it is not here."""
        head = self._ask(name)
        if head is None:
            return None
        kind, size, answers = head
        left = size

        def chunks() -> Iterator[bytes]:
            nonlocal left
            while left and (chunk := answers.read(min(left, 256 * 1024))):
                left -= len(chunk)
                yield chunk

        try:
            found = Stored.of_chunks(chunks())
        except OnbookError:
            self.close()  # the rest of the answer still stands in its pipe
            raise
        answers.read(1)
        return kind, found

    def read_all(self, names: Iterable[str]) -> Iterator[tuple[str, bytes] | None]:
        """Types and bytes of many, in order; a few are read at a time, and others may read in between."""
        left = iter(names)
        while some := list(islice(left, _AHEAD)):
            answers = self._send([name for name in some if "\n" not in name])
            # All answers of these are taken before anything is given: a caller may stop, or ask for more.
            yield from [None if "\n" in name else _whole(answers) for name in some]

    def _ask(self, name: str) -> tuple[str, int, IO[bytes]] | None:
        """An object's type and size, and where its bytes and a line feed are to be read, or None if it is not here."""
        if "\n" in name:
            return None
        return _head(self._send([name]))

    def _send(self, names: Iterable[str]) -> IO[bytes]:
        """Ask for some objects, and return where their answers are to be read."""
        requests, answers = self._pipes()
        try:
            requests.write("".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape"))
            requests.flush()
        except BrokenPipeError:
            self.close()
            raise GitError("git cat-file ended unexpectedly", place=str(self._root)) from None
        return answers

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._owner != os.getpid():
            # After a fork the pipes are the parent's: two processes that ask through one get each other's answers.
            _ABANDONED.append(self._process)
            self._process, self._owner = None, os.getpid()
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = subprocess.Popen(
                ["git", "cat-file", "--batch"],
                cwd=self._root,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment(self._env),
            )
        assert self._process.stdin
        assert self._process.stdout
        return self._process.stdin, self._process.stdout

    def close(self) -> None:
        """End the process; it starts again when needed."""
        if self._process is None or self._owner != os.getpid():
            return
        process, self._process = self._process, None
        for pipe in (process.stdin, process.stdout):
            if pipe:
                # What could not be written to a process that died cannot be written while closing either.
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        # Not waited for: a process that was forked meanwhile may hold the other end of the pipe. It only reads.
        process.kill()
        process.wait()
