"""Releases: plan which prompts need one, and write their tags all or none. Tags are the only state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from onbook.diff import Change, PromptDiff, diff_sources, next_version, waive, waivers_of
from onbook.diff.report import finding_of
from onbook.errors import IntegrityError, OnbookError, UsageError
from onbook.lint import lint
from onbook.manifest import Manifest
from onbook.project import Catalog, Source
from onbook.repo import Repository, journal
from onbook.repo.git import GitError
from onbook.repo.remote import default_remote, head_branch, remote_tags
from onbook.repo.signing import sign, wanted
from onbook.repo.snapshot import Commit
from onbook.repo.tags import TagRef, list_tags, tagger, write_objects
from onbook.report import Check, Finding, Report, Severity, Status
from onbook.testing import runner
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
        head = f"object {commit}\ntype commit\ntag {self.tag.name}\ntagger {who}\n\n"
        return (head + self.message).encode()


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


def base_releases(repo: Repository, prefix: str, commit: str | None) -> dict[str, TagRef]:
    """Each prompt's highest release reachable from a commit: what a change is measured against."""
    found: dict[str, TagRef] = {}
    for ref in list_tags(repo, prefix=prefix, merged=commit) if commit else ():
        known = found.get(ref.tag.id)
        if not ref.tag.yanked and ref.commit and (known is None or ref.tag.version > known.tag.version):
            found[ref.tag.id] = ref
    return found


class Bases:
    """The prompts as they were released; one catalog a commit, since most releases share few.

    Attributes:
        refs: the base releases that are here; in a shallow clone ask :meth:`version` whether they are the bases.
    """

    def __init__(self, repo: Repository, catalog: Catalog, commit: str | None) -> None:
        self._repo = repo
        self._config = catalog.config
        self.refs = base_releases(repo, catalog.config.tag_prefix, commit)
        self._catalogs: dict[str, Catalog] = {}

    def version(self, id: str) -> Version | None:
        """The version of a prompt's base release; None before the first.

        Raises:
            OnbookError: this clone is shallow, so that the base may lie in the history that is not here.
        """
        ref = self.refs.get(id)
        if self._repo.shallow:
            # Of a tag beyond the cut nobody here can say whether this commit descends from it.
            above = [tag for tag in self._unreached.get(id, ()) if ref is None or tag.version > ref.tag.version]
            if ref is None or above:
                told = f"{above[0].name} may be one that this commit descends from" if above else "none is seen"
                raise OnbookError(
                    f"the base release of {id} cannot be told in a shallow clone: {told}",
                    hint="run `git fetch --unshallow --tags`; in GitHub Actions give actions/checkout `fetch-depth: 0`",
                )
        return ref.tag.version if ref else None

    @cached_property
    def _unreached(self) -> dict[str, list[Tag]]:
        found: dict[str, list[Tag]] = {}
        for ref in list_tags(self._repo, prefix=self._config.tag_prefix):
            if not ref.tag.yanked:
                found.setdefault(ref.tag.id, []).append(ref.tag)
        return found

    def source(self, id: str) -> tuple[Source | None, Version | None]:
        """A prompt as its base release has it, with the version; None and None before the first release.

        Raises:
            OnbookError: as :meth:`version`.
        """
        version = self.version(id)
        if version is None:
            return None, None
        commit = self.refs[id].commit
        if commit not in self._catalogs:
            self._catalogs[commit] = Catalog(Commit(self._repo, commit))
        return self._catalogs[commit].get(id), version


def plan(repo: Repository, ids: Iterable[str] = (), *, revision: str = "HEAD") -> Plan:
    """Which prompts need a release at a commit, and whether every gate is open.

    Raises:
        UsageError: a declared version is too small or taken, or the commit is not on the release branch.
        OnbookError: the clone is shallow, so that the base of a prompt is not known.
    """
    snapshot = Commit(repo, revision)
    catalog = Catalog(snapshot)
    _require_branch(repo, snapshot.name, catalog.config.release_branch)
    bases = Bases(repo, catalog, snapshot.name)
    tags = list_tags(repo, prefix=catalog.config.tag_prefix)
    taken = {ref.tag.name: ref for ref in tags}
    checks: list[Check] = []
    releases: list[Planned] = []
    sources = catalog.select(ids)
    for source in sources:
        if source.prompt and source.prompt.is_draft:
            checks.append(_skipped(source, "this prompt is a draft"))
            continue
        old, base = bases.source(source.id)
        try:
            found = diff_sources(source.id, old, source, base=base, readers=catalog.config.readers)
            found = waive(found, waivers_of(catalog.config, source))
        except OnbookError as error:
            checks += _incomparable(catalog, source, base, error)
            continue
        version = next_version(found)
        if version is None:
            checks.append(_skipped(source, f"nothing to release since {base}"))
            continue
        tag = Tag(source.id, version, catalog.config.tag_prefix)
        if tag.name in taken:
            raise UsageError(
                f"tag {tag.name} is taken, by commit {taken[tag.name].commit[:12]}, which is not in this history",
                place=source.path,
                hint="merge that history first, or declare a higher version in the file",
            )
        gates, tests = _gates(catalog, source, found)
        checks += gates
        releases.append(_planned(found, tag, tests))
    rows = [
        {
            "id": item.tag.id,
            "version": str(item.tag.version),
            "tag": item.tag.name,
            "bump": item.bump,
            "digest": item.manifest.digest,
        }
        for item in releases
    ]
    report = Report("release", tuple(checks), head=snapshot.name, data={"tags": rows})
    chosen = {source.id for source in sources}
    earlier = {ref.tag.ref: ref.object for ref in tags if ref.tag.id in chosen and ref.annotated}
    return Plan(snapshot.name, tuple(releases), report, earlier)


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


