"""A real OpenAI-compatible server on loopback that answers, or fails, by a script.

    with OpenAIServer([rate_limited(1), RESET, answer("hello")]) as server:
        ...  # OPENAI_BASE_URL=server.url
    assert len(server.received) == 3

The script has one reply a request, in the order in which they come; when it is used up, every request is answered "ok".
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Reply:
    """What one request gets. ``body`` None is filled in as a sound answer with ``text``.

    ``how``: ``answer`` sends it; ``reset`` cuts the connection (RST); ``hang`` says nothing until the server closes.
    """

    status: int = 200
    text: str | None = "ok"
    finish: str = "stop"
    tool_calls: tuple[Mapping[str, object], ...] = ()
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    how: str = "answer"


@dataclass(frozen=True)
class Received:
    """One request as it came; ``at`` is time.monotonic() in seconds."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, object]
    at: float


def answer(text: str | None, *, finish: str = "stop", tool_calls: Iterable[Mapping[str, object]] = ()) -> Reply:
    return Reply(text=text, finish=finish, tool_calls=tuple(tool_calls))


def failure(status: int, message: str, *, code: str | None = None, headers: Mapping[str, str] | None = None) -> Reply:
    body = json.dumps({"error": {"message": message, "type": "error", "param": None, "code": code}}).encode()
    return Reply(status=status, body=body, headers=headers or {})


def rate_limited(retry_after: float | str | None = None) -> Reply:
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return failure(429, "Rate limit reached", code="rate_limit_exceeded", headers=headers)


RESET = Reply(how="reset")
HANG = Reply(how="hang")
MALFORMED = Reply(body=b'{"id": "chatcmpl-1", "choices": [')


class OpenAIServer:
    """``received`` holds every request so far, ``peak`` how many were being answered at once at most."""

    def __init__(self, script: Iterable[Reply] = ()) -> None:
        self.received: list[Received] = []
        self.peak = 0
        self._script = list(script)
        self._running = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._connections: set[socket.socket] = set()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = False  # so that closing waits for them
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        """The base URL, with ``/v1``."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> OpenAIServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._http.shutdown()
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits for a next request
        self._http.server_close()
        self._thread.join()

    def _next(self, received: Received) -> Reply:
        with self._lock:
            self.received.append(received)
            self._running += 1
            self.peak = max(self.peak, self._running)
            position = len(self.received) - 1
            return self._script[position] if position < len(self._script) else Reply()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                with server._lock:
                    server._connections.add(self.connection)

            def finish(self) -> None:
                with server._lock:
                    server._connections.discard(self.connection)
                with contextlib.suppress(OSError):
                    super().finish()

            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:  # the client is gone, or we are closing
                    self.close_connection = True

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = json.loads(raw)
                reply = server._next(Received(self.path, dict(self.headers), body, time.monotonic()))
                try:
                    self._send(reply, body)
                finally:
                    with server._lock:
                        server._running -= 1

            def _send(self, reply: Reply, asked: Mapping[str, object]) -> None:
                if reply.how == "hang":
                    server._closing.wait()
                if reply.how != "answer":
                    # Lingering for 0 s turns the close into a reset.
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.connection.close()
                    self.close_connection = True
                    return
                server._closing.wait(reply.delay_s)
                body = reply.body if reply.body is not None else _completion(reply, asked)
                self.send_response(reply.status)
                for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


def _completion(reply: Reply, asked: Mapping[str, object]) -> bytes:
    message: dict[str, object] = {"role": "assistant", "content": reply.text}
    if reply.tool_calls:
        message["tool_calls"] = list(reply.tool_calls)
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": asked.get("model"),
            "choices": [{"index": 0, "message": message, "finish_reason": reply.finish}],
            "usage": {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16},
        }
    ).encode()
