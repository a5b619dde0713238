"""``onbook site``."""

from __future__ import annotations

from pathlib import Path

import click

from onbook.cli.common import print_report, repository, snapshot
from onbook.cli.options import format_option, place_options
from onbook.errors import UsageError
from onbook.project import Catalog
from onbook.report import Report


@click.command()
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The folder to write; new, or a site's.",
)
@click.option("--url", metavar="URL", default="", help="Where applications fetch from; default: git's remote.")
@place_options
@format_option
def command(out: Path, url: str, staged: bool, at: str | None, format: str) -> int:
    """Write a catalogue of all prompts as static pages, for everyone to search and read.

    Pages whose prompt has not changed are not written again. The folder needs no server: open DIR/index.html, or
    publish it anywhere.
    """
    from onbook.site import build, gather
    from onbook.site.address import public

    if url and not public(url):
        raise UsageError(f"{url!r} is no URL that others could fetch from", hint="use https, http, ssh or git")
    repo = repository()
    catalog = Catalog(snapshot(repo, staged=staged, at=at))
    site = gather(repo, catalog, url=public(url))
    built = build(site, out)
    data = {
        "out": str(out),
        "pages": built.pages,
        "written": built.written,
        "kept": built.kept,
        "removed": built.removed,
    }
    report = Report("site", site.checks, head=catalog.snapshot.name, data=data)
    print_report(report, format)
    return report.exit_code()
