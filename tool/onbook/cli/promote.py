"""``onbook promote``."""

from __future__ import annotations

import click

from onbook.cli.common import carry_out, repository
from onbook.cli.options import deploy_options
from onbook.environments.deploy import Deployer


@click.command()
@click.argument("environment")
@click.argument("id")
@deploy_options
def command(environment: str, id: str, commit: bool, dry_run: bool, format: str) -> int:
    """Make the canary of a prompt what every caller in an environment gets."""
    repo = repository()
    plan = Deployer(repo, environment).promote(id)
    return carry_out(repo, "promote", plan, commit=commit, dry_run=dry_run, format=format)
