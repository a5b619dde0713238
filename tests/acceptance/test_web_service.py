"""A small web service, as its author would write it: requests on threads, a canary by user, a rollback, an outage."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import onbook
from support.console import Person, person
from support.git import Repo
from support.http_git import GitServer, git_server

PROMPT = """\
model: openai/gpt-4.1-2025-04-14
messages:
  - {role: system, content: Answer politely.}
  - {role: user, content: "{{ticket}}"}
inputs:
  type: object
  properties: {ticket: {type: string}}
  required: [ticket]
"""


def service(book: onbook.Book) -> ThreadingHTTPServer:
    """POST {"user", "ticket"}: what would be sent to the model, and by which release. GET: whether all is fresh."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                prompt = book.get("support/reply", env="production", key=data["user"])
                self._say(200, {"version": prompt.version, "request": prompt.request(ticket=data.get("ticket"))})
            except onbook.InputError as error:
                self._say(400, {"error": error.message})
            except onbook.OnbookError as error:
                self._say(503, {"error": error.message})

        def do_GET(self) -> None:
            prompt = book.get("support/reply", env="production")
            self._say(200, {"age": prompt.age, "failures": {what: str(each) for what, each in book.failures.items()}})

        def _say(self, status: int, data: object) -> None:
            raw = json.dumps(data).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

    return Server(("127.0.0.1", 0), Handler)


@pytest.fixture
def maintainer(tmp_path: Path) -> Person:
    """Somebody who has released 0.1.0 and 0.1.1 and runs the first."""
    someone = person(tmp_path / "served" / "prompts-repo")
    someone.write("prompts/support/reply.prompt.yml", PROMPT)
    someone.commit("A prompt")
    someone.onbook("release")
    someone.edit("prompts/support/reply.prompt.yml", "politely", "politely and briefly")
    someone.commit("Briefly")
    someone.onbook("release")
    someone.onbook("deploy", "production", "support/reply", "0.1.0", "--commit")
    Repo(someone.cwd).git("config", "uploadpack.allowFilter", "true")
    return someone


@pytest.fixture
def server(maintainer: Person) -> Iterator[GitServer]:
    with git_server(maintainer.cwd.parent) as found:
        yield found


def ask(url: str, data: object = None) -> tuple[int, Any]:
    body = None if data is None else json.dumps(data).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def test_a_service_through_a_canary_a_rollback_and_an_outage(
    maintainer: Person, server: GitServer, tmp_path: Path
) -> None:
    ttl = 0.3
    book = onbook.open(f"{server.url}/prompts-repo/.git", cache=tmp_path / "c", ttl=ttl, timeout=20)
    http = service(book)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{http.server_address[1]}/"
    users = [f"user-{number}" for number in range(40)]

    def versions() -> list[str]:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda user: ask(url, {"user": user, "ticket": "Hello"}), users))
        assert {status for status, _ in answers} == {200}
        return [data["version"] for _, data in answers]

    def until(wanted: set[str]) -> float:
        began = time.monotonic()
        while set(versions()) != wanted:
            assert time.monotonic() - began < 60
        return time.monotonic() - began

    try:
        assert set(versions()) == {"0.1.0"}
        maintainer.onbook("deploy", "production", "support/reply", "0.1.1", "--canary", "50", "--commit")
        until({"0.1.0", "0.1.1"})
        assert versions() == versions()
        maintainer.onbook("rollback", "production", "support/reply", "--commit")
        until({"0.1.0"})
        status, data = ask(url, {"user": "user-1", "ticket": 7})
        assert (status, "ticket" in data["error"]) == (400, True)
        server.mode = "fail"
        time.sleep(2 * ttl)
        assert set(versions()) == {"0.1.0"}
        began = time.monotonic()
        while not ask(url)[1]["failures"]:
            assert time.monotonic() - began < 60
            time.sleep(0.05)
        assert ask(url)[1]["age"] > ttl
        server.mode = "serve"
        while ask(url)[1]["failures"]:
            assert time.monotonic() - began < 60
            time.sleep(0.05)
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