def _planned(found: PromptDiff, tag: Tag, tests: str) -> Planned:
    assert found.new
    bump = INITIAL if found.base is None else str(found.bump)
    rules = dict.fromkeys(change.rule.id for change in found.changes if found.base is not None)
    previous = str(found.base) if found.base else None
    manifest = Manifest(found.new.digest, bump, found.new.closure, previous, tuple(rules), tests)
    notes = [_note(change) for change in found.changes]
    message = "\n\n".join([f"{tag.id} {tag.version}", "\n".join(notes), manifest.trailers()])
    return Planned(found, tag, bump, manifest, message)


def _note(change: Change) -> str:
    waived = f" (waived: {change.waived})" if change.waived else ""
    return f"- {change.bump} {change.rule.id} {_one_line(change.consequence + waived)}"


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in " ".join(text.split()))


def _gates(catalog: Catalog, source: Source, found: PromptDiff) -> tuple[list[Check], str]:
    """The checks of one prompt's gates, and the words for its tests in the tag."""
    config = catalog.config
    checks = [*lint(catalog, [source.id]).checks] if config.gate("lint") else []
    tested = runner.run([source])
    for check in tested.checks:
        gate = "unchecked" if check.status is Status.UNCHECKED else "tests"
        proxies = any(finding.slug == "proxy-model" for finding in check.findings) and source.suite.gate != "proxy"
        if proxies:
            if config.gate("unchecked"):
                checks.append(Check(check.id, Status.UNCHECKED, check.prompt, check.findings))
        elif config.gate(gate):
            checks.append(check)
    if config.gate("diff") and found.open:
        checks.append(_unproven(source, found))
    return checks, runner.summary(tested)


def _incomparable(catalog: Catalog, source: Source, base: Version | None, error: OnbookError) -> list[Check]:
    """What stands in the way of a comparison: the prompt's own faults, else its base, which this onbook cannot read."""
    if source.problems or source.prompt is None:
        faults = [check for check in lint(catalog, [source.id]).checks if check.status is not Status.PASSED]
        if faults:
            return faults
    told = f"cannot be compared with {base}: {error.message}" if base else error.message
    finding = Finding("OR002", "not-comparable", Severity.ERROR, told, error.place or source.path, hint=error.hint)
    return [Check(f"release/{source.id}", Status.UNCHECKED, source.id, (finding,))]


def _unproven(source: Source, found: PromptDiff) -> Check:
    findings = [finding_of(found, change, frozenset({"unproven"})) for change in found.open]
    return Check.of(f"release/{source.id}", findings, prompt=source.id)


def _skipped(source: Source, message: str) -> Check:
    finding = Finding("OR001", "not-released", Severity.INFO, message, source.path)
    return Check(f"release/{source.id}", Status.SKIPPED, source.id, (finding,))


def _require_branch(repo: Repository, commit: str, configured: str | None) -> None:
    """Refuse a commit that is not on the release branch: a tag on a branch that is never merged helps nobody."""
    if not repo.text("remote"):
        return
    remote = default_remote(repo)
    try:
        branch = configured or head_branch(repo, remote)
    except GitError as error:
        raise OnbookError(
            f"from which branch releases are made is not known: {error.message}",
            hint="set release.branch in onbook.toml, or run `git remote set-head NAME --auto` when the remote answers",
        ) from None
    if branch is None:
        return
    refs = {f"refs/remotes/{remote}/{branch}", f"refs/heads/{branch}"}
    held = repo.text("for-each-ref", f"--contains={commit}", "--format=%(refname)", *refs).split("\n")
    # As a pattern release also means release/1.0.
    if not refs & set(held):
        raise UsageError(
            f"commit {commit[:12]} is not on {branch}, from which releases are made",
            hint=f"merge it to {branch} first, or set release.branch in onbook.toml",
        )
