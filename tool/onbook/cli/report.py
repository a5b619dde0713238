"""``onbook report``."""

from __future__ import annotations

from pathlib import Path

import click

from onbook.cli.check import judged
from onbook.cli.common import STANDARD, note, read_input, write_output
from onbook.errors import OnbookError, UsageError
from onbook.pages.report import VERBS, report_page
from onbook.report import Report
from onbook.reporters.json import read_json


@click.command()
@click.argument("report", metavar="[REPORT]", required=False)
@click.option("--html", "out", metavar="OUT", required=True, help="The file to write: one page that loads nothing.")
@click.option("--base", metavar="REV", help="Without REPORT: compare with where this branch parted from REV.")
@click.option("--staged", is_flag=True, help="Without REPORT: look at the index.")
@click.option("--strict", is_flag=True, help="Without REPORT: exit with 1 on warnings too.")
def command(report: str | None, out: str, base: str | None, staged: bool, strict: bool) -> int:
    """Write a page of a check, a test or a comparison: the verdict, what changed, and every answer.

    REPORT is what `onbook check`, `test` or `compare` wrote with --format json --details; - reads standard input.
    Without it the page is of what `onbook check` judges here, and the exit code is that of the check.
    """
    if report is None:
        found, code = judged(base, staged, details=True)
        write_output(Path(out), report_page(found))
        note(f"{found.status}: {out}")
        return code or found.exit_code(strict=strict)
    if base is not None or staged or strict:
        raise UsageError("--base, --staged and --strict judge; with REPORT it has been judged already")
    write_output(Path(out), report_page(_read(report)))
    note(f"written: {out}")
    return 0


def _read(name: str) -> Report:
    raw = read_input(name, "this report")
    try:
        return read_json(raw, VERBS, "standard input" if name == STANDARD else name)
    except OnbookError as error:
        hint = "write one with `onbook check --details --format json`"
        raise UsageError(error.message, place=error.place, hint=hint) from None
