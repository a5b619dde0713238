"""Releases: plan which prompts need one, and write their tags all or none.

Order of writing: tag objects are created, a journal of (ref, object) is kept in the git directory, the push is atomic
and by object id, then the local refs are written in one transaction. A killed process leaves the remote with none or
all; locally the next run completes what its journal says. Tags are the only state.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from onbook.diff import PromptDiff, diff_sources, next_version
from onbook.errors import IntegrityError, OnbookError, UsageError
from onbook.files import write_atomic
from onbook.lint import lint
from onbook.manifest import Manifest
from onbook.project import Catalog, Source
from onbook.repo import Repository
from onbook.repo.git import GitError
from onbook.repo.remote import default_remote, push, remote_tags
from onbook.repo.signing import sign, wanted
from onbook.repo.snapshot import Commit
from onbook.repo.tags import TagRef, create_refs, list_tags, tagger, write_objects
from onbook.report import Check, Finding, Report, Severity, Status
from onbook.testing import runner
from onbook.versions import Tag, Version

JOURNAL = "release.json"
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
    """The prompts as they were released; one catalog a commit, since most releases share few."""

    def __init__(self, repo: Repository, catalog: Catalog, commit: str | None) -> None:
        self._repo = repo
        self._config = catalog.config
        self.refs = base_releases(repo, catalog.config.tag_prefix, commit)
        self._catalogs: dict[str, Catalog] = {}

    def source(self, id: str) -> tuple[Source | None, Version | None]:
        """A prompt as its base release has it, with the version; None and None before the first release."""
        ref = self.refs.get(id)
        if ref is None:
            return None, None
        if ref.commit not in self._catalogs:
            self._catalogs[ref.commit] = Catalog(Commit(self._repo, ref.commit))
        return self._catalogs[ref.commit].get(id), ref.tag.version


def plan(repo: Repository, ids: Iterable[str] = (), *, revision: str = "HEAD") -> Plan:
    """Which prompts need a release at a commit, and whether every gate is open.

    Raises:
        UsageError: a declared version is too small or taken, or the commit is not on the release branch.
        OnbookError: a prompt cannot be compared with its base.
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
        found = diff_sources(source.id, old, source, base=base, readers=catalog.config.readers)
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
    earlier = {ref.tag.ref: ref.object for ref in tags if ref.tag.id in chosen}
    return Plan(snapshot.name, tuple(releases), report, earlier)


def apply(repo: Repository, plan: Plan, *, remote: str | None = None) -> None:
    """Write the tags of a plan, and push them first if a remote is given. Everything, or nothing.

    Raises:
        OnbookError: signing or pushing failed; no ref has been written then.
    """
    with _locked(repo) as journal:
        objects: list[str] = []
        if plan.releases:
            who = tagger(repo)
            payloads = [item.payload(plan.commit, who) for item in plan.releases]
            objects = write_objects(repo, sign(repo, payloads) if wanted(repo) else payloads)
        refs = {item.tag.ref: oid for item, oid in zip(plan.releases, objects, strict=True)}
        outgoing = {**_unpushed(repo, plan, remote), **refs} if remote else {}
        if not refs and not outgoing:
            return
        write_atomic(journal, json.dumps({"version": 1, "remote": remote, "refs": refs}).encode())
        try:
            if remote and outgoing:
                push(repo, remote, outgoing)
            create_refs(repo, refs)
        except GitError as error:
            journal.unlink()
            raise IntegrityError(
                f"no tag was written: {error.message}",
                hint="somebody may have released meanwhile: `git fetch --tags`, then release again",
            ) from None
        journal.unlink()


def _unpushed(repo: Repository, plan: Plan, remote: str) -> dict[str, str]:
    """Earlier releases of the same prompts that the remote lacks, or has otherwise: the push will say so."""
    there = remote_tags(repo, remote) if plan.earlier else {}
    return {ref: oid for ref, oid in plan.earlier.items() if there.get(ref) != oid}


