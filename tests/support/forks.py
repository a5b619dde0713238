"""`onbook` in a process of its own that need not import anything again: most of what a command costs is its start.

One process a test session imports all that a run may need, and forks for each run; another one imports litellm as well,
which takes seconds. What is forked has its own process group, folder, environment and outputs, and is killed and
interrupted like any other. What belongs to a fresh process (its start, what it loads, another order of hashes, what an
interpreter says of what was left open when it ends) is tested by those who start one: hooks, the demo, the wheel.

As a script it is that process, for all processes of the session: xdist starts several. It accepts them at the socket
that it is given, and reads from each one JSON object a run, with four descriptors: standard input, output and error,
and one for two lines, the run's process id and how it ended.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

SIZE = 4
POSSIBLE = hasattr(os, "fork") and hasattr(socket, "CMSG_SPACE")
"""Whether processes can be forked here; on Windows they cannot."""
PLACE = "TESTS_FORKS"
"""A variable that names the folder where processes of one test session find the process that forks."""


class Run:
    """What :class:`subprocess.Popen` says of a process, as far as tests ask."""

    def __init__(self, pid: int, out: int, err: int, status: io.BufferedReader) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._status = status
        self._texts: dict[str, str] = {}
        self._readers = [threading.Thread(target=self._read, args=each) for each in (("out", out), ("err", err))]
        for reader in self._readers:
            reader.start()

    def _read(self, name: str, descriptor: int) -> None:
        with open(descriptor, "rb") as file:
            self._texts[name] = file.read().decode()

    def poll(self) -> int | None:
        """How it ended; None while it runs."""
        if self.returncode is None and (line := self._status.readline()):
            self.returncode = int(line)
            self._status.close()
        return self.returncode

    def wait(self, timeout: float = 600) -> int:
        """How it ended, once it has.

        Raises:
            subprocess.TimeoutExpired: if it runs still.
        """
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise subprocess.TimeoutExpired("onbook", timeout)
            select.select([self._status], [], [], left)
        return code

    def communicate(self, timeout: float = 600) -> tuple[str, str]:
        """Both outputs, once it has ended."""
        self.wait(timeout)
        for reader in self._readers:
            reader.join()
        return self._texts["out"], self._texts["err"]


def start(
    args: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    constants: Mapping[str, float] | None = None,
    stdin: str = "",
    asking: bool = True,
    script: str = "",
) -> Run:
    """Run ``onbook`` with these arguments.

    Args:
        script: the path of a script to be run in its place.
        asking: it asks models, so that litellm should be there already.
        constants: of onbook.testing.models, to be other in this run: waits, limits of time.
    """
    out, out_end = os.pipe()
    err, err_end = os.pipe()
    status, status_end = os.pipe()
    asked = {
        "args": list(args),
        "cwd": str(cwd),
        "env": dict(env),
        "constants": dict(constants or {}),
        "script": script,
    }
    with tempfile.TemporaryFile() as typed:
        typed.write(stdin.encode())
        typed.seek(0)
        ask(json.dumps(asked).encode(), (typed.fileno(), out_end, err_end, status_end), asking=asking)
    for each in (out_end, err_end, status_end):
        os.close(each)
    told = open(status, "rb", buffering=0)  # noqa: SIM115
    line = b""
    while not line.endswith(b"\n"):
        read = told.read(1)
        assert read, "the process that forks has ended"
        line += read
    os.set_blocking(status, False)
    return Run(int(line), out, err, io.BufferedReader(told))


def ask(data: bytes, ends: Sequence[int], *, asking: bool) -> None:
    """Ask for a run, in the words and with the descriptors that the process expects."""
    rights = array.array("i", ends)
    with _ONE_AT_A_TIME:
        door = _door(asking)
        door.sendmsg([len(data).to_bytes(SIZE, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        door.sendall(data)


# Two threads of a test that write at once would mix their requests.
_ONE_AT_A_TIME = threading.Lock()


@cache
def _door(asking: bool) -> socket.socket:
    """The way to the process that forks, which who first needs it starts, and which ends when the last one has left."""
    import fcntl

    folder = os.environ.get(PLACE) or tempfile.mkdtemp(prefix="onbook-forks-")
    address = os.path.join(folder, "litellm" if asking else "onbook")
    door, process = socket.socket(socket.AF_UNIX), None
    with open(f"{address}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            door.connect(address)
        except OSError:  # nobody is there, or not any more
            process = _started(address, asking)
            door.connect(address)

    def end() -> None:
        door.close()
        if process:
            process.wait()

    atexit.register(end)
    return door


def _started(address: str, asking: bool) -> subprocess.Popen[bytes]:
    """The process that forks; who comes to its address waits until it has imported everything."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(address)
    with socket.socket(socket.AF_UNIX) as entrance:
        entrance.bind(address)
        entrance.listen(64)
        # -P: the modules beside this one, such as git, are not those that onbook means.
        command = [sys.executable, "-P", __file__, str(entrance.fileno()), *(["litellm"] if asking else [])]
        return subprocess.Popen(command, pass_fds=[entrance.fileno()])


