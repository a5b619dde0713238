"""``onbook log``."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from onbook.cli.common import format_option, print_report, repository, snapshot
from onbook.errors import IntegrityError
from onbook.project import Config
from onbook.prompt import require_id
from onbook.repo.tags import list_tags, read_tag
from onbook.report import Check, Finding, Report, Severity


@click.command()
@click.argument("id")
@format_option
def command(id: str, format: str) -> int:
    """List the releases of a prompt, newest first, with what changed in each."""
    repo = repository()
    require_id(id)
    config = Config.load(snapshot(repo))
    refs = list_tags(repo, prefix=config.tag_prefix, prompt=id)
    withdrawn = {ref.tag.version for ref in refs if ref.tag.yanked}
    rows, checks = [], []
    for ref in sorted(refs, key=lambda ref: ref.tag.version, reverse=True):
        if ref.tag.yanked:
            continue
        try:
            found = read_tag(repo, ref)
            manifest = found.manifest(ref.tag.name)
        except IntegrityError as error:
            finding = Finding("OR101", "not-a-release", Severity.WARNING, error.message, error.place, hint=error.hint)
            checks.append(Check.of(f"log/{ref.tag.name}", [finding], prompt=id))
            continue
        rows.append(
            {
                "id": id,
                "version": str(ref.tag.version),
                "tag": ref.tag.name,
                "commit": ref.commit,
                "bump": manifest.bump,
                "digest": manifest.digest,
                "tagger": _told(found.tagger),
                "rules": list(manifest.rules),
                "tests": manifest.tests,
                "notes": found.notes.partition("\n\n")[2],
                "yanked": ref.tag.version in withdrawn,
            }
        )
    report = Report("log", tuple(checks), data={"releases": rows})
    print_report(report, format)
    return report.exit_code()


def _told(tagger: str) -> str:
    """``Name <mail> 1700000000 +0000`` as a day and a name."""
    who, _, when = tagger.partition("> ")
    seconds = when.split(" ")[0]
    day = datetime.fromtimestamp(int(seconds), UTC).date().isoformat() if seconds.isdigit() else "?"
    return f"{day} {who.partition(' <')[0]}"
