"""``onbook log``."""

from __future__ import annotations

import click

from onbook.bases import Bases
from onbook.cli.common import print_report, repository, snapshot
from onbook.cli.options import format_option
from onbook.comparison.unreleased import since_release
from onbook.errors import IntegrityError, OnbookError
from onbook.project import Catalog, Config
from onbook.prompt import SUFFIXES, require_id
from onbook.repo import Repository
from onbook.repo.tags import TagRef, list_tags, read_release, read_tag
from onbook.report import Check, Finding, Report, Severity, Status


@click.command()
@click.argument("id")
@format_option
def command(id: str, format: str) -> int:
    """List the releases of a prompt, newest first, with what changed in each, and what changed since the last."""
    repo = repository()
    if id.endswith(SUFFIXES):
        Catalog(snapshot(repo)).path(id)  # the path of a file, as shells complete it, is told whose it is
    require_id(id)
    config = Config.load(snapshot(repo))
    refs = list_tags(repo, prefix=config.tag_prefix, prompt=id)
    if not refs and not repo.shallow:
        Catalog(snapshot(repo)).path(id)  # of a name that nobody has, "no releases yet" would be no answer
    withdrawn = {ref.tag.version: _reason(repo, ref) for ref in refs if ref.tag.yanked}
    rows, checks = [], []
    for ref in sorted(refs, key=lambda ref: ref.tag.version, reverse=True):
        if ref.tag.yanked:
            continue
        try:
            found, manifest = read_release(repo, ref)
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
                "tagger": " ".join(filter(None, reversed(found.tagged))),
                "rules": list(manifest.rules),
                "tests": manifest.tests,
                "notes": found.notes.partition("\n\n")[2],
                "yanked": ref.tag.version in withdrawn,
                "reason": withdrawn.get(ref.tag.version),
            }
        )
    if not rows and repo.shallow:
        checks.append(_not_here(id))
    unreleased = _unreleased(repo, config, id) if rows else None
    report = Report("log", tuple(checks), data={"releases": rows, "unreleased": unreleased})
    print_report(report, format)
    return report.exit_code()


def _not_here(id: str) -> Check:
    message = f"no release of {id} is in this shallow clone, which says nothing of those elsewhere"
    hint = "run `git fetch --unshallow --tags`; in GitHub Actions give actions/checkout `fetch-depth: 0`"
    return Check(f"log/{id}", Status.UNCHECKED, id, (Finding("OR102", "not-here", Severity.ERROR, message, hint=hint),))


def _reason(repo: Repository, ref: TagRef) -> str | None:
    """Why a release was withdrawn: what follows the title of the tag; None where somebody else's tag does not say."""
    try:
        return read_tag(repo, ref).reason or None
    except OnbookError:
        return None


def _unreleased(repo: Repository, config: Config, id: str) -> dict[str, object] | None:
    """What changed between the last release and HEAD, as a row of diff; None where nothing did, or nobody can say."""
    try:
        ref = Bases(repo, config, repo.head, prompts=(id,)).ref(id)
        found = since_release(repo, config, ref, read_release(repo, ref)[1].files) if ref else None
    except OnbookError:
        return None
    if found is None:
        return None
    from onbook.diff.report import diff_report

    rows = diff_report([found], base=None, head="HEAD").data["prompts"]
    return rows[0] if isinstance(rows, list) else None
