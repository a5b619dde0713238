"""Command lines that need not start anew: each is a fork of one process that has imported onbook already.

The tests type more than a thousand commands, and most of what one costs is starting Python and importing. A fork has a
memory, a folder, an environment and outputs of its own. What it cannot show is what a start costs and loads, and that
another process hashes in another order: tests that ask for that, and those of hooks, docs, the demo and the wheel, run
the script itself.

    done = onbook(["lint", "--strict"], folder)
    assert done.returncode == 0, done.stdout
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO

ONBOOK = str(Path(sys.executable).with_name("onbook"))
# What Python reads once, when it starts.
_AT_START = ("PYTHON", "LC_", "LANG")
# Commands that ask models, and so load litellm, which takes seconds.
_ASKING = frozenset({"--record", "--live", "--fresh", "run"})
_STARTING = threading.Lock()


def onbook(
    args: Sequence[str],
    cwd: Path,
    *,
    stdin: str = "",
    env: Mapping[str, str] | None = None,
    timeout: float | None = 300,
) -> subprocess.CompletedProcess[str]:
    """``onbook`` with these arguments, in a folder; as ``subprocess.run`` tells it.

    Args:
        env: the whole environment; None means that of the tests.
    """
    command, wanted = [ONBOOK, *args], dict(os.environ if env is None else env)
    with _STARTING:
        warm = _warm(bool(_ASKING & set(args)), _settings()) if _settings(wanted) == _settings() else None
    if warm is None:
        return subprocess.run(
            command, cwd=cwd, env=wanted, input=stdin, capture_output=True, text=True, check=False, timeout=timeout
        )
    with ExitStack() as stack:
        request, into, out, err = files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(4)]
        request.write(json.dumps([command, str(cwd), wanted]).encode())
        into.write(stdin.encode())
        for file in (request, into):
            file.seek(0)
        code = _ask(warm, files, command, timeout)
        return subprocess.CompletedProcess(command, code, _text(out), _text(err))


def _settings(env: Mapping[str, str] | None = None) -> tuple[tuple[str, str], ...]:
    found = os.environ if env is None else env
    return tuple(sorted((name, value) for name, value in found.items() if name.startswith(_AT_START)))


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n").replace("\r", "\n")


def _ask(warm: socket.socket, files: list[IO[bytes]], command: list[str], timeout: float | None) -> int:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with _STARTING:
            socket.send_fds(warm, [b"\0"], [*(file.fileno() for file in files), theirs.fileno()])
        theirs.close()
        ours.settimeout(timeout)
        with ours.makefile("r") as told:
            process = int(told.readline())
            try:
                return int(told.readline())
            except TimeoutError:
                os.kill(process, signal.SIGKILL)
                raise subprocess.TimeoutExpired(command, timeout or 0) from None


@cache
def _warm(asking: bool, settings: tuple[tuple[str, str], ...]) -> socket.socket | None:
    """The way to a process that waits to be forked; None where processes cannot be."""
    if not hasattr(os, "fork") or not hasattr(socket, "send_fds"):
        return None
    ours, theirs = socket.socketpair()
    # -P: the modules beside this one are not those that onbook means.
    command = [sys.executable, "-P", __file__, str(theirs.fileno()), *(["litellm"] if asking else [])]
    process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _serve(control: socket.socket, asking: bool) -> None:
    """Fork for each request until nobody is left to send one. Returns in the process that is to become a command."""
    control.set_inheritable(False)
    _load(asking)
    assert threading.active_count() == 1, "a process with threads cannot be forked"
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.collect()
    gc.freeze()
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1, 5)
        if not message:
            os._exit(0)
        if os.fork() == 0:
            break
        for descriptor in descriptors:
            os.close(descriptor)
    # This process waits for the command and says how it ended, so that the first one can serve another request.
    control.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *files, reply = descriptors
    process = os.fork()
    if process:
        os.write(reply, f"{process}\n".encode())
        _, status = os.waitpid(process, 0)
        os.write(reply, f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os._exit(0)
    os.close(reply)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    request, *standard = files
    for number, descriptor in enumerate(standard):
        os.dup2(descriptor, number)
        os.close(descriptor)
    with open(request, "rb") as file:
        sys.argv, folder, env = json.load(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)


def _load(asking: bool) -> None:
    import onbook

    for found in pkgutil.walk_packages(onbook.__path__, "onbook."):
        if not found.name.endswith("__main__"):
            import_module(found.name)
    for name in ("jinja2", "jsonschema_rs", "ruamel.yaml", "git", "asyncio", "scipy.stats", "scipy.optimize"):
        with suppress(ImportError):  # an extra that is not installed
            import_module(name)
    if asking:
        from onbook.testing import models

        models._litellm()


def _end(end: SystemExit) -> None:
    """All that an interpreter does at its end, but for taking apart each module that the first process has loaded."""
    if isinstance(end.code, int):
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code)


if __name__ == "__main__":
    # Before its submodule of the same name is imported and takes its place.
    from onbook.cli import main

    _serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:] == ["litellm"])
    try:
        main()
    except SystemExit as end:
        _end(end)
        raise
