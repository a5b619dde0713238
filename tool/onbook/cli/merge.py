"""``onbook merge``."""

from __future__ import annotations

import json
from typing import Any

import click

from onbook.cli.common import print_report, read_input
from onbook.cli.options import format_option
from onbook.errors import UsageError
from onbook.testing.shards import merge


@click.command()
@click.argument("reports", metavar="REPORT...", nargs=-1, required=True)
@format_option
def command(reports: tuple[str, ...], format: str) -> int:
    """Put the JSON reports of `onbook test --shard i/n` together: the report that one run would have given."""
    loaded: dict[str, Any] = {}
    for name in reports:
        if name in loaded:
            raise UsageError("this report is named twice", place=name)
        try:
            loaded[name] = json.loads(read_input(name, "this report"))
        except (ValueError, RecursionError) as error:
            raise UsageError(f"this report is no JSON: {error}", place=name) from None
    report = merge(loaded)
    print_report(report, format)
    return report.exit_code()
