"""``onbook diff``."""

from __future__ import annotations

from collections.abc import Iterable

import click

from onbook.cli.common import format_option, print_report, repository, snapshot
from onbook.diff import PromptDiff, diff_sources, waive, waivers_of
from onbook.diff.report import FAIL_ON, diff_report
from onbook.errors import OnbookError, UsageError
from onbook.project import Catalog, Source
from onbook.release import Bases
from onbook.repo import Repository
from onbook.repo.snapshot import Commit
from onbook.versions import Version


@click.command()
@click.argument("what", metavar="[BASE[..HEAD]] [ID]...", nargs=-1)
@click.option("--staged", is_flag=True, help="Compare the index: what the next commit will hold.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 if anything changed.")
@click.option("--fail-on", multiple=True, type=click.Choice(FAIL_ON), help="Exit with 1 on such a change.")
@click.option("--bump", is_flag=True, help="Print only the needed bump of one prompt, for scripts.")
@format_option
def command(
    what: tuple[str, ...], staged: bool, exit_code: bool, fail_on: tuple[str, ...], bump: bool, format: str
) -> int:
    """Tell what changes mean to the applications that call a prompt, and which version they need.

    Without BASE each prompt is compared with its latest release; without HEAD it is the work tree that is compared.
    """
    repo = repository()
    base, head, ids = _split(repo, what)
    if staged and head is not None:
        raise UsageError("--staged compares the index, so no HEAD can be named")
    catalog = Catalog(snapshot(repo, staged=staged, at=head))
    bases = Bases(repo, catalog, repo.resolve(base) if base else _commit(repo, head))
    before = Catalog(Commit(repo, base)) if base else None
    found: list[PromptDiff] = []
    broken: dict[str, OnbookError] = {}
    for id in _wanted(catalog, before, ids):
        try:
            old, version = _old(id, bases, before)
            compared = diff_sources(id, old, catalog.get(id), base=version, readers=catalog.config.readers)
        except OnbookError as error:
            broken[id] = error
            continue
        if compared.changes:
            found.append(waive(compared, waivers_of(catalog.config, compared.new)))
    if bump:
        return _print_bump(ids, found, broken)
    report = diff_report(found, base=base, head=catalog.snapshot.name, fail_on=fail_on, broken=broken)
    print_report(report, format)
    return report.exit_code() or (1 if exit_code and found else 0)


def _split(repo: Repository, what: tuple[str, ...]) -> tuple[str | None, str | None, tuple[str, ...]]:
    """The base, the head and the ids: the first word is a revision if git knows it and it is no prompt."""
    if not what:
        return None, None, ()
    first = what[0]
    if ".." in first:
        base, _, head = first.partition("..")
        return base or "HEAD", head.lstrip(".") or "HEAD", what[1:]
    known = set(Catalog(snapshot(repo)).ids)
    if first in known:
        return None, None, what
    try:
        repo.resolve(first)
    except UsageError:
        return None, None, what
    return first, None, what[1:]


def _commit(repo: Repository, head: str | None) -> str | None:
    return repo.resolve(head) if head else repo.head


def _wanted(catalog: Catalog, before: Catalog | None, ids: Iterable[str]) -> list[str]:
    if not ids:
        return sorted({*catalog.ids, *(before.ids if before else ())})
    for id in ids:
        if before is None or id not in before.ids:
            catalog.find(id)
    return list(ids)


def _old(id: str, bases: Bases, before: Catalog | None) -> tuple[Source | None, Version | None]:
    if before is None:
        return bases.source(id)
    return before.get(id), bases.version(id)


def _print_bump(ids: tuple[str, ...], found: list[PromptDiff], broken: dict[str, OnbookError]) -> int:
    if len(ids) != 1:
        raise UsageError("--bump prints the bump of one prompt", hint="onbook diff --bump ID")
    if broken:
        raise broken[ids[0]]
    click.echo(str(found[0].bump) if found else "none")
    return 0
