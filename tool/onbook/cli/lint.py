"""``onbook lint``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from onbook.cli.common import note, note_empty, print_report, repository, snapshot
from onbook.cli.options import format_option, place_options
from onbook.errors import UsageError
from onbook.prompt import PROMPTS
from onbook.repo import Repository

if TYPE_CHECKING:
    from onbook.project import Catalog


@click.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@place_options
@click.option("--select", multiple=True, metavar="RULE", help="Only these rules: ids, names, or beginnings of ids.")
@click.option("--ignore", multiple=True, metavar="RULE", help="Not these rules.")
@click.option("--strict", is_flag=True, help="Exit with 1 on warnings too.")
@click.option(
    "--jobs", type=click.IntRange(1), metavar="N", help="Processes that look at prompts; default: one a core."
)
@click.option("--no-cache", is_flag=True, help="Look at everything again, and keep nothing for the next time.")
@click.option("--fix", is_flag=True, help="Mend what has one right answer, in the work tree, and tell the rest.")
@click.option("--stats", metavar="DIR", help="Count how many prompts below any folder each rule fires on.")
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
    fix: bool,
    stats: str | None,
    format: str,
) -> int:
    """Find faults in prompts: those that are named, or all."""
    if stats is not None:
        if ids or staged or at is not None or select or ignore or fix or strict or jobs or no_cache:
            raise UsageError("--stats runs every rule on every prompt of a folder, and goes with --format alone")
        from onbook.lint.survey import survey

        report = survey(Path(stats))
        print_report(report, format)
        return report.exit_code()
    if fix and (staged or at is not None):
        raise UsageError("--fix mends the work tree, and neither --staged nor --at", hint="leave out one of the two")
    repo = repository(writes=fix)
    place = snapshot(repo, staged=staged, at=at)
    # Git lists the files while Python imports what looks at them.
    place.expect(PROMPTS)
    from onbook.lint import lint
    from onbook.lint.workers import cores
    from onbook.project import Catalog

    def catalog() -> Catalog:
        found = Catalog(place)
        own = found.config
        found.config = replace(own, select=_names(select) or own.select, ignore=(*own.ignore, *_names(ignore)))
        return found

    fixed = []
    if fix:
        fixed = _fix(repo, catalog(), ids)
        place = place.again()
    looked = catalog()
    note_empty(repo, looked)
    report = lint(looked, ids, jobs=jobs or cores(), keep=not no_cache)
    if fix:
        report = replace(report, data={**report.data, "fixed": fixed})
    print_report(report, format)
    return report.exit_code(strict=strict)


def _fix(repo: Repository, catalog: Catalog, ids: tuple[str, ...]) -> list[dict[str, object]]:
    """Mend files, and tell each change."""
    from onbook.files import write_atomic
    from onbook.lint.fixes import fixes, rewritten

    done: list[dict[str, object]] = []
    for fixed in fixes(catalog, ids):
        path = repo.root / fixed.path
        raw = rewritten(path.read_bytes(), fixed)
        if raw is None:
            note(f"left    {fixed.path}: the file on disk is not what git would store, or it has just changed")
            continue
        write_atomic(path, raw)
        for edit in sorted(fixed.edits, key=lambda edit: (edit.line, edit.column)):
            note(f"fixed   {edit.path}:{edit.line}:{edit.column}: {edit.old} -> {edit.new} ({edit.rule})")
            row = {"rule": edit.rule, "path": edit.path, "line": edit.line, "column": edit.column}
            done.append({**row, "old": edit.old, "new": edit.new})
    return done


def _names(given: tuple[str, ...]) -> tuple[str, ...]:
    """Rules as they are given on a command line: an option each, or several in one, with commas."""
    return tuple(name for text in given for name in text.replace(",", " ").split())
