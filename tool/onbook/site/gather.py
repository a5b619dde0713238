"""What the catalogue tells of each prompt: its file, its releases, and where it runs. Nothing is written here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from onbook.environments import Deployment, running
from onbook.errors import OnbookError
from onbook.project import Catalog, Source
from onbook.prompt import is_id
from onbook.repo import Repository
from onbook.repo.snapshot import Commit
from onbook.repo.tags import TagRef, list_tags, read_tags
from onbook.report import Check, Finding, Severity, Status
from onbook.site.absent import absent
from onbook.site.address import address, name_of
from onbook.site.history import Release, latest, standing
from onbook.versions import Version

MAX_NAME = 200  # characters of a name that is shown in lists
MAX_TAGS = 40  # of one prompt


def shortened(value: object, most: int = MAX_NAME) -> str:
    """A value as text of so many characters at most: what stands in a list is short, whatever a file says."""
    text = str(value)
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


@dataclass(frozen=True, slots=True)
class Where:
    """One environment that runs a prompt, at the tip that clients read.

    Attributes:
        on: the day since when (UTC as git has it); by: who made it so; both empty where history does not say.
        withdrawn: the versions among those which were withdrawn since.
    """

    environment: str
    deployment: Deployment
    on: str = ""
    by: str = ""
    commit: str = ""
    withdrawn: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One prompt of the catalogue.

    Attributes:
        refs: its release tags; latest: the release that a range would choose, None before the first.
        absent: why it has no file where the pages look, though it runs; empty where it has one. ``shown`` is then the
            release whose files are told of, None where it is not here.
    """

    source: Source
    refs: tuple[TagRef, ...] = ()
    latest: Release | None = None
    where: tuple[Where, ...] = ()
    absent: str = ""
    shown: Version | None = None

    @property
    def id(self) -> str:
        """The prompt's id, legal or not."""
        return self.source.id

    @property
    def page(self) -> str:
        """Where its page stands, from the folder of the site: a name of ours alone, whatever the id is."""
        if is_id(self.id):
            return f"p/{self.id}.html"
        # No legal id begins so.
        return f"p/_{hashlib.sha256(self.id.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}.html"

    @property
    def title(self) -> str:
        """What people call it."""
        prompt = self.source.prompt
        return shortened((prompt.name if prompt else None) or self.id)

    @property
    def status(self) -> str:
        """``draft``, ``active``, ``deprecated``, ``unreadable``; ``deleted`` or ``elsewhere`` where no file is; empty
        where the file does not say.
        """
        if self.absent:
            return self.absent
        return "unreadable" if self.source.prompt is None else self._metadata("status")

    @property
    def owner(self) -> str:
        """The team that looks after it; empty where the file does not say."""
        return self._metadata("owner")

    @property
    def replaced_by(self) -> str:
        """The id of the prompt to use instead; empty where the file names none."""
        return self._metadata("replacedBy")

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of its metadata, each once."""
        prompt = self.source.prompt
        found = prompt.metadata.get("tags") if prompt else None
        return tuple(dict.fromkeys(map(shortened, found[:MAX_TAGS]))) if isinstance(found, list | tuple) else ()

    @property
    def edited(self) -> bool:
        """Whether the files differ from those of the latest release."""
        return not self.absent and self.latest is not None and self.latest.digest != self.source.digest

    def _metadata(self, key: str) -> str:
        prompt = self.source.prompt
        value = prompt.metadata.get(key) if prompt else None
        return shortened(value) if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class Changed:
    """A commit and its day; both empty where there is none, as before the first one."""

    commit: str = ""
    on: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """All that the pages are made of.

    Attributes:
        name: of the repository; url: where it is fetched from, empty where nobody knows.
        changed: the commit that last touched the prompts.
        environments: all that there are; checks: what could not be read.
    """

    repo: Repository
    entries: tuple[Entry, ...]
    name: str
    url: str
    tag_prefix: str
    changed: Changed
    environments: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()


def gather(repo: Repository, catalog: Catalog, *, url: str = "") -> Site:
    """The catalogue of a place in history, with all release tags and environments of the repository.

    Git is asked a fixed number of times and a few times for each environment, and for each prompt that runs and has no
    file; never once for each prompt.

    Args:
        url: where applications fetch from; empty: as git's remote says, if others can use that.
    """
    grouped: dict[str, list[TagRef]] = {}
    for ref in list_tags(repo, prefix=catalog.config.tag_prefix):
        grouped.setdefault(ref.tag.id, []).append(ref)
    # Of each prompt the one that is most likely its latest: all of them in one go.
    first = read_tags(repo, (ref for refs in grouped.values() for ref in standing(refs)[:1]))
    running, names, checks = _environments(repo)
    deployed = {id: [each.deployment for each in where] for id, where in running.items()}
    gone = {each.source.id: each for each in absent(repo, catalog, deployed, grouped)}
    sources = [*catalog.select(()), *(each.source for each in gone.values())]
    entries = []
    for source in sorted(sources, key=lambda source: source.id):
        refs = tuple(sorted(grouped.get(source.id, ()), key=lambda ref: ref.tag.name))
        where = tuple(_marked(each, refs) for each in running.get(source.id, ()))
        away = gone.get(source.id)
        why = (away.why, away.version) if away else ("", None)
        entries.append(Entry(source, refs, latest(repo, refs, first), where, *why))
        if source.prompt is None:
            checks.append(_unreadable(source))
    if repo.shallow:
        checks.append(_shallow())
    found = url or address(repo)
    return Site(
        repo,
        tuple(entries),
        name_of(found, repo),
        found,
        catalog.config.tag_prefix,
        _changed(repo, catalog),
        tuple(names),
        tuple(checks),
    )


def _changed(repo: Repository, catalog: Catalog) -> Changed:
    # Not the commit that is checked out: a commit elsewhere would change the list, and nothing that it lists.
    revision = catalog.snapshot.name if isinstance(catalog.snapshot, Commit) else repo.head
    if revision is None:
        return Changed()
    told = repo.log("--max-count=1", "--format=%H %cs", revision, "--", catalog.config.prompts).decode().split()
    return Changed(*told) if told else Changed()


def _environments(repo: Repository) -> tuple[Mapping[str, Sequence[Where]], list[str], list[Check]]:
    """What runs where, by prompt; an environment whose file has faults hides no other."""
    found: dict[str, list[Where]] = {}
    checks = []
    try:
        names = running.environment_names(repo)
    except OnbookError as error:
        return {}, [], [_unchecked("environments", error)]
    for name in names:
        try:
            rows = running.status(repo, name)[1]
        except OnbookError as error:
            checks.append(_unchecked(f"environments/{name}", error))
            continue
        for row in rows:
            where = Where(name, row.deployment, row.at[:10], row.by, row.commit)
            found.setdefault(row.id, []).append(where)
    return found, names, checks


def _marked(where: Where, refs: Sequence[TagRef]) -> Where:
    withdrawn = {ref.tag.version for ref in refs if ref.tag.yanked}
    runs = [each.version for each in (where.deployment.stable, where.deployment.canary) if each]
    gone = tuple(str(version) for version in runs if version in withdrawn)
    return Where(where.environment, where.deployment, where.on, where.by, where.commit, gone)


def _unreadable(source: Source) -> Check:
    findings = tuple(_findings(source))
    return Check(f"site/{source.id}", Status.UNCHECKED, source.id, findings)


def _findings(source: Source) -> Iterator[Finding]:
    for problem in source.problems[:1]:
        hint = problem.hint or "its page says so; `onbook lint` tells all that is wrong"
        place = (problem.path, problem.line, problem.column)
        yield Finding("ON000", "not-checked", Severity.ERROR, problem.message, *place, hint=hint)


def _unchecked(id: str, error: OnbookError) -> Check:
    finding = Finding("OW102", "environment-unread", Severity.ERROR, error.message, error.place, hint=error.hint)
    return Check(f"site/{id}", Status.UNCHECKED, None, (finding,))


def _shallow() -> Check:
    message = "this clone is shallow, so that releases and deployments may be missing from the pages"
    hint = "run `git fetch --unshallow --tags`; in GitHub Actions give actions/checkout `fetch-depth: 0`"
    finding = Finding("OW101", "shallow", Severity.ERROR, message, hint=hint)
    return Check("site/history", Status.UNCHECKED, None, (finding,))