def recover(repo: Repository) -> list[str]:
    """Complete what a killed run has left: its journal says which refs to write, and whether to push them first.

    Returns:
        The names of the tags that were completed.

    Raises:
        OnbookError: the remote cannot be reached, or another release runs.
    """
    if not _folder(repo).joinpath(JOURNAL).exists():
        return []
    with _locked(repo) as journal:
        try:
            data = json.loads(journal.read_bytes())
            refs: dict[str, str] = data["refs"]
        except FileNotFoundError:
            return []
        except (ValueError, KeyError, TypeError):
            raise OnbookError("the journal of an earlier release is unreadable", place=str(journal)) from None
        for ref in refs:
            # Only the journal's own locks: nobody else writes these names, and the run that did is dead.
            (repo.git_dir / f"{ref}.lock").unlink(missing_ok=True)
        if data.get("remote") and refs:
            push(repo, data["remote"], refs)
        present = set(repo.text("for-each-ref", "--format=%(refname)", *refs).splitlines()) if refs else set()
        missing = {ref: oid for ref, oid in refs.items() if ref not in present}
        if missing:
            create_refs(repo, missing)
        journal.unlink()
        return [ref.removeprefix("refs/tags/") for ref in missing]


def _planned(found: PromptDiff, tag: Tag, tests: str) -> Planned:
    assert found.new
    bump = INITIAL if found.base is None else str(found.bump)
    rules = dict.fromkeys(change.rule.id for change in found.changes if found.base is not None)
    previous = str(found.base) if found.base else None
    manifest = Manifest(found.new.digest, bump, found.new.closure, previous, tuple(rules), tests)
    notes = [f"- {change.bump} {change.rule.id} {_one_line(change.consequence)}" for change in found.changes]
    message = "\n\n".join([f"{tag.id} {tag.version}", "\n".join(notes), manifest.trailers()])
    return Planned(found, tag, bump, manifest, message)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _gates(catalog: Catalog, source: Source, found: PromptDiff) -> tuple[list[Check], str]:
    """The checks of one prompt's gates, and the words for its tests in the tag."""
    config = catalog.config
    checks = [*lint(catalog, [source.id]).checks] if config.gate("lint") else []
    tested = runner.run([source])
    for check in tested.checks:
        gate = "unchecked" if check.status is Status.UNCHECKED else "tests"
        proxies = any(finding.slug == "proxy-model" for finding in check.findings) and source.suite.gate != "proxy"
        if proxies:
            checks.append(Check(check.id, Status.UNCHECKED, check.prompt, check.findings))
        elif config.gate(gate):
            checks.append(check)
    if config.gate("diff") and not found.proved:
        checks.append(_unproven(source, found))
    return checks, runner.summary(tested)


def _unproven(source: Source, found: PromptDiff) -> Check:
    findings = [
        Finding(change.rule.id, change.rule.slug, Severity.ERROR, change.consequence, source.path)
        for change in found.changes
        if change.rule.slug.endswith("-unproven")
    ]
    return Check.of(f"release/{source.id}", findings, prompt=source.id)


def _skipped(source: Source, message: str) -> Check:
    finding = Finding("OR001", "not-released", Severity.INFO, message, source.path)
    return Check(f"release/{source.id}", Status.SKIPPED, source.id, (finding,))


def _require_branch(repo: Repository, commit: str, configured: str | None) -> None:
    """Refuse a commit that is not on the release branch: a tag on a branch that is never merged helps nobody."""
    remotes = repo.text("remote").splitlines()
    if not remotes:
        return
    remote = default_remote(repo)
    branch = configured
    if branch is None:
        head = repo.text("symbolic-ref", "--quiet", f"refs/remotes/{remote}/HEAD", accept=(0, 1))
        branch = head.removeprefix(f"refs/remotes/{remote}/") or None
    if branch is None:
        return
    refs = [f"refs/remotes/{remote}/{branch}", f"refs/heads/{branch}"]
    held = repo.text("for-each-ref", f"--contains={commit}", "--format=%(refname)", *refs).splitlines()
    if not held:
        raise UsageError(
            f"commit {commit[:12]} is not on {branch}, from which releases are made",
            hint=f"merge it to {branch} first, or set release.branch in onbook.toml",
        )


def _folder(repo: Repository) -> Path:
    return repo.git_dir / "onbook"


@contextmanager
def _locked(repo: Repository) -> Iterator[Path]:
    """Hold this repository's release lock; the system frees it when a process dies.

    Raises:
        OnbookError: another release runs here.
    """
    folder = _folder(repo)
    folder.mkdir(exist_ok=True)
    with (folder / "release.lock").open("w") as handle:
        try:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:
            pass  # Windows: two releases at once are still kept apart by the ref transaction
        except OSError:
            raise OnbookError("another release runs in this repository", hint="wait for it to end") from None
        yield folder / JOURNAL
