"""Options that several commands share, in the same words everywhere."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from onbook.reporters import FORMATS

Command = TypeVar("Command", bound=Callable[..., Any])

SHAPES = f"How the result is written: {', '.join(FORMATS[:-1])} or {FORMATS[-1]}"


def format_option(command: Command) -> Command:
    """``--format``: how the report is written."""
    option = click.option(
        "--format", "format", metavar="FORMAT", type=click.Choice(FORMATS), default="terminal", help=f"{SHAPES}."
    )
    return option(command)


def place_options(command: Command) -> Command:
    """``--staged`` and ``--at``: which place in history is looked at; neither means the work tree."""
    at = click.option("--at", metavar="REV", help="Look at a commit instead of the work tree.")
    staged = click.option("--staged", is_flag=True, help="Look at the index: what the next commit will hold.")
    return staged(at(command))


def inputs_options(command: Command) -> Command:
    """``--var`` and ``--vars``: a prompt's inputs."""
    var = click.option(
        "--var", "variables", metavar="NAME=VALUE", multiple=True, help="An input; NAME=@FILE reads a file."
    )
    file = click.option(
        "--vars", "vars_file", metavar="FILE", help="Inputs as one JSON object; - reads standard input."
    )
    return var(file(command))


class _Dollars(click.FloatRange):
    """More than 0, and a number: what is none is no limit, for nothing is more than it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = super().convert(value, param, ctx)
        if math.isnan(found):
            self.fail(f"{value} is no amount.", param, ctx)
        return found


def spending_options(command: Command) -> Command:
    """``--max-cost`` and ``--max-calls``: what asking may take."""
    cost = click.option(
        "--max-cost", metavar="USD", type=_Dollars(min=0, min_open=True), help="Spend no more than this."
    )
    calls = click.option("--max-calls", metavar="N", type=click.IntRange(min=1), help="Send no more than this, in all.")
    return cost(calls(command))


def details_option(command: Command) -> Command:
    """``--details``: answers for the page of a report."""
    told = "With --format json: also what was asked and answered, for a page."
    return click.option("--details", is_flag=True, help=told)(command)


def remote_options(command: Command) -> Command:
    """``--from``, ``--verify``, ``--allowed-signers`` and ``--tag-prefix``: where releases come from, and what is asked
    of them."""
    options = (
        click.option("--from", "url", required=True, metavar="URL", help="A URL or path that git can fetch from."),
        click.option(
            "--verify",
            type=click.Choice(["none", "tag", "signed"]),
            default="tag",
            help="What is asked of a tag besides the digest of its files; default: tag.",
        ),
        click.option(
            "--allowed-signers",
            type=click.Path(dir_okay=False, path_type=Path),
            help="Who may sign, as ssh-keygen(1) has it; default: as git is configured.",
        ),
        click.option("--tag-prefix", metavar="TEXT", help="What the repository puts before its release tags."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def deploy_options(command: Command) -> Command:
    """``--commit``, ``--dry-run`` and ``--format``: what becomes of an edit of an environment's file."""
    commit = click.option("--commit", is_flag=True, help="Commit the file, and nothing else.")
    dry_run = click.option("--dry-run", is_flag=True, help="Print what would be written, and write nothing.")
    return commit(dry_run(format_option(command)))
