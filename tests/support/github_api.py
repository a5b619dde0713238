"""A server on loopback that answers as GitHub's API does: a run's artifact, pull requests, and their comments.

with GitHubApi() as api:
    ...  # GITHUB_API_URL=api.url
assert api.comments[-1]["body"].startswith(MARKER)
"""

from __future__ import annotations

import io
import json
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

AUTHOR = "github-actions[bot]"


class GitHubApi:
    """What the server holds; tests change it.

    Attributes:
        artifact: the bytes of the file in the artifact ``onbook-report``; None where the run left none.
        asked: method, path and authorization of each request so far.
    """

    def __init__(self) -> None:
        self.artifact: bytes | None = None
        self.pulls: list[Any] = []
        self.comments: list[Any] = []
        self.asked: list[tuple[str, str, str | None]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> GitHubApi:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def get(self, path: str) -> object:
        """What a path answers: data, or the bytes of a file."""
        if path.endswith("/zip"):
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w") as archive:
                archive.writestr("report.json", self.artifact or b"")
            return packed.getvalue()
        if path.endswith("/artifacts"):
            there = [{"id": 3, "name": "onbook-report", "expired": False}]
            return {"artifacts": there if self.artifact is not None else []}
        return self.pulls if path.endswith("/pulls") else self.comments


def _handler(held: GitHubApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(held.get(self.path.partition("?")[0]))

        def do_POST(self) -> None:
            held.comments.append({"id": len(held.comments) + 1, "user": {"login": AUTHOR}, **self.sent()})
            self.answer({})

        def do_PATCH(self) -> None:
            next(each for each in held.comments if self.path.endswith(f"/{each['id']}")).update(self.sent())
            self.answer({})

        def sent(self) -> dict[str, Any]:
            found: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            return found

        def answer(self, data: object) -> None:
            held.asked.append((self.command, self.path, self.headers["Authorization"]))
            raw = data if isinstance(data, bytes) else json.dumps(data).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
