"""One comment on the pull request, written by a second workflow that may write, from the report of one that may not.

The report is an artifact that a fork may have forged: it is bounded, held against the schema, and rendered anew here,
with everything in it escaped. Which pull request it is for is asked of GitHub by the head commit of the run, and never
read in the report.
"""

from __future__ import annotations

import io
import json
import re
import urllib.error
import urllib.request
import zipfile
import zlib
from dataclasses import dataclass, replace
from typing import IO, Any
from urllib.parse import quote, urlencode

from onbook.errors import OnbookError
from onbook.gate.outputs import MARKER, comment
from onbook.report import Report
from onbook.reporters.json import read_json

ARTIFACT = "onbook-report"
FILE = "report.json"
AUTHOR = "github-actions[bot]"
MAX_ARTIFACT = 5_000_000
MAX_REPORT = 20_000_000
_MAX_PAGES = 30
_TIMEOUT = 30.0
_FORKED = (
    "⚠️ This report was made by a run for a fork, whose author may have changed the workflow: read it as what they say. "
    "The checks of the pull request itself are those that GitHub lists below."
)


@dataclass(frozen=True, slots=True)
class Run:
    """The run of the other workflow.

    Attributes:
        repository: ``owner/name`` of the repository that the comment is written in; head: of the one of the commits.
        branch: as the head's repository calls it.
    """

    id: int
    repository: str
    head: str
    branch: str
    commit: str

    @property
    def fork(self) -> bool:
        """Whether the commits are another repository's."""
        return self.head != self.repository


def run_of(event: Any, repository: str) -> Run:
    """The run that an event of ``workflow_run`` tells of.

    Raises:
        OnbookError: it is no such event.
    """
    try:
        told = event["workflow_run"]
        run = Run(told["id"], repository, told["head_repository"]["full_name"], told["head_branch"], told["head_sha"])
    except (KeyError, TypeError):
        run = None
    texts = (run.head, run.branch, run.commit) if run else ()
    named = all(isinstance(text, str) for text in texts)
    if not run or not named or not isinstance(run.id, int) or not all(map(_NAME.fullmatch, (run.head, repository))):
        raise OnbookError("the event tells of no run", hint="run `onbook comment` on workflow_run, as docs/ci.md shows")
    return run


_NAME = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")


class Api:
    """GitHub's REST API: https://docs.github.com/en/rest.

    Args:
        url: GITHUB_API_URL; token: with ``actions: read`` and ``pull-requests: write``.
    """

    def __init__(self, url: str, token: str) -> None:
        if not url.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
            raise OnbookError("the API is asked over https alone", place=url, hint="set GITHUB_API_URL")
        self._url, self._token = url.rstrip("/"), token
        self._opener = urllib.request.build_opener(_Elsewhere)

    def ask(self, path: str, *, send: object = None, method: str = "GET", most: int = 10_000_000) -> bytes:
        """What the API answers.

        Raises:
            OnbookError: it refuses, does not answer, or says more than ``most`` bytes.
        """
        body = None if send is None else json.dumps(send).encode()
        headers = {
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "User-Agent": "onbook",
        }
        request = urllib.request.Request(f"{self._url}{path}", body, headers, method=method)  # noqa: S310 -- see __init__
        # Not sent along when the API points to another server.
        request.add_unredirected_header("Authorization", f"Bearer {self._token}")
        try:
            with self._opener.open(request, timeout=_TIMEOUT) as answer:
                return _bounded(answer, most, path)
        except urllib.error.HTTPError as error:
            said = error.read(2_000).decode("utf-8", "replace")
            raise OnbookError(f"GitHub answers {error.code} to {method} {path}: {said}", hint=_PERMISSIONS) from None
        except (OSError, ValueError) as error:
            raise OnbookError(f"GitHub does not answer: {error}", place=f"{method} {path}") from None

    def json(self, path: str, **options: Any) -> Any:
        """The same, as data."""
        try:
            return json.loads(self.ask(path, **options))
        except (ValueError, RecursionError):
            raise OnbookError("GitHub's answer is no JSON", place=path) from None


_PERMISSIONS = "the job needs the permissions `actions: read` and `pull-requests: write`"


