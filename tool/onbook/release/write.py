"""Writing the tags of a plan: everything, or nothing."""

from __future__ import annotations

from onbook.errors import IntegrityError
from onbook.release.plan import Plan
from onbook.repo import Repository, journal
from onbook.repo.remote import remote_tags
from onbook.repo.signing import sign, wanted
from onbook.repo.tags import tagger, write_objects


def apply(repo: Repository, plan: Plan, *, remote: str | None = None) -> None:
    """Write the tags of a plan, and push them first if a remote is given. Everything, or nothing.

    Raises:
        OnbookError: signing or pushing failed, and no ref has been written; or it is not known whether the push
            arrived, and the next run will find out.
        IntegrityError: one of the versions is released already, here or at the remote.
    """
    with journal.locked(repo):
        there = remote_tags(repo, remote) if remote else {}
        earlier = {ref: oid for ref, oid in plan.earlier.items() if there.get(ref) != oid} if remote else {}
        for ref in (*earlier, *(item.tag.ref for item in plan.releases)):
            if ref in there:
                raise IntegrityError(
                    f"no tag was written: {remote} holds another {ref.removeprefix('refs/tags/')}",
                    hint=f"somebody may have released meanwhile: `git fetch {remote} --tags`, then release again",
                )
        objects: list[str] = []
        if plan.releases:
            who = tagger(repo)
            payloads = [item.payload(plan.commit, who) for item in plan.releases]
            objects = write_objects(repo, sign(repo, payloads) if wanted(repo) else payloads)
        refs = {item.tag.ref: oid for item, oid in zip(plan.releases, objects, strict=True)}
        if refs or earlier:
            journal.write(repo, refs, remote=remote, earlier=earlier)


def recover(repo: Repository) -> list[str]:
    """Complete what a killed run has left and return the tags; see :func:`onbook.repo.journal.recover`."""
    return journal.recover(repo)
