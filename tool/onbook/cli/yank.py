"""``onbook yank``."""

from __future__ import annotations

import click

from onbook import release
from onbook.cli.common import note, note_completed, print_report, repository, snapshot
from onbook.cli.options import format_option
from onbook.project import Config
from onbook.repo.remote import default_remote, known_remote
from onbook.report import Check, Report, Status


@click.command()
@click.argument("id")
@click.argument("version")
@click.option("--reason", required=True, metavar="TEXT", help="Why, for whoever asks for this version.")
@click.option("--push", is_flag=True, help="Push the tag that withdraws it.")
@format_option
def command(id: str, version: str, reason: str, push: bool, format: str) -> int:
    """Withdraw a release: ranges and deployments pass over it, and who asks for just this version is warned.

    Nothing is deleted. One more tag, ID/vVERSION.yanked, says why.
    """
    repo = repository()
    note_completed(release.recover(repo))
    prefix = Config.load(snapshot(repo)).tag_prefix
    remote = default_remote(repo) if push else None
    tag = release.yank(repo, prefix, id, version, reason, remote=remote)
    data = {"id": id, "version": str(tag.version), "tag": tag.name, "pushed": remote}
    print_report(Report("yank", (Check(f"yank/{id}", Status.PASSED, id),), data=data), format)
    if not push:
        note(f"next: git push {known_remote(repo) or 'REMOTE'} {tag.ref}")
    return 0
