"""One comment on the pull request, against a server on loopback that answers as GitHub's API does."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from onbook.errors import OnbookError
from onbook.gate.outputs import MARKER
from onbook.gate.posting import Api, Run, body_of, post, pull_request_of, report_of, run_of
from onbook.reporters.json import write_json
from support.reports import REPORTS

RUN = Run(5, "us/prompts", "me/fork", "change", "a" * 40)


class Hub:
    """What the server holds."""

    def __init__(self) -> None:
        self.artifact = write_json(REPORTS["check"]).encode()
        self.pulls: list[Any] = [{"number": 7, "head": {"sha": RUN.commit, "repo": {"full_name": RUN.head}}}]
        self.comments: list[Any] = [{"id": 1, "user": {"login": "mallory"}, "body": f"{MARKER}\nforged"}]


@pytest.fixture
def hub() -> Iterator[tuple[Hub, Api]]:
    held = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path.endswith("/zip"):
                packed = io.BytesIO()
                with zipfile.ZipFile(packed, "w") as archive:
                    archive.writestr("report.json", held.artifact)
                self.answer(packed.getvalue())
            elif path.endswith("/artifacts"):
                self.answer({"artifacts": [{"id": 3, "name": "onbook-report", "expired": False}]})
            else:
                self.answer(held.pulls if path.endswith("/pulls") else held.comments)

        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            held.comments.append({"id": 2, "user": {"login": "github-actions[bot]"}, **sent})
            self.answer({})

        def do_PATCH(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            next(each for each in held.comments if self.path.endswith(f"/{each['id']}")).update(sent)
            self.answer({})

        def answer(self, data: object) -> None:
            raw = data if isinstance(data, bytes) else json.dumps(data).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield held, Api(f"http://127.0.0.1:{server.server_port}", "token")
    server.shutdown()
    thread.join()
    server.server_close()


def test_one_comment_that_is_updated(hub: tuple[Hub, Api]) -> None:
    held, api = hub
    report = report_of(api, RUN)
    assert report
    assert report.data["fork"] is True
    body = body_of(report, fork=True)
    assert body.startswith(f"{MARKER}\n⚠️ This report was made by a run for a fork")
    assert pull_request_of(api, RUN) == 7
    assert [post(api, "us/prompts", 7, text) for text in (body, body, f"{MARKER}\nnew")] == [
        "written", "unchanged", "updated",
    ]  # fmt: skip
    # Somebody else's comment with the marker is not ours.
    assert [each["body"] for each in held.comments] == [f"{MARKER}\nforged", f"{MARKER}\nnew"]


@pytest.mark.parametrize("raw", [b"", b"{}", b"[" * 100_000, b'{"verb": "lint"}', b"\xff"])
def test_what_is_no_report(hub: tuple[Hub, Api], raw: bytes) -> None:
    held, api = hub
    held.artifact = raw
    with pytest.raises(OnbookError, match="no report of"):
        report_of(api, RUN)


def test_a_head_that_moved_on_and_one_of_two(hub: tuple[Hub, Api]) -> None:
    held, api = hub
    held.pulls *= 2
    with pytest.raises(OnbookError, match="2 pull requests"):
        pull_request_of(api, RUN)
    held.pulls = [{"number": 7, "head": {"sha": "b" * 40, "repo": {"full_name": RUN.head}}}]
    assert pull_request_of(api, RUN) is None


def test_an_event_of_something_else() -> None:
    with pytest.raises(OnbookError, match="tells of no run"):
        run_of({"workflow_run": {"id": "x"}}, "us/prompts")
    with pytest.raises(OnbookError, match="over https alone"):
        Api("http://example.com", "token")
