"""``onbook status``."""

from __future__ import annotations

import click

from onbook.cli.common import edited, note, print_report, repository, snapshot
from onbook.cli.options import format_option
from onbook.environments import FOLDER, running
from onbook.project import Config
from onbook.report import Report


@click.command()
@click.argument("environment", required=False)
@format_option
def command(environment: str | None, format: str) -> int:
    """Tell what runs where, since when, and who made it so, as git has it at the tip that clients read."""
    repo = repository()
    revision, rows = running.status(repo, environment)
    data = [
        {
            "environment": row.environment,
            "id": row.id,
            **row.deployment.data(),
            "commit": row.commit,
            "by": row.by,
            "at": row.at,
        }
        for row in rows
    ]
    print_report(Report("status", head=revision, data={"deployments": data}), format)
    folder = f"{Config.load(snapshot(repo)).prompts}/{FOLDER}"
    if not repo.bare and (found := edited(repo, folder)):
        note(f"note: not committed, and nothing runs before it is: {', '.join(found)}")
    return 0
