"""``onbook check``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from onbook.cli.common import note, note_empty, print_report, repository, snapshot, write_output
from onbook.cli.options import SHAPES
from onbook.diff.report import FAIL_ON
from onbook.errors import OnbookError, UsageError
from onbook.gate import check, find_base, not_checked, read_event
from onbook.gate.outputs import output_lines, step_outputs, written
from onbook.lint.workers import cores
from onbook.project import Catalog
from onbook.report import Report, Status
from onbook.reporters import FORMATS
from onbook.testing.details import without

# Every other format of the same report, from one run.
_WRITTEN = (*FORMATS, "comment", "outputs", "html")


@click.command()
@click.option("--base", metavar="REV", help="Compare with where this branch parted from REV.")
@click.option("--staged", is_flag=True, help="Look at the index: what the next commit will hold.")
@click.option("--fail-on", multiple=True, type=click.Choice(FAIL_ON), help="Exit with 1 on such a change too.")
@click.option("--own-config", is_flag=True, help="Judge by this change's own waivers and configuration.")
@click.option("--write", "files", metavar="FORMAT=FILE", multiple=True, help=f"Also write {', '.join(_WRITTEN)}.")
@click.option("--details", is_flag=True, help="Put the answers, and what was asked, into the JSON report.")
@click.option("--strict", is_flag=True, help="Exit with 1 on warnings too.")
@click.option("--format", "format", metavar="FORMAT", type=click.Choice(FORMATS), help=f"{SHAPES}.")
def command(
    base: str | None,
    staged: bool,
    fail_on: tuple[str, ...],
    own_config: bool,
    files: tuple[str, ...],
    details: bool,
    strict: bool,
    format: str | None,
) -> int:
    """The gate of a pull request: lint, diff, and the tests of what changed, with one verdict.

    In GitHub Actions it finds the base by itself, annotates, and writes the summary and the step's outputs. Elsewhere,
    without --base, each prompt is compared with its latest release.
    """
    targets = [_target(each) for each in files]
    if details and format != "json" and not any(kind == "json" for kind, _ in targets):
        raise UsageError("--details adds to the JSON report alone", hint="write --format json or --write json=FILE")
    actions = os.environ.get("GITHUB_ACTIONS") == "true"
    paged = any(kind == "html" for kind, _ in targets)
    full, code = judged(base, staged, fail_on, own_config, details=details or paged)
    report = full if details else without(full)
    for kind, path in targets:
        write_output(path, written(full if kind == "html" else report, kind))
    if actions:
        _append("GITHUB_OUTPUT", output_lines(step_outputs(report)))
        _append("GITHUB_STEP_SUMMARY", written(report, "markdown"))
    print_report(report, format or ("github" if actions else "terminal"))
    return code or report.exit_code(strict=strict)


def judged(
    base: str | None,
    staged: bool = False,
    fail_on: tuple[str, ...] = (),
    own_config: bool = False,
    *,
    details: bool = False,
) -> tuple[Report, int]:
    """The report, and the exit code where the check could not begin.

    Raises:
        OnbookError: it could not begin, and nobody but a person at a terminal would read a report of that.
    """
    actions = os.environ.get("GITHUB_ACTIONS") == "true"
    try:
        repo = repository()
        event = read_event(os.environ, named=base is not None)
        found = find_base(repo, named=base, event=event)
        # In Actions what is checked out is judged, and not what other steps have put beside it.
        at = "HEAD" if actions and not staged else None
        place = snapshot(repo, staged=staged, at=at)
        report = check(
            repo, place, found,
            fail_on=fail_on, fork=event is not None and event.fork, own_config=own_config, jobs=cores(),
            details=details,
        )  # fmt: skip
        if report.status is Status.PASSED and not any(each.prompt for each in report.checks):
            note_empty(repo, Catalog(place))
    except OnbookError as error:
        if not actions:
            raise
        # Whoever reads the summary, the outputs or the comment must not find those of nothing.
        return not_checked(error), error.exit_code
    return report, 0


def _target(text: str) -> tuple[str, Path]:
    kind, equals, path = text.partition("=")
    if not equals or not path or kind not in _WRITTEN:
        raise UsageError(f"--write takes FORMAT=FILE, not {text!r}", hint=f"formats: {', '.join(_WRITTEN)}")
    return kind, Path(path)


def _append(variable: str, text: str) -> None:
    path = os.environ.get(variable)
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        note(f"{variable} cannot be written: {error.strerror}")
