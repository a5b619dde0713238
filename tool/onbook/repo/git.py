"""Running git: its environment, its errors, and how a command is ended."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Iterable, Mapping
from pathlib import Path

from onbook.errors import MAKE_ROOM, OnbookError, UsageError

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


NO_HOOKS = ("-c", f"core.hooksPath={os.devnull}")
"""Before a command: it runs no hook."""


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
        with STARTING:
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
        full = "No space left on device" in said
        raise GitError(f"git {_verb(command)} failed: {said}", hint=MAKE_ROOM if full else None)
    return out


class Begun:
    """A git command that runs while something else is done. What it says goes to a file, so that it never waits."""

    def __init__(self, args: Iterable[str], *, cwd: Path, env: Environment) -> None:
        self._command = ["git", *args]
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as errors, STARTING:
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
STARTING = threading.Lock()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=STARTING.acquire, after_in_parent=STARTING.release, after_in_child=STARTING.release)
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
