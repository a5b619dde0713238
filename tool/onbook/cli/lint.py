"""``onbook lint``."""

from __future__ import annotations

from dataclasses import replace

import click

from onbook.cli.common import format_option, place_options, print_report, repository, snapshot
from onbook.lint import lint
from onbook.lint.workers import cores
from onbook.project import Catalog


@click.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@place_options
@click.option("--select", multiple=True, metavar="RULE", help="Only these rules: ids, names, or beginnings of ids.")
@click.option("--ignore", multiple=True, metavar="RULE", help="Not these rules.")
@click.option("--strict", is_flag=True, help="Exit with 1 on warnings too.")
@click.option(
    "--jobs", type=click.IntRange(1), metavar="N", help="Processes that look at prompts; one a core if not said."
)
@click.option("--no-cache", is_flag=True, help="Look at everything again, and keep nothing for the next time.")
@format_option
def command(
    ids: tuple[str, ...],
    staged: bool,
    at: str | None,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    strict: bool,
    jobs: int | None,
    no_cache: bool,
    format: str,
) -> int:
    """Find faults in prompts: those that are named, or all."""
    catalog = Catalog(snapshot(repository(), staged=staged, at=at))
    config = catalog.config
    catalog.config = replace(config, select=_names(select) or config.select, ignore=(*config.ignore, *_names(ignore)))
    report = lint(catalog, ids, jobs=jobs or cores(), keep=not no_cache)
    print_report(report, format)
    return report.exit_code(strict=strict)


def _names(given: tuple[str, ...]) -> tuple[str, ...]:
    """Rules as they are given on a command line: an option each, or several in one, with commas."""
    return tuple(name for text in given for name in text.replace(",", " ").split())
