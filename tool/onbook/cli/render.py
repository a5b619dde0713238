"""``onbook render``."""

from __future__ import annotations

import click

from onbook.call import Caller
from onbook.cli.common import format_option, inputs, inputs_options, place_options, print_report, repository, snapshot
from onbook.project import Catalog
from onbook.report import Report


@click.command()
@click.argument("id")
@inputs_options
@place_options
@format_option
def command(
    id: str, variables: tuple[str, ...], vars_file: str | None, staged: bool, at: str | None, format: str
) -> int:
    """Print the messages that a prompt renders; no model is asked."""
    catalog = Catalog(snapshot(repository(), staged=staged, at=at))
    source = catalog.find(id)
    prompt = source.usable()
    messages = Caller(prompt).render(inputs(prompt, variables, vars_file))
    data = {"id": id, "digest": source.digest, "messages": messages}
    print_report(Report("render", head=catalog.snapshot.name, data=data), format)
    return 0
