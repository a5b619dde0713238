"""``onbook deploy``."""

from __future__ import annotations

import click

from onbook.cli.common import carry_out, repository
from onbook.cli.options import deploy_options
from onbook.environments.deploy import Deployer


@click.command()
@click.argument("environment")
@click.argument("id")
@click.argument("version")
@click.option("--canary", type=float, metavar="PERCENT", help="Give it to this share of the callers only.")
@click.option("--key", metavar="NAME", help="The caller's attribute that decides who gets a canary; default: user_id.")
@deploy_options
def command(
    environment: str,
    id: str,
    version: str,
    canary: float | None,
    key: str | None,
    commit: bool,
    dry_run: bool,
    format: str,
) -> int:
    """Say in a file what an environment runs: a release, or with --canary a release for some of the callers.

    The file is prompts/_environments/ENVIRONMENT.yml. A commit of it is the deployment: clients read it at the tip of
    its branch. The same canary again with another PERCENT ramps it, and no caller who has it loses it.
    """
    repo = repository()
    plan = Deployer(repo, environment).deploy(id, version, weight=canary, key=key)
    return carry_out(repo, "deploy", plan, commit=commit, dry_run=dry_run, format=format)
