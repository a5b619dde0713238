"""``onbook list``."""

from __future__ import annotations

import click

from onbook.bases import Bases
from onbook.cli.common import note, note_elsewhere, print_report, repository, snapshot
from onbook.cli.options import format_option, place_options
from onbook.project import Catalog
from onbook.report import Check, Finding, Report, Severity, Status


@click.command()
@place_options
@format_option
def command(staged: bool, at: str | None, format: str) -> int:
    """List the prompts and their latest releases, of those that HEAD (or the commit of --at) descends from."""
    repo = repository()
    catalog = Catalog(snapshot(repo, staged=staged, at=at))
    if not catalog.ids:
        note_elsewhere(repo, catalog)
    # Of an older commit, what had been released by then.
    bases = Bases(repo, catalog.config, repo.resolve(at) if at else repo.head)
    bases.look_at(catalog.ids)
    rows, checks = [], []
    for source in catalog.select(()):
        prompt = source.prompt
        released = bases.ref(source.id)
        rows.append(
            {
                "id": source.id,
                "version": str(released.tag.version) if released else None,
                "model": prompt.model if prompt else None,
                "status": prompt.metadata.get("status") if prompt else None,
                "cases": len(source.cases),
                "description": (prompt.description or prompt.name) if prompt else None,
                "digest": source.digest,
            }
        )
        if passed := bases.passed_over(source.id):
            checks.append(Check.of(f"list/{source.id}", passed, prompt=source.id))
        if prompt is None:
            problem = source.problems[0]
            finding = Finding("ON000", "not-checked", Severity.ERROR, problem.message, problem.path, problem.line)
            checks.append(Check(f"list/{source.id}", Status.UNCHECKED, source.id, (finding,)))
    if repo.shallow:
        note("note: this is a shallow clone, so releases may be missing: `git fetch --unshallow --tags` brings them")
    report = Report("list", tuple(checks), head=catalog.snapshot.name, data={"prompts": rows})
    print_report(report, format)
    return report.exit_code()
