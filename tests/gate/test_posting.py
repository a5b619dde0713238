"""One comment on the pull request, against a server on loopback that answers as GitHub's API does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from onbook.errors import OnbookError
from onbook.gate.outputs import MARKER
from onbook.gate.posting import Api, Run, body_of, post, pull_request_of, report_of, run_of
from onbook.reporters.json import write_json
from support.github_api import GitHubApi
from support.reports import REPORTS

RUN = Run(5, "us/prompts", "me/fork", "change", "a" * 40)


@pytest.fixture
def hub() -> Iterator[tuple[GitHubApi, Api]]:
    with GitHubApi() as held:
        held.artifact = write_json(REPORTS["check"]).encode()
        held.pulls = [{"number": 7, "head": {"sha": RUN.commit, "repo": {"full_name": RUN.head}}}]
        held.comments = [{"id": 1, "user": {"login": "mallory"}, "body": f"{MARKER}\nforged"}]
        held.comments.append({"id": 2, "user": None, "body": "of somebody who is gone"})
        yield held, Api(held.url, "token")


def test_one_comment_that_is_updated(hub: tuple[GitHubApi, Api]) -> None:
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
    assert [each["body"] for each in held.comments][::2] == [f"{MARKER}\nforged", f"{MARKER}\nnew"]


@pytest.mark.parametrize("raw", [b"", b"{}", b"[" * 100_000, b'{"verb": "lint"}', b"\xff"])
def test_what_is_no_report(hub: tuple[GitHubApi, Api], raw: bytes) -> None:
    held, api = hub
    held.artifact = raw
    with pytest.raises(OnbookError, match="no report of"):
        report_of(api, RUN)


def test_a_head_that_moved_on_and_one_of_two(hub: tuple[GitHubApi, Api]) -> None:
    held, api = hub
    held.pulls *= 2
    with pytest.raises(OnbookError, match="2 pull requests"):
        pull_request_of(api, RUN)
    held.pulls = [{"number": 7, "head": {"sha": "b" * 40, "repo": {"full_name": RUN.head}}}]
    assert pull_request_of(api, RUN) is None


def test_an_event_of_something_else() -> None:
    whole = {"id": 1, "head_repository": {"full_name": 7}, "head_branch": "x", "head_sha": "a" * 40}
    for told in ({"id": "x"}, whole):
        with pytest.raises(OnbookError, match="tells of no run"):
            run_of({"workflow_run": told}, "us/prompts")
    with pytest.raises(OnbookError, match="over https alone"):
        Api("http://example.com", "token")
