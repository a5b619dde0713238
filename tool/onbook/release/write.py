"""Writing the tags of a plan: everything, or nothing."""

from __future__ import annotations

from collections.abc import Mapping

from onbook.errors import IntegrityError
from onbook.manifest import TagObject
from onbook.release.plan import Plan
from onbook.repo import Repository, journal
from onbook.repo.remote import remote_tags
from onbook.repo.signing import sign, wanted
from onbook.repo.tags import list_tags, tagger, write_objects
from onbook.versions import YANKED, Tag


def apply(repo: Repository, plan: Plan, *, remote: str | None = None) -> list[str]:
    """Write the tags of a plan, and push them first if a remote is given. Everything, or nothing.

    Returns:
        The refs that the remote lacked, those of earlier releases first: they were pushed.

    Raises:
        OnbookError: signing or pushing failed, and no ref has been written; or it is not known whether the push
            arrived, and the next run will find out.
        IntegrityError: one of the versions is released already, here or at the remote.
    """
    with journal.locked(repo):
        earlier = lacking(repo, plan, remote) if remote else {}
        objects: list[str] = []
        if plan.releases:
            who = tagger(repo)
            payloads = [item.payload(plan.commit, who) for item in plan.releases]
            objects = write_objects(repo, sign(repo, payloads) if wanted(repo) else payloads)
        refs = {item.tag.ref: oid for item, oid in zip(plan.releases, objects, strict=True)}
        if refs or earlier:
            journal.write(repo, refs, remote=remote, earlier=earlier)
    return [*earlier, *refs] if remote else []


def recover(repo: Repository) -> dict[str, str]:
    """Complete what a killed run has left; see :func:`onbook.repo.journal.recover`.

    Returns:
        Its tags, each with the id of its object.
    """
    return _named(journal.recover(repo))


def pending(repo: Repository) -> dict[str, str]:
    """The tags that a killed run has left to be written, with their objects: the next run begins with these.

    From here on the repository lists them as if they were written, so that a plan is what the next run would make.
    """
    refs = journal.pending(repo)[0]
    if any(repo.read_object(oid) is None for oid in refs.values()):
        refs = {}  # it is too late to complete them, and the next run does not
    repo.awaited = refs
    return _named(refs)


def lacking(repo: Repository, plan: Plan, remote: str) -> dict[str, str]:
    """The refs and objects of earlier releases that a remote lacks: they are pushed along.

    Raises:
        IntegrityError: it has another tag under a name that is to be written, or a release that is not here.
        OnbookError: it cannot be reached.
    """
    there = remote_tags(repo, remote)
    _require_known(repo, plan, there, remote)
    earlier = {ref: oid for ref, oid in plan.earlier.items() if there.get(ref) != oid}
    for ref in (*earlier, *(item.tag.ref for item in plan.releases)):
        if ref in there:
            name = ref.removeprefix("refs/tags/")
            fetch = f"`git fetch {remote} --tags`, then release again"
            # Git would not fetch over a tag that is here.
            taken = f"if nobody uses the one here, `git tag --delete {name}`, {fetch}; else ask who moved the other"
            raise IntegrityError(
                f"no tag was written: {remote} holds another {name}",
                hint=taken if ref in earlier else f"somebody may have released meanwhile: {fetch}",
            )
    return earlier


def _require_known(repo: Repository, plan: Plan, there: Mapping[str, str], remote: str) -> None:
    """Refuse to release from a base that may not be the highest: a clone without tags would begin at 0.1.0 again."""
    due = {item.tag.id: item.tag for item in plan.releases}
    if not due:
        return
    prefix = next(iter(due.values())).prefix
    here = {ref.tag.ref for ref in list_tags(repo, prefix=prefix, prompts=due.keys())}
    for name in sorted(there.keys() - here - {tag.ref for tag in due.values()}):
        tag = Tag.parse(name.removeprefix("refs/tags/"), prefix)
        if tag and tag.id in due and not tag.yanked and not tag.version.pre:
            told = f"{remote} has {tag.name}, which is not here, so {due[tag.id].name} may not be next"
            raise IntegrityError(
                f"no tag was written: {told}",
                hint=f"`git fetch {remote} --tags`, then release again",
            )


def _named(refs: Mapping[str, str]) -> dict[str, str]:
    return {ref.removeprefix("refs/tags/"): oid for ref, oid in refs.items()}


def rows(repo: Repository, tags: Mapping[str, str]) -> list[dict[str, object]]:
    """Tags of :func:`recover` as a report has them, read from their objects; those that withdraw a release left out."""
    found: list[dict[str, object]] = []
    for name, oid in tags.items():
        kind, raw = repo.read_object(oid) or ("", b"")
        if kind != "tag" or name.endswith(YANKED):
            continue
        tag = TagObject.parse(raw, name)
        # A release begins with its prompt and version; its own name has the prefix as well.
        id, _, version = tag.message.partition("\n")[0].rpartition(" ")
        manifest = tag.manifest(name)
        found.append({"id": id, "version": version, "tag": name, "bump": manifest.bump, "digest": manifest.digest})
    return found
