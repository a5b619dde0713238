"""``onbook diff``."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import click

from onbook.cli.common import print_report, repository, snapshot
from onbook.cli.options import format_option
from onbook.cli.streams import say
from onbook.comparison.repository import Comparison, compare
from onbook.diff.report import FAIL_ON, diff_report
from onbook.errors import UsageError
from onbook.project import Catalog
from onbook.repo import Repository


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
    BASE...HEAD compares from where the two parted, as git does.
    """
    repo = repository()
    tree = cache(lambda: Catalog(snapshot(repo)))
    base, head, ids = _split(repo, what, tree)
    if staged and head is not None:
        raise UsageError("--staged compares the index, so no HEAD can be named")
    # What was listed to tell a prompt from a revision is not listed again.
    catalog = Catalog(snapshot(repo, staged=staged, at=head)) if staged or head is not None else tree()
    if base is None and ids:
        _require_known(catalog, ids[0])
    found = compare(repo, catalog, base=base, commit=_commit(repo, head), ids=ids)
    if bump:
        return _print_bump(ids, found)
    report = diff_report(
        found.diffs,
        base=base,
        head=catalog.snapshot.name,
        fail_on=fail_on,
        broken=found.broken,
        more=found.more,
        passed_over=found.passed_over,
    )
    print_report(report, format)
    return report.exit_code() or (1 if exit_code and found.diffs else 0)


def _split(
    repo: Repository, what: tuple[str, ...], tree: Callable[[], Catalog]
) -> tuple[str | None, str | None, tuple[str, ...]]:
    """The base, the head and the ids: the first word is a revision if git knows it and it is no prompt.

    ``A...B`` is, as in git, what B has done since it left A.
    """
    if not what:
        return None, None, ()
    first = what[0]
    if "..." in first:
        one, _, two = first.partition("...")
        return _merge_base(repo, one or "HEAD", two or "HEAD"), two or "HEAD", what[1:]
    if ".." in first:
        base, _, head = first.partition("..")
        return base or "HEAD", head or "HEAD", what[1:]
    if first in tree().paths:
        return None, None, what
    try:
        repo.resolve(first)
    except UsageError:
        return None, None, what
    return first, None, what[1:]


def _merge_base(repo: Repository, one: str, two: str) -> str:
    found = repo.text("merge-base", repo.resolve(one), repo.resolve(two), accept=(0, 1))
    if not found:
        hint = "`git fetch --unshallow --tags` brings the whole history" if repo.shallow else f"compare {one}..{two}"
        raise UsageError(f"{one} and {two} have no commit in common here", hint=hint)
    return found


def _require_known(catalog: Catalog, word: str) -> None:
    """Refuse a first word that is no prompt, having been no revision either."""
    try:
        catalog.path(word)
    except UsageError as error:
        id, _, version = word.rpartition("@")
        hint = "`onbook list` names the prompts, `git branch` and `git tag` the commits"
        if re.fullmatch(r"v?\d+\.\d+\.\d+\S*", version):
            tag = f"{catalog.config.tag_prefix}{id or 'ID'}/v{version.removeprefix('v')}"
            hint = f"a release is compared by its tag: onbook diff {tag}"
        elif error.hint and error.hint.startswith("did you mean"):
            hint = error.hint
        raise UsageError(f"{word!r} is neither a prompt nor a commit here", hint=hint) from None


def _commit(repo: Repository, head: str | None) -> str | None:
    return repo.resolve(head) if head else repo.head


def _print_bump(ids: tuple[str, ...], found: Comparison) -> int:
    if len(ids) != 1:
        raise UsageError("--bump prints the bump of one prompt", hint="onbook diff --bump ID")
    for error in found.broken.values():
        raise error
    say(str(found.diffs[0].bump) if found.diffs else "none")
    return 0
