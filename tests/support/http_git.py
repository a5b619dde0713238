"""``git http-backend`` behind a small HTTP server on loopback, which can be told to fail as servers do."""

from __future__ import annotations

import contextlib
import gzip
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class GitServer:
    """A running server.

    Attributes:
        url: what the repositories' names are put after.
        mode: ``serve``, ``fail`` (500 for everything), or ``hang`` (accepts and says nothing until released).
        fetches: POSTs of git-upload-pack, each with its request's body unpacked; sent, received: bytes of bodies.
        heads: the Authorization headers that came.
    """

    url: str
    base: Path
    mode: str = "serve"
    password: str | None = None
    fetches: list[bytes] = field(default_factory=list)
    sent: int = 0
    received: int = 0
    heads: list[str | None] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def packs(self) -> int:
        """How many exchanges asked for objects."""
        return sum(b"command=fetch" in body or b"want " in body for body in self.fetches)


def _handler(server: GitServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            if self.headers.get("Transfer-Encoding") == "chunked":
                parts = []
                while size := int(self.rfile.readline(), 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                body = b"".join(parts)
            else:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._answer(body)

        def _answer(self, body: bytes) -> None:
            plain = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            with server.lock:
                server.heads.append(self.headers.get("Authorization"))
                server.received += len(body)
                if self.command == "POST":
                    server.fetches.append(plain)
            if server.mode == "hang":
                server.released.wait(30)
                self.close_connection = True
                return
            if server.mode == "fail":
                self._say(500, {}, b"out of order")
                return
            if server.password and self.headers.get("Authorization") != server.password:
                self._say(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"who are you?")
                return
            path, _, query = self.path.partition("?")
            env = {
                **os.environ,
                "GIT_PROJECT_ROOT": str(server.base),
                "GIT_HTTP_EXPORT_ALL": "1",
                "REQUEST_METHOD": self.command,
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(plain)),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "REMOTE_ADDR": "127.0.0.1",
            }
            done = subprocess.run(["git", "http-backend"], input=plain, capture_output=True, env=env, check=False)
            head, _, data = done.stdout.partition(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
            status = int(fields.pop("Status", "200").split(" ")[0])
            self._say(status, fields, data)

        def _say(self, status: int, fields: dict[str, str], data: bytes) -> None:
            with server.lock:
                server.sent += len(data)
            with contextlib.suppress(OSError):
                self.send_response(status)
                for name, value in fields.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no error of a test."""


@contextlib.contextmanager
def git_server(base: Path) -> Iterator[GitServer]:
    """Serve the repositories below a folder over HTTP."""
    server = GitServer("", base)
    http = _Server(("127.0.0.1", 0), _handler(server))
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        http.shutdown()
        http.server_close()
        thread.join()
