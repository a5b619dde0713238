"""A real OpenAI-compatible server on loopback that answers, or fails, by a script or at random.

    with OpenAIServer([rate_limited(1), RESET, answer("hello")]) as server:
        ...  # OPENAI_BASE_URL=server.url
    assert len(server.received) == 3

    with OpenAIServer(faults=Faults(rate_limited=0.1, reset=0.02), delay_s=0.05) as server:
        ...

The script has one reply a request, in the order in which they come; when it is used up, every request is answered "ok",
or, with ``echo``, by the last message that it holds. It speaks HTTP/1.1 with connections that stay open, on an event
loop in a thread of its own, and nothing else: thousands of requests a second.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
import socket
import struct
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, cast


@dataclass(frozen=True)
class Reply:
    """What one request gets. ``body`` None is filled in as a sound answer with ``text``.

    ``how``: ``answer`` sends it; ``reset`` cuts the connection (RST); ``hang`` says nothing until the server closes;
    ``trickle`` sends it byte by byte, one every ``delay_s``.
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


@dataclass(frozen=True)
class Faults:
    """The share of requests, 0 to 1, that each kind of trouble meets; drawn from ``seed`` in the order of arrival."""

    rate_limited: float = 0.0
    failing: float = 0.0
    reset: float = 0.0
    hang: float = 0.0
    malformed: float = 0.0
    trickle: float = 0.0
    empty: float = 0.0
    truncated: float = 0.0
    retry_after_s: float = 0.1
    seed: int = 1

    def replies(self) -> Iterable[tuple[float, Reply]]:
        yield self.rate_limited, rate_limited(self.retry_after_s)
        yield self.failing, failure(500, "internal error")
        yield self.reset, RESET
        yield self.hang, HANG
        yield self.malformed, MALFORMED
        yield self.trickle, Reply(how="trickle", delay_s=0.2)
        yield self.empty, Reply(text="")
        yield self.truncated, Reply(text="", finish="length")


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
    """``received`` holds every request so far, ``peak`` how many were being answered at once at most.

    Attributes:
        url: the base URL, with ``/v1``.

    Args:
        delay_s: the seconds that a sound answer takes; echo: it says the last message again.
    """

    def __init__(
        self,
        script: Iterable[Reply] = (),
        *,
        faults: Faults | None = None,
        delay_s: float = 0.0,
        echo: bool = False,
    ) -> None:
        self.received: list[Received] = []
        self.peak = 0
        self._script = list(script)
        self._faults = list(faults.replies()) if faults else []
        self._random = random.Random(faults.seed if faults else 0)
        self._delay_s = delay_s
        self._echo = echo
        self.running = 0
        self.connections: set[_Connection] = set()
        self._loop = asyncio.new_event_loop()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._thread = threading.Thread(target=self._serve)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"

    def __enter__(self) -> OpenAIServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def next(self, received: Received) -> Reply:
        """What a request gets; called on the server's own thread."""
        self.received.append(received)
        position = len(self.received) - 1
        if position < len(self._script):
            return self._script[position]
        chance = self._random.random()
        for share, reply in self._faults:
            if chance < share:
                return reply
            chance -= share
        messages = cast("list[dict[str, str]]", received.body.get("messages") or [{}])
        return Reply(text=messages[-1].get("content") if self._echo else "ok", delay_s=self._delay_s)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            self._loop.create_server(lambda: _Connection(self, self._loop), sock=self._socket)
        )
        try:
            self._loop.run_forever()
        finally:
            server.close()
            for connection in list(self.connections):
                connection.close()
            self._loop.run_until_complete(asyncio.sleep(0))
            self._loop.close()


class _Connection(asyncio.Protocol):
    """One connection: a request, its reply, the next request."""

    def __init__(self, server: OpenAIServer, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop
        self._waiting = b""
        self._busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)
        self._settled()

    def close(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        head, end, rest = self._waiting.partition(b"\r\n\r\n")
        if not end:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        length = next((int(value) for name, value in headers.items() if name.lower() == "content-length"), 0)
        if len(rest) < length:
            return
        self._waiting = rest[length:]
        body = json.loads(rest[:length])
        self._busy = True
        self._server.running += 1
        self._server.peak = max(self._server.peak, self._server.running)
        received = Received(first.split(" ")[1], headers, body, time.monotonic())
        reply = self._server.next(received)
        if reply.how == "hang":
            return
        if reply.how == "reset":
            # Lingering for 0 s turns the close into a reset.
            raw: Any = self._transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
            return
        filled = _embeddings if received.path.endswith("/embeddings") else _completion
        found = _head(reply, content := reply.body if reply.body is not None else filled(reply, body))
        if reply.how == "trickle":
            self._trickle(found + content, reply.delay_s)
        elif reply.delay_s:
            self._loop.call_later(reply.delay_s, self._send, found + content)
        else:
            self._send(found + content)

    def _send(self, data: bytes) -> None:
        self._settled()
        if not self._transport.is_closing():
            self._transport.write(data)

    def _trickle(self, data: bytes, every_s: float) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(data[:1])
        if data[1:]:
            self._loop.call_later(every_s, self._trickle, data[1:], every_s)
        else:
            self._settled()

    def _settled(self) -> None:
        self._server.running -= self._busy
        self._busy = False


def _head(reply: Reply, content: bytes) -> bytes:
    headers = {"Content-Type": "application/json", **reply.headers, "Content-Length": str(len(content))}
    lines = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


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


def _embeddings(_: Reply, asked: Mapping[str, object]) -> bytes:
    """Each text as how often it has each letter: texts of the same letters lie in one direction."""
    texts = cast("list[str]", asked["input"])
    vectors = [[float(text.casefold().count(letter)) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts]
    coded: list[object] = list(vectors)
    if asked.get("encoding_format") == "base64":
        coded = [base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode() for vector in vectors]
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(coded)]
    usage = {"prompt_tokens": 7, "total_tokens": 7}
    return json.dumps({"object": "list", "model": asked.get("model"), "data": data, "usage": usage}).encode()
