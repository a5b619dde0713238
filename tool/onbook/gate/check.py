"""``onbook check``: each part looks by itself, and one report says all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any

from onbook.bases import Bases
from onbook.comparison.repository import compare
from onbook.diff.closures import Closures
from onbook.diff.report import diff_report
from onbook.errors import OnbookError, UsageError
from onbook.gate.base import Base
from onbook.gate.tests import held, passed, run_affected
from onbook.gate.trust import Trust, believed, judged_by, new_comments, unreadable
from onbook.lint import lint
from onbook.project import Catalog, Config, Source
from onbook.project.cases import RECORDINGS_SUFFIX, stem
from onbook.repo import Repository, Snapshot
from onbook.repo.snapshot import Commit
from onbook.report import Check, Finding, Report, Severity, Status, parted
from onbook.testing.details import Details
from onbook.testing.selection import changed, may_chain, steps
from onbook.versions import Bump
from onbook.waivers import Waiver, apply

CONFIGURATION = "check/configuration"
"""The check that comes first: what the change would have waved through."""


def check(
    repo: Repository,
    snapshot: Snapshot,
    base: Base,
    *,
    fail_on: Iterable[str] = (),
    fork: bool = False,
    own_config: bool = False,
    jobs: int = 1,
    details: bool = False,
) -> Report:
    """Lint everything, tell what changed since the base, and replay what the change touches.

    Args:
        base: a commit, or None in it for each prompt's latest release.
        fail_on: changes that fail besides those that the gate ``diff`` stops: see ``onbook diff --fail-on``.
        fork: the change comes from people who may not write here: what they recorded is testimony.
        own_config: judge by the change's own configuration and waivers, although the base's are stricter.
        jobs: how many processes may lint.
        details: also give the answers that were graded, with what was asked and what was answered before.

    Raises:
        UsageError: nothing is configured that could be read, on either side.
    """
    work = _Work(repo, snapshot, base, own_config)
    day = date.today()
    told_of = Details() if details else None
    parts = {
        "lint": _part("lint", lambda: _lint(work, jobs, day)),
        "diff": _part("diff", lambda: _diff(work, frozenset(fail_on))),
        "test": _part("test", lambda: run_affected(work.tested, work.old, work.catalog, fork=fork, details=told_of)),
    }
    checks = [Check.of(CONFIGURATION, work.loosened)] if work.loosened else []
    for name, part in parts.items():
        checks += _gated(name, part.checks, work.catalog.config)
    told = Report("check", tuple(checks), base.commit, snapshot.name)
    rows: Any = parts["diff"].data.get("prompts", [])
    bumps = {row["id"]: row["bump"] for row in rows}
    data = {
        "verdict": str(told.status),
        "base": base.by,
        "fork": fork,
        "bump": str(max((Bump[bump.upper()] for bump in bumps.values()), default=Bump.NONE)),
        "bumps": bumps,
        "changed": sorted({*bumps, *(source.id for source in work.affected)}) if work.known else sorted(bumps),
        **{name: part.data for name, part in parts.items()},
    }
    return replace(told, data=data)


def not_checked(error: OnbookError, *, part: str = "check/base") -> Report:
    """The report of a check that could not begin."""
    finding = Finding("OC001", "not-checked", Severity.ERROR, error.message, *parted(error.place), hint=error.hint)
    empty: dict[str, object] = {"prompts": []}
    data: dict[str, object] = {
        "verdict": str(Status.UNCHECKED),
        "base": None,
        "fork": False,
        "bump": "none",
        "bumps": {},
        "changed": [],
    }
    parts: dict[str, object] = {"lint": {}, "diff": empty, "test": empty}
    return Report("check", (Check(part, Status.UNCHECKED, None, (finding,)),), data={**data, **parts})


def _part(name: str, look: Callable[[], Report]) -> Report:
    """What a part says, or that it could not look: the other parts still do."""
    try:
        return look()
    except OnbookError as error:
        told = not_checked(error, part=f"{name}/repository")
        return Report(name, told.checks, data={} if name == "lint" else {"prompts": []})


@dataclass(frozen=True)
class _Work:
    """What the parts share; each is looked for once, when it is asked for."""

    repo: Repository
    snapshot: Snapshot
    base: Base
    own_config: bool

    @cached_property
    def before(self) -> Catalog | None:
        """All prompts at the base; None where each has a base of its own."""
        return Catalog(Commit(self.repo, self.base.commit)) if self.base.commit else None

    @cached_property
    def trust(self) -> Trust:
        """What is judged by."""
        if self.before is None or self.own_config:
            return Trust(Config.load(self.snapshot))
        base = self.before.config
        try:
            head = Config.load(self.snapshot)
            left = Catalog(self.snapshot, replace(head, prompts=base.prompts)).ids
            return judged_by(base, head, moved=not left)
        except UsageError as error:
            return Trust(base, (unreadable(error),))

    @cached_property
    def catalog(self) -> Catalog:
        """All prompts that are judged."""
        return Catalog(self.snapshot, self.trust.config)

    @cached_property
    def loosened(self) -> tuple[Finding, ...]:
        """What the change would have waved through."""
        if self.before is None or self.own_config or not self.known:
            return self.trust.loosened
        comments = [each for source in self.affected for each in new_comments(source, self.before.get(source.id))]
        return (*self.trust.loosened, *comments)

    @cached_property
    def commit(self) -> str | None:
        """The commit that releases must be reachable from."""
        return self.snapshot.name if isinstance(self.snapshot, Commit) else self.repo.head

    @cached_property
    def bases(self) -> Bases:
        """The releases that prompts are compared with where there is no base."""
        return Bases(self.repo, self.catalog.config, self.commit)

    @cached_property
    def known(self) -> bool:
        """Whether it can be told which prompts are affected."""
        try:
            return self.affected is not None
        except OnbookError:
            return False

    @cached_property
    def affected(self) -> list[Source]:
        """The prompts of which the closure, the cases, the suite or the recordings changed.

        Raises:
            OnbookError: the base of one cannot be told.
        """
        found = (self.catalog.get(id) for id in sorted(self._touched))
        return [source for source in found if source is not None and changed(source, self.old(source)[0])]

    @cached_property
    def tested(self) -> list[Source]:
        """Those, and the prompts whose chains ask one that reads otherwise now, or is gone.

        Raises:
            OnbookError: the base of one cannot be told.
        """
        found = {source.id: source for source in self.affected}
        moved = {id for id in self._touched if self._reads_otherwise(id)}
        for id, path in self.catalog.paths.items() if moved else ():
            if id not in found and may_chain(self.snapshot, path):
                source = self.catalog.get(id)
                if source is not None and steps(source) & moved:
                    found[id] = source
        return [found[id] for id in sorted(found)]

    @cached_property
    def _touched(self) -> set[str]:
        """The prompts that may have changed, those that are gone among them."""
        if self.before is None:
            ids = {id for id in self.catalog.ids if self._moved(id)}
            return ids | set(self.bases.others(self.catalog.paths))
        closures = Closures(self.repo)
        ids = closures.touched(self.before, self.catalog)
        closures.save()
        return ids | {id for id, path in self.catalog.paths.items() if self._recorded(path, self.before.snapshot)}

    def _reads_otherwise(self, id: str) -> bool:
        """Whether a prompt's closure is not what it was; its tests do not matter to those who ask it."""
        here = self.catalog.get(id)
        if here is None:
            return True
        before = self.old(here)[0]
        return before is None or here.digest != before.digest or here.path != before.path

    def old(self, source: Source) -> tuple[Source | None, str]:
        """A prompt as it was at its base, and what that is called."""
        if self.before is not None:
            assert self.base.commit
            return self.before.get(source.id), self.base.commit[:12]
        released, version = self.bases.source(source.id)
        return released, str(version) if version else "no release"

    def waivers(self, source: Source | None) -> list[Waiver]:
        """The waivers that may speak of a prompt."""
        config = list(self.catalog.config.waivers)
        if source is None:
            return config
        trusted = source if self.before is None or self.own_config else self.before.get(source.id)
        return [*config, *believed(source, trusted)]

    def _moved(self, id: str) -> bool:
        ref, path = self.bases.named.get(id), self.catalog.paths[id]
        if ref is None or not self._closures.as_released(ref, path, self.snapshot):
            return True
        return self._recorded(path, Commit(self.repo, ref.commit))

    @cached_property
    def _closures(self) -> Closures:
        return Closures(self.repo)

    def _recorded(self, path: str, before: Snapshot) -> bool:
        recordings = stem(path) + RECORDINGS_SUFFIX
        return before.identity(recordings) != self.snapshot.identity(recordings)


