"""``onbook rollback``."""

from __future__ import annotations

import click

from onbook.cli.common import carry_out, repository
from onbook.cli.options import deploy_options
from onbook.environments.deploy import Deployer


@click.command()
@click.argument("environment")
@click.argument("id")
@click.option("--to", metavar="VERSION", help="Go back to this version.")
@deploy_options
def command(environment: str, id: str, to: str | None, commit: bool, dry_run: bool, format: str) -> int:
    """Go back: end the canary, or where none runs, return to the version that the environment ran before."""
    repo = repository()
    plan = Deployer(repo, environment).rollback(id, to)
    return carry_out(repo, "rollback", plan, commit=commit, dry_run=dry_run, format=format)
