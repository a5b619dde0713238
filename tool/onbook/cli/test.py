"""``onbook test``."""

from __future__ import annotations

import sys

import click

from onbook.cli.common import format_option, place_options, print_report, repository, snapshot
from onbook.errors import UsageError
from onbook.project import Catalog
from onbook.testing.runner import run


@click.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--record", is_flag=True, help="Ask the models for answers that are not recorded, and record them.")
@place_options
@format_option
def command(ids: tuple[str, ...], record: bool, staged: bool, at: str | None, format: str) -> int:
    """Run the cases of prompts. Answers are replayed from recordings: no key, no network, no cost."""
    if record and (staged or at):
        raise UsageError("--record writes beside the prompts of the work tree, so --staged and --at make no sense")
    repo = repository()
    catalog = Catalog(snapshot(repo, staged=staged, at=at))
    report = run(
        catalog.select(ids),
        record=record,
        root=repo.root if record else None,
        progress=_progress if record else None,
        head=catalog.snapshot.name,
    )
    print_report(report, format)
    return report.exit_code()


def _progress(arrived: int, wanted: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r  recording {arrived}/{wanted} answers", err=True, nl=arrived == wanted)
    elif arrived == wanted:
        click.echo(f"  recorded {arrived} answers", err=True)
