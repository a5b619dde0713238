"""Withdrawing a release: one more tag, whose message is the reason. The release itself stays as it is."""

from __future__ import annotations

from onbook.errors import IntegrityError, UsageError
from onbook.manifest import TagObject, one_line
from onbook.prompt import require_id
from onbook.repo import Repository, journal
from onbook.repo.remote import remote_tags
from onbook.repo.signing import sign, wanted
from onbook.repo.tags import list_tags, read_tag, release_of, tagger, write_objects
from onbook.versions import Tag, Version


def yank(repo: Repository, prefix: str, id: str, version: str, reason: str, *, remote: str | None = None) -> Tag:
    """Withdraw a release and return the tag that says so: ``support/triage/v1.4.0.yanked``.

    Ranges and deployments pass over it from then on; whoever asks for just this version is served and warned.

    Args:
        prefix: what the repository puts before its release tags.
        reason: for people; it stands in the tag.
        remote: push the tag there, with the release's own if it is not there yet.

    Raises:
        UsageError: there is no such release, it is withdrawn already, or there is no reason.
        IntegrityError: the remote has another tag of that name.
        OnbookError: signing or pushing failed, and nothing was written.
    """
    require_id(id)
    wanted_version = Version.parse(version.removeprefix("v"))
    why = one_line(reason)
    if not why:
        raise UsageError("a release is withdrawn for a reason", hint='onbook yank ID VERSION --reason "..."')
    refs = list_tags(repo, prefix=prefix, prompt=id)
    if any(ref.tag.yanked and ref.tag.version == wanted_version for ref in refs):
        ref = Tag(id, wanted_version, prefix, yanked=True).ref
        hint = f"where it is not told elsewhere yet: `git push {remote or 'REMOTE'} {ref}`"
        raise UsageError(f"{id} {wanted_version} is withdrawn already", hint=hint)
    released = release_of(refs, id, wanted_version)
    if not released.annotated:
        raise IntegrityError(f"{released.tag.name} is a lightweight tag, and no release", hint=_DELETE)
    # The object's own word: from git 2.45 on, the ref of a tag of a tag is told with the commit behind both.
    if read_tag(repo, released).type != "commit":
        raise IntegrityError(f"{released.tag.name} does not point at a commit, and is no release", hint=_DELETE)
    tag = Tag(id, wanted_version, prefix, yanked=True)
    with journal.locked(repo):
        there_now = remote_tags(repo, remote) if remote else {}
        if tag.ref in there_now:
            raise IntegrityError(f"{remote} has {tag.name} already", hint=f"`git fetch {remote} --tags` brings it")
        message = f"{id} {wanted_version} is withdrawn\n\n{why}\n"
        payload = TagObject(released.commit, "commit", tag.name, tagger(repo), message).raw()
        objects = write_objects(repo, sign(repo, [payload]) if wanted(repo) else [payload])
        earlier = {}
        if remote and there_now.get(released.tag.ref) != released.object:
            earlier = {released.tag.ref: released.object}
        journal.write(repo, {tag.ref: objects[0]}, remote=remote, earlier=earlier)
    return tag


_DELETE = "what is no release is not withdrawn: delete the tag where nobody uses it, here and at the remote"