def _lint(work: _Work, jobs: int, today: date) -> Report:
    found = lint(work.catalog, today=today, jobs=jobs, keep=True)
    if work.before is None or work.own_config:
        return found
    return replace(found, checks=tuple(_rejudged(work, check, today) for check in found.checks))


def _rejudged(work: _Work, check: Check, today: date) -> Check:
    """A check without what only a new comment waives."""
    if check.prompt is None or not any(finding.waived for finding in check.findings):
        return check
    source = work.catalog.get(check.prompt)
    findings, _ = apply((each._replace(waived=False) for each in check.findings), work.waivers(source), today)
    judged = Check.of(check.id, findings, prompt=check.prompt)
    return replace(judged, status=Status.UNCHECKED) if check.status is Status.UNCHECKED else judged


def _diff(work: _Work, fail_on: frozenset[str]) -> Report:
    if work.catalog.config.gate("diff"):
        fail_on |= {"undeclared", "unproven"}
    found = compare(work.repo, work.catalog, base=work.base.commit, commit=work.commit, waivers=work.waivers)
    return diff_report(
        found.diffs, base=work.base.commit, head=work.snapshot.name, fail_on=fail_on,
        declare=work.catalog.config.gate("major"), broken=found.broken, more=found.more,
        passed_over=found.passed_over,
    )  # fmt: skip


def _gated(part: str, checks: Iterable[Check], config: Config) -> list[Check]:
    """The checks of a part; what no gate stops at a release is told here as a warning."""
    if part == "test":
        return [held(check, config) for check in checks]
    shut = part != "lint" or config.gate("lint")
    return [check if shut or check.status is Status.UNCHECKED else passed(check) for check in checks]
