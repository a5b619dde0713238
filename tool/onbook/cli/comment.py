"""``onbook comment``."""

from __future__ import annotations

import os

import click

from onbook.cli.common import note
from onbook.errors import UsageError
from onbook.gate.event import load_event
from onbook.gate.posting import AUTHOR, Api, body_of, post, pull_request_of, report_of, run_of


@click.command()
@click.option("--author", default=AUTHOR, metavar="LOGIN", help=f"Whom the token speaks for; default: {AUTHOR}.")
def command(author: str) -> int:
    """Write the result of `onbook check` as one comment on the pull request; for GitHub Actions, on workflow_run.

    The report is the artifact `onbook-report` of the run that has ended. GITHUB_TOKEN may write.
    """
    environ = os.environ
    if environ.get("GITHUB_EVENT_NAME") != "workflow_run" or not environ.get("GITHUB_TOKEN"):
        raise UsageError(
            "a comment is written by a workflow on workflow_run, with GITHUB_TOKEN in the step's environment",
            hint="`onbook init --github` writes that workflow",
        )
    run = run_of(load_event(environ.get("GITHUB_EVENT_PATH", "")), environ.get("GITHUB_REPOSITORY", ""))
    api = Api(environ.get("GITHUB_API_URL", "https://api.github.com"), environ["GITHUB_TOKEN"])
    report = report_of(api, run)
    if report is None:
        note(f"run {run.id} left no report, so there is nothing to write")
        return 0
    number = pull_request_of(api, run)
    if number is None:
        note(f"no open pull request has {run.commit[:12]} as its head any more, so nothing is written")
        return 0
    note(f"{post(api, run.repository, number, body_of(report, fork=run.fork), author=author)}  comment on #{number}")
    return 0
