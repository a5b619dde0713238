"""Which prompts need a release, which version, and whether every gate is open."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from onbook.bases import Bases
from onbook.diff import PromptDiff, diff_sources, next_version, waive, waivers_of
from onbook.errors import IntegrityError, OnbookError, UsageError
from onbook.manifest import Manifest, TagObject, one_line
from onbook.project import Catalog, Source
from onbook.release.gates import force, gates, incomparable, require_branch
from onbook.release.notes import Commits, notes
from onbook.repo import Repository
from onbook.repo.snapshot import Commit
from onbook.repo.tags import TagRef, list_tags, read_release
from onbook.report import Check, Finding, Report, Severity, Status
from onbook.versions import Tag, Version

INITIAL = "initial"


@dataclass(frozen=True, slots=True)
class Planned:
    """One release that is to be made.

    Attributes:
        found: what changed since the base; bump: the word for it in the tag (``initial`` for a first release).
        message: the tag's message, trailers included.
    """

    found: PromptDiff
    tag: Tag
    bump: str
    manifest: Manifest
    message: str

    def payload(self, commit: str, who: str) -> bytes:
        """The raw tag object, unsigned."""
        return TagObject(commit, "commit", self.tag.name, who, self.message).raw()


@dataclass(frozen=True, slots=True)
class Plan:
    """All releases of one run, and why it may not be carried out.

    Attributes:
        commit: what is released; report: the checks of every gate, and the tags as data.
        earlier: refs and objects of what was released before; they belong on the remote as well.
    """

    commit: str
    releases: tuple[Planned, ...]
    report: Report
    earlier: Mapping[str, str]


def plan(
    repo: Repository,
    ids: Iterable[str] = (),
    *,
    revision: str = "HEAD",
    pre: str | None = None,
    forced: str | None = None,
) -> Plan:
    """Which prompts need a release at a commit, and whether every gate is open.

    Args:
        pre: make candidates: ``rc`` gives 1.5.0-rc.1, then 1.5.0-rc.2.
        forced: a reason to pass the gates that are shut; it is written into the tags of the prompts that it concerns.

    Raises:
        UsageError: a declared version is too small or taken, the commit is not on the release branch, or ``pre`` or
            ``forced`` cannot be written down.
        OnbookError: the clone is shallow, so that the base of a prompt is not known.
    """
    _require_label(pre)
    reason = _require_reason(forced)
    snapshot = Commit(repo, revision)
    catalog = Catalog(snapshot)
    require_branch(repo, snapshot.name, catalog.config.release_branch)
    bases = Bases(repo, catalog.config, snapshot.name)
    tags = list_tags(repo, prefix=catalog.config.tag_prefix)
    choose = _Versions(repo, tags, pre)
    checks: list[Check] = []
    due: list[tuple[Source, PromptDiff, Tag]] = []
    sources = catalog.select(ids)
    bases.look_at(source.id for source in sources)
    for source in sources:
        if source.prompt and source.prompt.is_draft:
            checks.append(_skipped(source, "this prompt is a draft"))
            continue
        old, base = bases.source(source.id)
        if passed := bases.passed_over(source.id):
            checks.append(Check.of(f"release/{source.id}", passed, prompt=source.id))
        try:
            found = diff_sources(source.id, old, source, base=base, readers=catalog.config.readers)
            found = waive(found, waivers_of(catalog.config, source))
        except OnbookError as error:
            checks += incomparable(catalog, source, base, error)
            continue
        needed = next_version(found)
        if needed is None:
            checks.append(_skipped(source, f"nothing to release since {base}"))
        elif (version := choose.version(source, needed)) is None:
            checks.append(_skipped(source, f"nothing to release since {choose.latest(source, needed)}"))
        else:
            due.append((source, found, Tag(source.id, version, catalog.config.tag_prefix)))
    judged = gates(catalog, [(source, found) for source, found, _ in due])
    history = Commits(repo, snapshot.name, catalog.config.prompts)
    releases = []
    for source, found, tag in due:
        shut = judged[source.id].shut
        checks += force(judged[source.id].checks) if reason else judged[source.id].checks
        commits = history.of(found, ref.commit if (ref := bases.ref(source.id)) else None)
        releases.append(_planned(found, tag, judged[source.id].tests, commits, reason if shut else ""))
    report = Report("release", tuple(checks), head=snapshot.name, data={"tags": [_row(item) for item in releases]})
    chosen = {source.id for source in sources}
    earlier = {ref.tag.ref: ref.object for ref in tags if ref.tag.id in chosen and ref.annotated}
    return Plan(snapshot.name, tuple(releases), report, earlier)


class _Versions:
    """The versions that releases get, held against the tags that are there."""

    def __init__(self, repo: Repository, tags: Iterable[TagRef], pre: str | None) -> None:
        self._repo = repo
        self._pre = pre
        self._tags: dict[str, dict[Version, TagRef]] = {}
        for ref in tags:
            if not ref.tag.yanked:
                self._tags.setdefault(ref.tag.id, {})[ref.tag.version] = ref

    def latest(self, source: Source, needed: Version) -> Version | None:
        """The highest candidate on the way to a version; a declared candidate only itself."""
        known = self._tags.get(source.id, {})
        if needed.pre:
            return needed if needed in known else None
        if self._pre is None:
            return None
        return max((each for each in known if each.core == needed.core and each.pre[:1] == (self._pre,)), default=None)

    def version(self, source: Source, needed: Version) -> Version | None:
        """The version of the release; None where the latest candidate is this very prompt.

        Raises:
            UsageError: the version is taken, or the file declares another candidate than is asked for.
        """
        latest = self.latest(source, needed)
        if latest is not None and self._holds(self._tags[source.id][latest], source):
            return None
        if self._pre is not None and needed.pre:
            raise UsageError(
                f"the file declares the candidate {needed}, which leaves nothing to choose",
                place=source.path,
                hint=f"release without --pre, or declare {Version(*needed.core)}",
            )
        if self._pre is not None:
            number = int(latest.pre[1]) + 1 if latest and latest.pre[1:2] and latest.pre[1].isdigit() else 1
            return Version(*needed.core, (self._pre, str(number)))
        if taken := self._tags.get(source.id, {}).get(needed):
            self._require_release(taken, source)
            hint = "merge that history first, or declare a higher version in the file"
            where = f"by commit {taken.commit[:12]}, which is not in this history"
            if needed.pre:
                where, hint = f"by commit {taken.commit[:12]}", "declare the next candidate in the file"
            raise UsageError(f"tag {taken.tag.name} is taken, {where}", place=source.path, hint=hint)
        return needed

    def _require_release(self, taken: TagRef, source: Source) -> None:
        try:
            read_release(self._repo, taken)
        except IntegrityError as error:
            told = f"tag {taken.tag.name} is taken, and is no release: {error.message}"
            delete = f"delete it where nobody uses it (`git tag -d {taken.tag.name}`)"
            hint = f"{delete}, or declare a higher version in the file"
            raise UsageError(told, place=source.path, hint=hint) from None

    def _holds(self, ref: TagRef, source: Source) -> bool:
        try:
            return read_release(self._repo, ref)[1].digest == source.digest
        except IntegrityError:
            return False


_LABEL = re.compile(r"[A-Za-z][0-9A-Za-z-]*")


def _require_label(pre: str | None) -> None:
    if pre is not None and not (_LABEL.fullmatch(pre) and len(pre) <= 20):
        raise UsageError(f"{pre!r} is no name of candidates", hint="use letters, as in rc or beta")


def _require_reason(forced: str | None) -> str:
    reason = one_line(forced or "")
    if forced is not None and not reason:
        raise UsageError(
            "a release is forced with a reason", hint='onbook release --force "why the gates do not count"'
        )
    return reason


def _planned(found: PromptDiff, tag: Tag, tests: str, commits: list[str], forced: str) -> Planned:
    assert found.new
    bump = INITIAL if found.base is None else str(found.bump)
    rules = dict.fromkeys(change.rule.id for change in found.changes if found.base is not None)
    previous = str(found.base) if found.base else None
    manifest = Manifest(found.new.digest, bump, found.new.closure, previous, tuple(rules), tests, forced)
    message = "\n\n".join([f"{tag.id} {tag.version}", *notes(found, commits, forced), manifest.trailers()])
    return Planned(found, tag, bump, manifest, message)


def _row(item: Planned) -> dict[str, object]:
    return {
        "id": item.tag.id,
        "version": str(item.tag.version),
        "tag": item.tag.name,
        "bump": item.bump,
        "digest": item.manifest.digest,
    }


def _skipped(source: Source, message: str) -> Check:
    finding = Finding("OR001", "not-released", Severity.INFO, message, source.path)
    return Check(f"release/{source.id}", Status.SKIPPED, source.id, (finding,))
