"""``onbook release``."""

from __future__ import annotations

from dataclasses import replace

import click

from onbook import release
from onbook.cli.common import edited, note, note_completed, print_report, repository
from onbook.cli.options import format_option
from onbook.project import Config
from onbook.repo import Repository
from onbook.repo.remote import default_remote, known_remote
from onbook.repo.worktree import WorkTree
from onbook.report import Report, Status


@click.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Print exactly what would be written, and write nothing.")
@click.option("--push", is_flag=True, help="Push the tags, all or none, before they are written here.")
@click.option("--pre", metavar="LABEL", help="Make candidates: rc gives 1.5.0-rc.1, then 1.5.0-rc.2.")
@click.option("--force", metavar="REASON", help="Release although gates are shut; the reason is written into the tag.")
@format_option
def command(ids: tuple[str, ...], dry_run: bool, push: bool, pre: str | None, force: str | None, format: str) -> int:
    """Tag what changed since its last release, at HEAD: one annotated tag for each prompt, with notes."""
    repo = repository()
    left = release.pending(repo) if dry_run else release.recover(repo)
    note_completed(left, dry_run=dry_run)
    completed = release.rows(repo, left)
    plan = release.plan(repo, ids, pre=pre, forced=force)
    report = replace(plan.report, data={**plan.report.data, "completed": completed})
    remote = default_remote(repo) if push else None
    pushed: list[str] = []
    if dry_run:
        report = _with_messages(report, plan)
        if remote and report.status is Status.PASSED:
            report = _with_pushed(report, remote, [*release.lacking(repo, plan, remote), *_refs(plan)])
    elif report.status is Status.PASSED:
        pushed = release.apply(repo, plan, remote=remote)
        if remote:
            report = replace(report, data={**report.data, "push": {"remote": remote, "refs": pushed}})
    print_report(report, format)
    if dry_run and plan.releases:
        note("dry run: nothing was written")
    if report.status is Status.PASSED:
        if not plan.releases:
            _note_uncommitted(repo)
        if not dry_run:
            _note_next(repo, plan, remote, pushed)
    return report.exit_code()


def _note_next(repo: Repository, plan: release.Plan, remote: str | None, refs: list[str]) -> None:
    if remote is None:
        if plan.releases and known_remote(repo):
            note("next: `onbook release --push`: applications fetch from the remote")
        return
    some = ", ".join(ref.removeprefix("refs/tags/") for ref in refs[:3])
    more = f" and {len(refs) - 3} more" if len(refs) > 3 else ""
    note(f"pushed to {remote}: {some}{more}" if refs else f"{remote} has all of these releases")


def _note_uncommitted(repo: Repository) -> None:
    """Tell what is edited and not committed: who sees nothing released looks for it there."""
    if repo.bare:
        return
    folder = Config.load(WorkTree(repo)).prompts
    if found := edited(repo, folder):
        what = found[0] if len(found) == 1 else f"{len(found)} files below {folder}/ ({found[0]}, ...)"
        note(f"note: not committed, and releases are made of HEAD: {what}")


def _refs(plan: release.Plan) -> list[str]:
    return [item.tag.ref for item in plan.releases]


def _with_messages(report: Report, plan: release.Plan) -> Report:
    rows = report.data["tags"]
    assert isinstance(rows, list)
    told = [
        {**row, "ref": item.tag.ref, "message": item.message} for row, item in zip(rows, plan.releases, strict=True)
    ]
    return replace(report, data={**report.data, "tags": told})


def _with_pushed(report: Report, remote: str, refs: list[str]) -> Report:
    note(f"would push {len(refs)} {'tag' if len(refs) == 1 else 'tags'} to {remote}, all or none")
    return replace(report, data={**report.data, "push": {"remote": remote, "refs": refs}})
