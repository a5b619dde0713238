"""``onbook status``."""

from __future__ import annotations

import click

from onbook.cli.common import print_report, repository
from onbook.cli.options import format_option
from onbook.environments import running
from onbook.report import Report


@click.command()
@click.argument("environment", required=False)
@format_option
def command(environment: str | None, format: str) -> int:
    """Tell what runs where, since when, and who made it so, as git has it at the tip that clients read."""
    revision, rows = running.status(repository(), environment)
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
    return 0