class _Elsewhere(urllib.request.HTTPRedirectHandler):
    """Follows a redirect, but never to a file or to another protocol."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if not newurl.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
            raise urllib.error.HTTPError(newurl, code, "a redirect to no https address", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _bounded(answer: IO[bytes], most: int, place: str) -> bytes:
    raw = answer.read(most + 1)
    if len(raw) > most:
        raise OnbookError(f"this answer has more than {most:,} bytes", place=place)
    return raw


def report_of(api: Api, run: Run) -> Report | None:
    """The report that a run left; None where it left none.

    Raises:
        OnbookError: it is no report.
    """
    listed = api.json(f"/repos/{run.repository}/actions/runs/{run.id}/artifacts?{urlencode({'name': ARTIFACT})}")
    found = [each for each in listed["artifacts"] if each["name"] == ARTIFACT and not each.get("expired")]
    if not found:
        return None
    packed = api.ask(f"/repos/{run.repository}/actions/artifacts/{int(found[0]['id'])}/zip", most=MAX_ARTIFACT)
    report = read_report(_unpacked(packed))
    # Whose it is GitHub says, and not the report.
    return replace(report, data={**report.data, "fork": run.fork})


def _unpacked(packed: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive, archive.open(FILE) as file:
            return _bounded(file, MAX_REPORT, f"{ARTIFACT}/{FILE}")
    except (zipfile.BadZipFile, KeyError, RuntimeError, NotImplementedError, OSError, zlib.error, EOFError) as error:
        raise OnbookError(f"the artifact holds no {FILE}: {error}", place=ARTIFACT) from None


def read_report(raw: bytes) -> Report:
    """The report of ``onbook check`` that a file holds; nothing of it is believed but its shape.

    Raises:
        OnbookError: it is none.
    """
    return read_json(raw, ("check",), FILE)


def body_of(report: Report, *, fork: bool) -> str:
    """The comment: what :func:`onbook.gate.outputs.comment` makes of a report, with whose it is.

    Raises:
        OnbookError: the report has the shape of one, and still cannot be told.
    """
    try:
        text = comment(report)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise OnbookError(f"this report cannot be told: {error!r}", place=FILE) from None
    head, _, rest = text.partition("\n")
    return f"{head}\n{_FORKED}\n\n{rest}" if fork else text


def pull_request_of(api: Api, run: Run) -> int | None:
    """The open pull request whose head is the run's commit; None where it has moved on or was closed.

    Raises:
        OnbookError: there are several.
    """
    owner = run.head.partition("/")[0]
    query = urlencode({"state": "open", "head": f"{owner}:{run.branch}", "per_page": 100})
    pulls = api.json(f"/repos/{run.repository}/pulls?{query}")
    found = [
        each["number"]
        for each in pulls
        if each["head"]["sha"] == run.commit and (each["head"].get("repo") or {}).get("full_name") == run.head
    ]
    if len(found) > 1:
        raise OnbookError(f"{len(found)} pull requests have this commit as their head: which is meant is not known")
    return int(found[0]) if found else None


def post(api: Api, repository: str, number: int, body: str, *, author: str = AUTHOR) -> str:
    """Write our comment, or update it; ``written``, ``updated`` or ``unchanged``."""
    for page in range(1, _MAX_PAGES + 1):
        query = urlencode({"per_page": 100, "page": page})
        comments = api.json(f"/repos/{repository}/issues/{number}/comments?{query}")
        for each in comments:
            # Anybody can write the marker; only what we wrote is ours.
            # Of a person who is gone GitHub may say nothing.
            if (each.get("user") or {}).get("login") == author and (each.get("body") or "").startswith(MARKER):
                if each["body"].replace("\r\n", "\n").rstrip("\n") == body.rstrip("\n"):
                    return "unchanged"
                api.ask(f"/repos/{repository}/issues/comments/{int(each['id'])}", send={"body": body}, method="PATCH")
                return "updated"
        if len(comments) < 100:
            break
    api.ask(f"/repos/{repository}/issues/{quote(str(number))}/comments", send={"body": body}, method="POST")
    return "written"