def receive(door: socket.socket) -> tuple[bytes, Sequence[int]] | None:
    """What is asked next, and its descriptors; None where nobody asks any more."""
    head, ancillary, _, _ = door.recvmsg(SIZE, socket.CMSG_SPACE(4 * 4))
    if not head:
        return None
    descriptors = array.array("i")
    descriptors.frombytes(ancillary[0][2])
    size, data = int.from_bytes(head, "big"), b""
    while len(data) < size:
        data += door.recv(size - len(data))
    return data, descriptors


def _serve(entrance: socket.socket) -> dict[str, Any]:
    """Returns in a child that is to do what is asked; the process itself ends here when nobody asks any more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    doors = [entrance]
    while True:
        door = select.select(doors, [], [])[0][-1]
        if door is entrance:
            doors.append(entrance.accept()[0])
            continue
        if (request := receive(door)) is None:
            doors.remove(door)
            door.close()
            if doors == [entrance]:
                os._exit(0)
            continue
        data, descriptors = request
        if os.fork():
            for each in descriptors:
                os.close(each)
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for each in doors:
            each.close()
        typed, out, err, status = descriptors
        # Whoever waits for the run is no part of it: it must not be killed with it.
        if pid := os.fork():
            for each in (typed, out, err):
                os.close(each)
            os.write(status, b"%d\n" % pid)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            with contextlib.suppress(BrokenPipeError):
                os.write(status, b"%d\n" % code)
            os._exit(0)
        os.close(status)
        os.setsid()
        for number, each in enumerate((typed, out, err)):
            os.dup2(each, number)
            os.close(each)
        asked: dict[str, Any] = json.loads(data)
        return asked


def _main() -> None:
    import onbook
    from onbook.cli import main  # before its submodule of the same name is imported and takes its place
    from onbook.testing import models

    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    names = [each.name for each in pkgutil.walk_packages(onbook.__path__, "onbook.")]
    names = [name for name in names if not name.endswith("__main__")]
    names += ["asyncio", "git", "jinja2", "jsonschema_rs", "ruamel.yaml", "scipy.stats", "scipy.optimize"]
    if sys.argv[2:] == ["litellm"]:
        models._litellm()
        names += ["litellm.proxy._types", "openai.resources"]  # what a first call imports
    for name in names:
        with contextlib.suppress(ImportError):  # an extra that is not installed
            importlib.import_module(name)
    assert threading.active_count() == 1, "a process with threads cannot be forked"
    gc.collect()
    gc.freeze()
    asked = _serve(socket.socket(fileno=int(sys.argv[1])))
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    for name, value in asked["constants"].items():
        setattr(models, name, value)
    sys.argv = ["onbook", *asked["args"]]
    try:
        if asked["script"]:
            runpy.run_path(asked["script"], run_name="__main__")
        else:
            main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # the interpreter would say so, and end with 1
        traceback.print_exc()
        code = 1
    # Taking down all that was imported would take longer than the run did.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _main()
