"""What goes over the wire: a proxy on loopback that counts, and the same objects by git alone to compare with."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from support.git import Repo, daemon
from support.http_git import git_server

Fetch = tuple[tuple[str, ...], str]
"""Options of a fetch, and what it asks for."""


class Wire:
    """A proxy that counts what goes through it, both ways, everything."""

    def __init__(self, port: int) -> None:
        self.bytes = 0
        self.connections = 0
        self._to = port
        self._open = 0
        self._idle = threading.Condition()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def settled(self) -> int:
        """The bytes so far, once all connections are over; counting begins anew."""
        with self._idle:
            self._idle.wait_for(lambda: not self._open, timeout=20)
            found, self.bytes = self.bytes, 0
            return found

    def close(self) -> None:
        """Take no more connections."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._socket.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                with self._idle:
                    self.connections += 1
                    self._open += 1
                threading.Thread(target=self._serve, args=(near, far), daemon=True).start()

    def _serve(self, near: socket.socket, far: socket.socket) -> None:
        back = threading.Thread(target=self._pump, args=(far, near), daemon=True)
        back.start()
        self._pump(near, far)
        back.join()
        near.close()
        far.close()
        with self._idle:
            self._open -= 1
            self._idle.notify_all()

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(1 << 16):
                with self._idle:
                    self.bytes += len(data)
                other.sendall(data)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def served(base: Path, way: str, name: str = "big.git") -> Iterator[tuple[str, Wire]]:
    """A URL of a repository below a folder that leads through a counting proxy: ``way`` is ``git`` or ``http``."""
    with git_server(base) if way == "http" else daemon(base) as server:
        url = server if isinstance(server, str) else server.url
        wire = Wire(int(url.rpartition(":")[2]))
        try:
            yield f"{url.rpartition(':')[0]}:{wire.port}/{name}", wire
        finally:
            wire.close()


def one_release(tag: str, blob: str) -> list[Fetch]:
    """What git alone asks for one release: the tag and its commit, then the file."""
    return [(("--filter=tree:0",), f"refs/tags/{tag}:refs/tags/{tag}"), ((), blob)]


def one_environment(repo: Repo, path: str, tag: str, blob: str) -> list[Fetch]:
    """The same for what an environment runs: the tip, a folder a level, the file, and the release."""
    parts = path.split("/")
    levels = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    ids = [repo.git("rev-parse", f"HEAD:{level}") for level in levels]
    return [(("--filter=tree:1",), "HEAD"), *((("--filter=tree:0",), oid) for oid in ids), *one_release(tag, blob)]


def bare_fetch(url: str, folder: Path, fetches: Sequence[Fetch]) -> None:
    """Ask by git alone, each time into a new repository, so that nothing is taken for had."""
    for number, (options, spec) in enumerate(fetches):
        repo = folder / str(number)
        _git("init", "--quiet", "--bare", str(repo))
        _git("-C", str(repo), "fetch", "--quiet", "--no-tags", "--depth=1", *options, url, spec)


def _git(*args: str) -> None:
    subprocess.run(["git", *args], check=True, capture_output=True)
