"""`onbook` for a shell or a git hook to find on PATH, which is forked too and need not start anew.

with on_path(monkeypatch):
    subprocess.run(["bash", "-c", "onbook lint && onbook test"])
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import forks
from support.warm import ONBOOK, is_asking, started_alike

# Without site-packages, it starts within milliseconds. Where the environment says how Python is to start, that is done.
_SCRIPT = """\
#!/bin/sh
'''exec' "{python}" -IS "$0" "$@"
' '''
import array, json, os, signal, socket, sys
here = {{name: value for name, value in os.environ.items() if name.startswith({names!r})}}
if here != {alike!r}:
    os.execv({onbook!r}, sys.argv)
told, end = os.pipe()
asked = {{"args": sys.argv[1:], "cwd": os.getcwd(), "env": dict(os.environ), "constants": {{}}, "script": ""}}
data = json.dumps(asked).encode()
door = socket.socket(socket.AF_UNIX)
door.connect({address!r})
ends = array.array("i", (0, 1, 2, end))
door.sendmsg([len(data).to_bytes({size}, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, ends)])
door.sendall(data)
os.close(end)
with open(told) as status:
    pid = int(status.readline())
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda number, frame: os.kill(pid, number))
    code = int(status.readline())
sys.exit(code if code >= 0 else 128 - code)
"""


@contextlib.contextmanager
def on_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of an ``onbook`` that shells and hooks find first for as long as the block lasts."""
    if not forks.POSSIBLE:
        yield Path(ONBOOK).parent
        return
    # The address of a socket is short: not below tmp_path.
    folder = Path(tempfile.mkdtemp(prefix="onbook-shim-"))
    names, alike = started_alike()
    address = str(folder / "door")
    script = folder / "onbook"
    script.write_text(
        _SCRIPT.format(python=sys.executable, names=names, alike=alike, onbook=ONBOOK, address=address, size=forks.SIZE)
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(address)
        door.listen(64)
        relay = threading.Thread(target=_relay, args=(door,))
        relay.start()
        try:
            yield folder
        finally:
            door.shutdown(socket.SHUT_RDWR)
            relay.join()
            shutil.rmtree(folder)


def _relay(door: socket.socket) -> None:
    """Pass on what is asked, until the door is shut."""
    while True:
        try:
            asker, _ = door.accept()
        except OSError:
            return
        with asker:
            request = forks.receive(asker)
            assert request is not None
            data, descriptors = request
            forks.ask(data, descriptors, asking=is_asking(json.loads(data)["args"]))
            for each in descriptors:
                os.close(each)
